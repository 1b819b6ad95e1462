#include "lambda/builtins/with.hpp"

#include <algorithm>

namespace porteiro::lambda::builtins {
namespace {

std::string listed(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

}  // namespace

Error wrong(std::string detail, const std::string& member) {
  return error(Errc::invalid, std::move(detail), member.empty() ? "/with" : "/with/" + member);
}

bool is_event_path(std::string_view path) {
  return path == "body" || path.starts_with("body.") || path.starts_with("path.") ||
         path.starts_with("query.");
}

bool in_body(std::string_view path) { return path == "body" || path.starts_with("body."); }

Result<void> With::only(std::initializer_list<std::string_view> names) const {
  if (!with_.is_object()) return wrong("has to be an object", "");
  for (const auto& [name, value] : with_.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      if (names.size() == 0) return wrong("is not known to this function, which takes none", name);
      return wrong("is not known to this function; it takes: " + listed(names), name);
    }
  }
  return ok();
}

Result<std::string> With::text(const char* name) const {
  if (!has(name)) return wrong("is missing", name);
  return text(name, {});
}

Result<std::string> With::text(const char* name, std::string otherwise) const {
  if (!has(name)) return otherwise;
  if (!at(name).is_string()) return wrong("has to be a string", name);
  return at(name).get<std::string>();
}

Result<bool> With::boolean(const char* name, bool otherwise) const {
  if (!has(name)) return otherwise;
  if (!at(name).is_boolean()) return wrong("has to be true or false", name);
  return at(name).get<bool>();
}

Result<std::int64_t> With::integer(const char* name, std::int64_t low, std::int64_t high,
                                   std::int64_t otherwise) const {
  if (!has(name)) return otherwise;
  const nlohmann::json& value = at(name);
  if (!value.is_number_integer() || value.get<std::int64_t>() < low ||
      value.get<std::int64_t>() > high) {
    return wrong(
        "has to be a whole number from " + std::to_string(low) + " to " + std::to_string(high),
        name);
  }
  return value.get<std::int64_t>();
}

Result<std::string> With::path(const char* name, std::string otherwise) const {
  PORTEIRO_TRY(std::string path, text(name, std::move(otherwise)));
  if (has(name) && !is_event_path(path)) {
    return wrong("has to be a member of the event's data, such as path.id or body.id", name);
  }
  return path;
}

Result<stores::Access*> With::store(const Services& services) const {
  PORTEIRO_TRY(const std::string name, text("store"));
  stores::Access* store = services.stores.find(name);
  if (store == nullptr) return wrong("there is no store " + name, "store");
  return store;
}

Result<const stores::Collection*> With::collection(const stores::Access& store) const {
  PORTEIRO_TRY(const std::string name, text("collection"));
  return find_collection(store, name, "collection");
}

Result<const stores::Collection*> find_collection(const stores::Access& store,
                                                  std::string_view name,
                                                  const std::string& member) {
  const stores::Collection* collection = store.collection(name);
  if (collection == nullptr) {
    return wrong("store " + store.options().name + " has no collection " + std::string(name),
                 member);
  }
  return collection;
}

}  // namespace porteiro::lambda::builtins
