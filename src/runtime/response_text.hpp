// Responses as the bytes of HTTP/1.1.
#pragma once
#include <string>
#include <string_view>

#include "porteiro/base/http.hpp"

namespace porteiro::runtime {

struct ResponseTraits {
  bool head = false;      // Of a HEAD request: the body's length without the body.
  bool http_1_0 = false;  // The client has to be told that the connection stays.
  bool close = false;     // The connection ends with this response.
};

// Appends the whole response. A header whose name or value would break the message is left out.
void append_response(std::string& out, const http::Response& response, ResponseTraits traits,
                     std::string_view date);

bool header_is_sound(std::string_view name, std::string_view value);

// "Sun, 06 Nov 1994 08:49:37 GMT", made anew once a second.
class DateText {
 public:
  std::string_view at(Time time);

 private:
  std::chrono::seconds second_{-1};
  std::string text_;
};

}  // namespace porteiro::runtime
