// Which route a method and a path mean. Pure: no clock, no I/O, no HTTP beyond the two texts.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "porteiro/base/result.hpp"

namespace porteiro::gateway {

inline constexpr std::size_t path_params_max = 8;
inline constexpr std::size_t path_segments_max = 32;

// What a path holds for the parameters of its route, in their order. Views into the path, still
// percent-encoded; a match has checked that they decode to UTF-8.
struct PathValues {
  std::array<std::string_view, path_params_max> raw;
  std::size_t count = 0;
};

struct Match {
  enum class Kind : std::uint8_t { found, not_found, method_not_allowed, malformed };
  Kind kind = Kind::not_found;
  std::size_t route = 0;  // Of add(), when found.
  PathValues values;
  std::string allow;  // The Allow header, when the path is known under other methods only.
};

class Router {
 public:
  // `pattern` is "/v1/people/{cpf}/trail": a segment is a literal or one {name}. `route` is what a
  // match gives back. Returns the parameters' names. Errors: invalid (a malformed pattern, or one
  // that matches the same requests as a pattern that was added before).
  Result<std::vector<std::string>> add(std::string_view method, std::string_view pattern,
                                       std::size_t route);

  // A literal segment beats a parameter; among the patterns that fit the path, one that has the
  // method is taken. HEAD finds the GET route. Malformed: a bad percent-encoding in the path, a
  // segment of one or two dots, a control character; all of them encoded, too.
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Node {
    std::vector<std::pair<std::string, std::size_t>> literals;  // Segment → node.
    std::size_t param = 0;                                      // A node; 0: none.
    std::vector<std::pair<std::string, std::size_t>> methods;   // Method → route.
  };
  struct Search;
  std::size_t literal(std::size_t node, std::string_view segment) const;  // 0: none.
  bool find(Search& search, std::size_t node, std::size_t depth) const;

  std::vector<Node> nodes_{Node{}};  // The first is the root.
};

}  // namespace porteiro::gateway
