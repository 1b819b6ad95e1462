// What a request to the data API asks for: its method and path.
#pragma once
#include <optional>
#include <string>

#include "porteiro/base/http.hpp"

namespace porteiro::protocols::data {

enum class Verb : std::uint8_t { get, put, append, erase, query, batch, changes };

struct Target {
  Verb verb = Verb::get;
  std::string store, collection, key, field;  // Decoded; those that the verb has.
};

// nullopt: none of ours, and `refusal` is the answer.
std::optional<Target> parse_target(const http::Request& request, http::Response& refusal);

}  // namespace porteiro::protocols::data
