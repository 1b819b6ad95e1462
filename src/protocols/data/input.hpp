// The inputs of the data API: bodies, preconditions, parameters. Errors name the member and hold no
// value.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/base/http.hpp"
#include "porteiro/stores/store.hpp"

namespace porteiro::protocols::data {

// Errors of all: invalid.

Result<nlohmann::json> parse_body(std::string_view text);  // JSON of a bounded depth.

// Of If-Match and If-None-Match; anything: there is none.
Result<stores::Expect> precondition(const http::Request& request);

// A function's own once-key as the stores get it: functions do not share them. Empty: none.
Result<std::string> once_key(std::string_view function, std::string_view given);

// {"where": {field: value, or {"gte": value, …}}, "order": "asc" | "desc", "limit": n, "after": …}
Result<stores::Query> query_of(const nlohmann::json& body, const stores::Collection& collection);

// {"writes": [{"put": COLLECTION, "document": …} | {"append": COLLECTION, "key": …, "field": …,
// "item": …} | {"erase": COLLECTION, "key": …}], "once_key": …}; put and erase may have "expect":
// "absent", "present" or a version. The once-key is as given.
Result<stores::Batch> batch_of(nlohmann::json body);

// A whole number of the query; absent: `usual`.
Result<std::uint64_t> number_of(const http::Request& request, const char* name, std::uint64_t usual,
                                std::uint64_t least, std::uint64_t most);

}  // namespace porteiro::protocols::data
