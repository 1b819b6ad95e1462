// Reads the member `with` of a built-in's definition. Each error's `at` is a JSON pointer into it
// ("/with/store"), relative to the function.
#pragma once
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "porteiro/lambda/event_data.hpp"
#include "porteiro/lambda/function.hpp"

namespace porteiro::lambda::builtins {

class With {
 public:
  explicit With(const Definition& definition) : with_(definition.with) {}

  Result<void> only(std::initializer_list<std::string_view> names) const;  // Others are errors.
  bool has(const char* name) const { return with_.is_object() && with_.contains(name); }
  const nlohmann::json& at(const char* name) const { return with_.at(name); }
  Result<std::string> text(const char* name) const;  // Required.
  Result<std::string> text(const char* name, std::string otherwise) const;
  Result<bool> boolean(const char* name, bool otherwise) const;
  Result<std::int64_t> integer(const char* name, std::int64_t low, std::int64_t high,
                               std::int64_t otherwise) const;
  // A member path into the event's data; `otherwise` when it is not given.
  Result<std::string> path(const char* name, std::string otherwise) const;

  Result<stores::Access*> store(const Services& services) const;  // By "store".
  Result<const stores::Collection*> collection(const stores::Access& store) const;

 private:
  const nlohmann::json& with_;
};

Error wrong(std::string detail, const std::string& member);

// Whether it begins with "path.", "query." or "body.", or is "body".
bool is_event_path(std::string_view path);
bool in_body(std::string_view path);  // Then a sealed body has to be opened for it.

// The collection `name` of the store; `member` is where the config names it.
Result<const stores::Collection*> find_collection(const stores::Access& store,
                                                  std::string_view name, const std::string& member);

}  // namespace porteiro::lambda::builtins
