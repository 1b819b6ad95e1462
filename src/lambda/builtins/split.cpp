#include "lambda/builtins/split.hpp"

#include <algorithm>

namespace porteiro::lambda::builtins {
namespace {

using nlohmann::json;

// "$", "$.a.b", "$.a[*]".
bool read_path(std::string_view text, Part& part) {
  if (!text.starts_with('$')) return false;
  text.remove_prefix(1);
  if (text.ends_with("[*]")) {
    part.many = true;
    text.remove_suffix(3);
  }
  while (!text.empty()) {
    if (text.front() != '.') return false;
    text.remove_prefix(1);
    const std::string_view name = text.substr(0, text.find('.'));
    if (name.empty() || name.find_first_of("[]*$") != std::string_view::npos) return false;
    part.path.emplace_back(name);
    text.remove_prefix(name.size());
  }
  return true;
}

void add_links(std::vector<Part>& parts) {
  for (Part& child : parts) {
    for (const stores::Field& field : child.collection->fields) {
      if (field.type != stores::Type::reference) continue;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const Part& parent = parts[i];
        if (&parent == &child || parent.many || parent.collection->name != field.reference)
          continue;
        child.links.emplace_back(field.name, i);
        break;
      }
    }
  }
}

Error not_a_record(const Part& part) {
  return error(Errc::invalid, part.many ? "has to be a list of objects" : "has to be an object",
               part.place());
}

// What is at the part's place, out of the document; null when there is nothing.
json take(const Part& part, json& document) {
  if (part.path.empty()) return std::move(document);
  json* at = &document;
  for (std::size_t i = 0; i + 1 < part.path.size(); ++i) {
    if (!at->is_object() || !at->contains(part.path[i])) return nullptr;
    at = &(*at)[part.path[i]];
  }
  if (!at->is_object() || !at->contains(part.path.back())) return nullptr;
  json taken = std::move((*at)[part.path.back()]);
  at->erase(part.path.back());
  return taken;
}

}  // namespace

std::string Part::place() const {
  std::string place = "body";
  for (const std::string& name : path) place += "." + name;
  return place;
}

Result<std::vector<Part>> read_parts(const With& with, const stores::Access& store) {
  std::vector<Part> parts;
  if (with.has("split") == with.has("collection")) {
    return wrong("give either `collection` or `split`", "split");
  }
  if (with.has("collection")) {
    PORTEIRO_TRY(const stores::Collection* collection, with.collection(store));
    parts.push_back(Part{collection, {}, false, {}});
    return parts;
  }
  const json& split = with.at("split");
  if (!split.is_object() || split.empty()) {
    return wrong("has to be an object: collection to place, such as \"$\" or \"$.debts[*]\"",
                 "split");
  }
  for (const auto& [name, path] : split.items()) {
    const std::string member = "split/" + name;
    PORTEIRO_TRY(const stores::Collection* collection, find_collection(store, name, member));
    Part part{collection, {}, false, {}};
    if (!path.is_string() || !read_path(path.get_ref<const std::string&>(), part)) {
      return wrong("has to be a place such as \"$\", \"$.address\" or \"$.debts[*]\"", member);
    }
    if (std::any_of(parts.begin(), parts.end(),
                    [&](const Part& other) { return other.path == part.path; })) {
      return wrong("two collections cannot be made of the same place", member);
    }
    parts.push_back(std::move(part));
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.path.size() < b.path.size(); });
  add_links(parts);
  return parts;
}

Result<std::vector<std::vector<json>>> take_apart(const std::vector<Part>& parts, json document) {
  std::vector<std::vector<json>> records(parts.size());
  for (std::size_t i = parts.size(); i-- > 0;) {  // The inner ones before what they are in.
    const Part& part = parts[i];
    json taken = take(part, document);
    if (taken.is_null() && !part.path.empty()) continue;
    if (!part.many) {
      records[i].push_back(std::move(taken));
    } else if (taken.is_array()) {
      for (json& item : taken) records[i].push_back(std::move(item));
    } else {
      return not_a_record(part);
    }
    for (const json& record : records[i]) {
      if (!record.is_object()) return not_a_record(part);
    }
  }
  return records;
}

}  // namespace porteiro::lambda::builtins
