// Filter patterns of event source mappings: a JSON object of the event's shape, whose leaves are
// lists of what a value may be (AWS Lambda, "Filter rule syntax").
//
// All members must match; of a list's items one. An item is a string, a number, true, false or null
// (equal); {"prefix"}, {"suffix"}, {"equals-ignore-case"}: of a string; {"numeric": ["<", 5, …]};
// {"anything-but": a value, several, or one of the first three}; {"exists": true or false}. "$or"
// is a list of patterns of which one must match. Of an array in the event one item must match.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"

namespace porteiro::lambda {

inline constexpr std::size_t pattern_bytes_max = 4096;  // AWS Lambda.

class Pattern {
 public:
  // Errors: invalid, with the pointer of what is wrong in `at`.
  static Result<Pattern> parse(std::string_view text);
  // For messages of a queue: of those a pattern asks for `body` alone (AWS Lambda, "Using event
  // filtering with an Amazon SQS event source").
  static Result<Pattern> parse_for_queue(std::string_view text);
  bool matches(const nlohmann::json& event) const;
  // For records whose body is a text: as JSON when the pattern wants members of it.
  // `body` is the message's; nothing else of it can be asked for.
  bool matches_message(std::string_view body) const;

 private:
  explicit Pattern(std::shared_ptr<const nlohmann::json> rule) : rule_(std::move(rule)) {}
  std::shared_ptr<const nlohmann::json> rule_;
};

// Several are alternatives; none lets everything through.
bool any_matches(const std::vector<Pattern>& patterns, std::string_view body);

}  // namespace porteiro::lambda
