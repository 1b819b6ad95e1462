// The answers of the data API.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/stores/store.hpp"

namespace porteiro::protocols::data {

// An RFC 9457 problem with the member `code`, which clients branch on.
http::Response refusal(int status, std::string_view code, std::string_view detail,
                       std::string_view at = {});
http::Response refusal(const Error& error);

// The document, with its version as ETag.
http::Response record(const stores::Record& record);
// Of a write to one record: `status`, {"key":…,"version":…} and the ETag; of a repeated one 200
// {"repeated":true}.
http::Response written(const stores::Committed& committed, int status);
http::Response batch_written(const stores::Committed& committed);
http::Response page(const stores::Page& page);
http::Response changes(const std::vector<stores::Change>& changes, std::uint64_t next);

}  // namespace porteiro::protocols::data
