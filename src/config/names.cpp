#include "config/names.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace porteiro::config {
namespace {

using nlohmann::json;

constexpr std::size_t listed_max = 8;

// The names that one place defines, and what the place is called in a problem.
struct Defined {
  bool known = true;  // False: the place itself is wrong, nothing can be said.
  bool whole = true;  // False: an earlier part of a slotted name is the wrong one.
  std::vector<std::string> names;
  std::string where;
  std::string part;  // Of the name that is looked up here; the rest of it is right.
};

std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size()) {
      out += token[++i] == '1' ? '/' : '~';
    } else {
      out += token[i];
    }
  }
  return out;
}

class Lookup {
 public:
  Lookup(const std::set<std::string>& unsure, const json& document)
      : unsure_(unsure), document_(document) {}

  Defined at(const std::string& pointer) const {
    Defined out;
    out.where = pointer;
    const json* node = &document_;
    std::string so_far;
    for (std::size_t start = 0; start < pointer.size();) {
      const std::size_t end = std::min(pointer.find('/', start + 1), pointer.size());
      so_far.append(pointer, start, end - start);
      if (unsure_.contains(so_far)) out.known = false;
      node = step(node, unescaped(std::string_view(pointer).substr(start + 1, end - start - 1)));
      if (node == nullptr) return out;
      start = end;
    }
    collect(*node, out.names);
    return out;
  }

 private:
  static const json* step(const json* node, const std::string& token) {
    if (node->is_object()) {
      const auto found = node->find(token);
      return found == node->end() ? nullptr : &*found;
    }
    const bool number = !token.empty() && token.size() < 10 &&
                        token.find_first_not_of("0123456789") == std::string::npos;
    if (!node->is_array() || !number) return nullptr;
    const std::size_t index = std::stoul(token);
    return index < node->size() ? &(*node)[index] : nullptr;
  }

  static void collect(const json& node, std::vector<std::string>& names) {
    if (node.is_object()) {
      for (const auto& [name, value] : node.items()) names.push_back(name);
    } else if (node.is_array()) {
      for (const json& item : node) {
        const json* id = item.is_object() ? step(&item, "id") : nullptr;
        if (id != nullptr && id->is_string()) names.push_back(id->get<std::string>());
      }
    }
  }

  const std::set<std::string>& unsure_;
  const json& document_;
};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "2/fields" from "/a/b/c": two levels up, then down. Empty levels: "0" is the use itself.
std::string absolute(const std::string& use, std::string_view relative) {
  const std::size_t digits = std::min(relative.find('/'), relative.size());
  std::string out = use;
  for (int up = std::stoi(std::string(relative.substr(0, digits))); up > 0; --up) {
    out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
  }
  return out + std::string(relative.substr(digits));
}

// "/stores/{}/collections/{}" with "B/profile": names of the first part that is not there, or of
// the last one. Behind the last slot there may be a name that stands for itself: "/stores/{}/*".
Defined slotted(const Lookup& lookup, std::string_view place, std::string_view name) {
  std::string pointer;
  std::string right;  // The parts found so far.
  while (true) {
    const std::size_t slot = place.find("/{}");
    if (slot == std::string_view::npos) {
      Defined out;
      out.names.push_back(right + std::string(place.substr(1)));
      out.part = right + std::string(name);
      return out;
    }
    pointer += place.substr(0, slot);
    place.remove_prefix(slot + 3);
    const std::string part(place.empty() ? name : name.substr(0, name.find('/')));
    Defined out = lookup.at(pointer);
    out.part = part;
    out.whole = place.empty();
    if (place.empty() || !out.known || !has(out.names, part)) {
      for (std::string& each : out.names) each = right + each;
      out.part = part.empty() ? right.substr(0, right.size() - 1) : right + part;
      return out;
    }
    append_token(pointer, part);
    right += part + "/";
    name.remove_prefix(std::min(part.size() + 1, name.size()));
  }
}

Defined defined(const Lookup& lookup, std::string_view place, const NameUse& use) {
  Defined out;
  const std::size_t slash = place.find('/');
  const bool relative = place[0] >= '0' && place[0] <= '9';
  if (relative) {
    out = lookup.at(absolute(use.pointer, place));
  } else if (slash == std::string_view::npos) {
    out.names.emplace_back(place);
  } else if (place.find("{}") != std::string_view::npos) {
    return slotted(lookup, place, use.name);
  } else {
    out = lookup.at(std::string(place.substr(slash)));
    for (std::string& name : out.names) name.insert(0, place.substr(0, slash));
  }
  out.part = use.name;
  return out;
}

std::string shown(const std::string& name, bool in_template) {
  return in_template ? "{{" + name + "}}" : in_quotes(name);
}

std::string text_of(const NameUse& use, const std::vector<Defined>& all) {
  std::vector<std::string> names;
  std::vector<std::string> places;
  const auto add = [](std::vector<std::string>& to, const std::string& text) {
    if (!text.empty() && !has(to, text)) to.push_back(text);
  };
  for (const Defined& each : all) {
    for (const std::string& name : each.names) add(names, name);
    add(places, each.where);
  }
  const std::string& part = all.front().part;
  std::string text = shown(part, use.in_template) + " is not defined";
  if (!places.empty()) text += " in " + listed(places, "or");
  if (const std::string near = nearest(part, names); !near.empty()) {
    return text + "; did you mean " + shown(near, use.in_template) + "?";
  }
  if (names.empty() || names.size() > listed_max) return text;
  for (std::string& name : names) name = shown(name, use.in_template);
  return text + "; known: " + listed(names, "and");
}

void check_use(const Lookup& lookup, const NameUse& use, Problems& problems) {
  std::vector<Defined> all;
  const auto look = [&](const json& place) {
    Defined found = defined(lookup, place.get_ref<const std::string&>(), use);
    const bool right = !found.known || (found.whole && has(found.names, found.part));
    all.push_back(std::move(found));
    return right;
  };
  if (use.places->is_array()) {
    for (const json& place : *use.places) {
      if (look(place)) return;
    }
  } else if (look(*use.places)) {
    return;
  }
  problems.add(use.pointer, text_of(use, all));
}

}  // namespace

void check_names(const std::vector<NameUse>& uses, const std::set<std::string>& unsure,
                 const json& document, Problems& problems) {
  const Lookup lookup(unsure, document);
  for (const NameUse& use : uses) check_use(lookup, use, problems);
}

std::vector<std::string> template_names(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t start = text.find("{{"); start != std::string_view::npos;
       start = text.find("{{", start)) {
    start += 2;
    const std::size_t end = text.find("}}", start);
    const bool open = end == std::string_view::npos;  // Then the name is empty: not defined.
    out.emplace_back(open ? std::string_view() : text.substr(start, end - start));
    start = open ? text.size() : end + 2;
  }
  return out;
}

}  // namespace porteiro::config
