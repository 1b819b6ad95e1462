// Frames of application/vnd.amazon.eventstream (the AWS SDKs' "Event stream encoding"): lengths and
// CRC-32, string headers, payload.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace porteiro::protocols::lambda_api {

inline constexpr std::string_view event_stream_type = "application/vnd.amazon.eventstream";

// Headers are texts of less than 64 KiB each.
void append_frame(std::string& out,
                  const std::vector<std::pair<std::string_view, std::string_view>>& headers,
                  std::string_view payload);

}  // namespace porteiro::protocols::lambda_api
