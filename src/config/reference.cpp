// A schema as Markdown: one section for each member of the document and each shared definition.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/alternatives.hpp"
#include "config/validator.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

using Schema = nlohmann::ordered_json;  // In its own order.

const Schema* find(const Schema& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string code(const std::string& text) { return "`" + text + "`"; }

std::string in_cell(std::string text) {
  for (std::size_t at = text.find('|'); at != text.npos; at = text.find('|', at + 2)) {
    text.insert(at, "\\");
  }
  return text;
}

class Reference {
 public:
  explicit Reference(const Schema& root) : root_(root) {}

  std::string render() {
    out_ = "# " + text(root_, "title") + "\n\n" + text(root_, "description") + "\n\n" +
           "Written from the schema `" + file() + "`, which is where the fields, bounds and\n" +
           "defaults are defined; a unit test keeps the two alike.\n\n" +
           "`*` stands for a name of your own or for each item of a list. Durations are written\n" +
           "`800ms`, `30s`, `12h` (units ns, us, ms, s, m, h, d), sizes `64KiB` or a number of "
           "bytes,\nrates `200/s`.\n";
    for (const auto& [name, schema] : root_.at("properties").items()) {
      if (name != "$schema") section("/" + name, schema, required(root_, name));
    }
    for (std::size_t i = 0; i < shared_.size(); ++i) {  // Grows while it goes.
      const std::string name = shared_[i];
      definition(name, root_.at("definitions").at(name));
    }
    return std::move(out_);
  }

 private:
  struct Row {
    std::string pointer, type, bounds, usual, what;
  };

  static std::string text(const Schema& schema, const char* name) {
    const Schema* found = find(schema, name);
    return found == nullptr ? std::string() : found->get<std::string>();
  }

  std::string file() const {
    const std::string id = text(root_, "$id");
    return "config/schema/" + id.substr(id.rfind('/') + 1);
  }

  static bool required(const Schema& schema, const std::string& name) {
    const Schema* names = find(schema, "required");
    return names != nullptr && std::find(names->begin(), names->end(), name) != names->end();
  }

  const Schema& target(const Schema& schema) const {
    const Schema* reference = find(schema, "$ref");
    if (reference == nullptr) return schema;
    return root_.at("definitions").at(reference->get<std::string>().substr(14));
  }

  // Definitions with members of their own have a section; simple ones stand where they are used.
  static bool has_section(const Schema& schema) {
    if (find(schema, "properties") != nullptr) return true;
    const Schema* branches = find(schema, "oneOf");
    if (branches == nullptr) return false;
    return std::any_of(branches->begin(), branches->end(), [](const Schema& each) {
      return find(each, "properties") != nullptr || find(each, "$ref") != nullptr;
    });
  }

  void section(const std::string& pointer, const Schema& schema, bool needed) {
    out_ += "\n## " + pointer.substr(1) + "\n\n";
    std::vector<Row> rows;
    field(rows, pointer, schema, needed);
    table(rows);
  }

  void definition(const std::string& name, const Schema& schema) {
    out_ += "\n## Definition: " + name + "\n\n" + text(schema, "description") + "\n";
    const Schema* branches = find(schema, "oneOf");
    if (branches == nullptr || find(schema, "properties") != nullptr) {
      std::vector<Row> rows;
      members(rows, "", schema);
      out_ += "\n";
      choices(schema);
      table(rows);
      return;
    }
    for (const Schema& branch : *branches) alternative(branch, *branches);
  }

  void alternative(const Schema& given, const Schema& all) {
    if (find(given, "properties") == nullptr) {
      out_ += "\n- " + type_of(given) + ": " + description(given) + "\n";
      return;
    }
    out_ += "\n" + heading(given, all) + "\n\n";
    choices(given);
    std::vector<Row> rows;
    members(rows, "", given);
    table(rows);
  }

  // What tells an alternative from the others: a member's value, or the members only it requires.
  std::string heading(const Schema& branch, const Schema& all) const {
    for (const auto& [name, each] : branch.at("properties").items()) {
      if (const Schema* only = find(each, "const")) {
        return "**" + code("\"" + name + "\": " + only->dump()) + "** " + description(each);
      }
    }
    std::vector<std::string> names;
    for (const Schema& name : branch.at("required")) {
      const auto& text = name.get_ref<const std::string&>();
      const auto requires_it = [&](const Schema& other) { return required(other, text); };
      if (!std::all_of(all.begin(), all.end(), requires_it)) names.push_back(code(text));
    }
    return "**With " + listed(names, "and") + "**";
  }

  // "Has one of `a`, `b`."
  void choices(const Schema& schema) {
    for (const char* keyword : {"oneOf", "anyOf"}) {
      const Schema* list = find(schema, keyword);
      if (list == nullptr) continue;
      std::vector<std::string> names;
      for (const Schema& each : *list) names.push_back(code(each.at("required")[0]));
      out_ += std::string("Has ") + (keyword[0] == 'o' ? "one of " : "at least one of ") +
              listed(names, "and") + ".\n\n";
    }
  }

  static bool has_reference(const Schema& schema) { return find(schema, "$ref") != nullptr; }

  std::string description(const Schema& schema) const {
    const std::string own = text(schema, "description");
    return own.empty() ? text(target(schema), "description") : own;
  }

  void field(std::vector<Row>& rows, const std::string& pointer, const Schema& given, bool needed) {
    const Schema& schema = target(given);
    const Schema* usual = find(given, "default");
    if (usual == nullptr) usual = find(schema, "default");
    Row row{code(pointer), type_of(given), bounds(schema), "", description(given)};
    if (usual != nullptr && !usual->is_object()) row.usual = code(usual->dump());
    if (needed) row.usual = "required";
    if (const Schema* source = find(given, "x-source"))
      row.usual += " (" + source->get<std::string>() + ")";
    rows.push_back(std::move(row));
    if (!has_reference(given) || !has_section(schema)) children(rows, pointer, schema);
  }

  void children(std::vector<Row>& rows, const std::string& pointer, const Schema& schema) {
    members(rows, pointer, schema);
    const Schema* others = find(schema, "additionalProperties");
    if (others != nullptr && others->is_object()) item(rows, pointer + "/*", *others);
    if (const Schema* items = find(schema, "items")) item(rows, pointer + "/*", *items);
  }

  // What a map or a list holds: a row only when there is something to say of it.
  void item(std::vector<Row>& rows, const std::string& pointer, const Schema& schema) {
    if (has_reference(schema) || find(schema, "properties") == nullptr) {
      field(rows, pointer, schema, false);
    } else {
      children(rows, pointer, schema);
    }
  }

  void members(std::vector<Row>& rows, const std::string& pointer, const Schema& schema) {
    const Schema* properties = find(schema, "properties");
    if (properties == nullptr) return;
    for (const auto& [name, each] : properties->items()) {
      if (find(each, "const") != nullptr && pointer.empty()) continue;  // Says the heading.
      const std::string below = pointer.empty() ? name : pointer + "/" + name;
      field(rows, below, each, required(schema, name));
    }
  }

  std::string type_of(const Schema& given) {
    const Schema& schema = target(given);
    if (has_reference(given) && has_section(schema)) {
      const std::string name = given.at("$ref").get<std::string>().substr(14);
      if (std::find(shared_.begin(), shared_.end(), name) == shared_.end()) shared_.push_back(name);
      return "[" + name + "](#definition-" + name + ")";
    }
    if (const Schema* only = find(schema, "const")) return code(only->dump());
    if (const Schema* branches = find(schema, "oneOf"); branches && !find(schema, "type")) {
      std::vector<std::string> types;
      for (const Schema& each : *branches) types.push_back(type_of(each));
      return listed(types, "or");
    }
    if (const Schema* format = find(schema, "format")) return format->get<std::string>();
    if (find(schema, "x-names") != nullptr) return "name";
    const std::string type = find(schema, "type") == nullptr ? "any" : text(schema, "type");
    if (type == "array") return "list";
    if (type == "object") return map(schema) ? "map" : "object";
    return type == "integer" ? "int" : type == "boolean" ? "bool" : type;
  }

  static bool map(const Schema& schema) {
    const Schema* others = find(schema, "additionalProperties");
    return others != nullptr && others->is_object();
  }

  static std::string range(const Schema& schema, const char* low, const char* high) {
    const auto shown = [](const Schema& bound) {
      return bound.is_string() ? bound.get<std::string>() : bound.dump();
    };
    const Schema* least = find(schema, low);
    const Schema* most = find(schema, high);
    if (least != nullptr && most != nullptr) return shown(*least) + " to " + shown(*most);
    if (least != nullptr) return "at least " + shown(*least);
    return most == nullptr ? std::string() : "at most " + shown(*most);
  }

  std::string bounds(const Schema& schema) const {
    std::vector<std::string> parts;
    const auto add = [&](std::string part, const char* unit) {
      if (!part.empty()) parts.push_back(std::move(part) + unit);
    };
    const std::string unit = text(schema, "x-unit");
    const std::string numbers = range(schema, "minimum", "maximum");
    add(numbers.empty() ? unit : unit.empty() ? numbers : numbers + " " + unit, "");
    add(range(schema, "x-minimum", "x-maximum"), "");
    add(range(schema, "minLength", "maxLength"), " characters");
    add(range(schema, "minItems", "maxItems"), " items");
    if (const Schema* values = find(schema, "enum")) {
      std::vector<std::string> shown;
      for (const Schema& each : *values) shown.push_back(code(each.get<std::string>()));
      parts.push_back(listed(shown, "or"));
    }
    if (const Schema* places = find(schema, "x-names")) parts.push_back("of " + places_of(*places));
    if (const Schema* examples = find(schema, "examples"))
      parts.push_back("such as " + code(examples->front().get<std::string>()));
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
    return out;
  }

  static std::string places_of(const Schema& places) {
    std::vector<std::string> shown;
    const auto add = [&](const Schema& place) {
      const std::string text = place.get<std::string>();
      const bool relative = text[0] >= '0' && text[0] <= '9';
      if (!relative) shown.push_back(code(text));
      if (relative)
        shown.push_back(text.find("fields") != text.npos ? "the fields" : "the collections");
    };
    if (!places.is_array()) add(places);
    if (places.is_array()) std::for_each(places.begin(), places.end(), add);
    return listed(shown, "and");
  }

  void table(const std::vector<Row>& rows) {
    if (rows.empty()) return;
    out_ += "| field | type | bounds | default | what it is |\n| --- | --- | --- | --- | --- |\n";
    for (const Row& row : rows) {
      out_ += "| " + in_cell(row.pointer) + " | " + in_cell(row.type) + " | " +
              in_cell(row.bounds) + " | " + in_cell(row.usual) + " | " + in_cell(row.what) + " |\n";
    }
  }

  const Schema& root_;
  std::string out_;
  std::vector<std::string> shared_;  // Definitions with a section, in the order of their first use.
};

}  // namespace

std::string reference(std::string_view schema) {
  const Schema root = Schema::parse(schema, nullptr, false);
  PORTEIRO_ASSERT(root.is_object());
  return Reference(root).render();
}

}  // namespace porteiro::config
