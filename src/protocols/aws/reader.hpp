// Reads the members of a request's JSON object and checks them against the service's model. The
// first thing that is wrong is kept; what is read after it is absent.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/aws/failure.hpp"

namespace porteiro::protocols::aws {

using nlohmann::json;
using Text = std::optional<std::string>;
using Number = std::optional<std::int64_t>;
using TextMap = std::map<std::string, std::string>;
using TextList = std::vector<std::string>;

// "Value '64' at 'memorySize' failed to satisfy constraint: Member must …".
Failure constraint(std::string_view value, std::string_view member, std::string_view must);

class Reader {
 public:
  // An empty text is an empty object. Errors: serialization.
  static Answer<Reader> parse(std::string_view text);
  explicit Reader(json object) : object_(std::move(object)) {}

  bool has(const char* name) const;  // And is not null.
  Text text(const char* name, std::size_t max, std::size_t min = 0);
  // One of `values`, which are listed in the error.
  Text choice(const char* name, std::initializer_list<std::string_view> values);
  Number number(const char* name, std::int64_t min, std::int64_t max);
  std::optional<double> real(const char* name, double min, double max);
  std::optional<bool> boolean(const char* name);
  std::optional<TextMap> texts(const char* name);  // A map of texts.
  std::optional<std::map<std::string, double>> reals(const char* name, double min, double max);
  std::optional<TextList> list(const char* name);
  // A structure; what is wrong in it is wrong here. Absent: an empty one.
  Reader part(const char* name);
  std::vector<Reader> parts(const char* name);  // A list of structures.
  void take(const Reader& part);                // Its failure becomes ours.

  void fail(Failure failure);
  void require(const char* name);  // Fails where it is absent or null.
  // A member, not null, that is none of `names`; nullopt: there is none.
  std::optional<std::string> other_than(std::initializer_list<std::string_view> names) const;
  const std::optional<Failure>& failure() const { return failure_; }

 private:
  const json* find(const char* name) const;  // Null: absent, or all is wrong already.
  const json* of_type(const char* name, bool (json::*is)() const noexcept, const char* wanted);
  json object_;
  std::optional<Failure> failure_;
};

}  // namespace porteiro::protocols::aws
