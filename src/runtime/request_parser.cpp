#include "runtime/request_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

namespace porteiro::runtime {

namespace beast_http = boost::beast::http;

RequestParser::RequestParser(MessageMap& map, const ServerOptions& options)
    : map_(map), options_(options), body_bytes_max_(options.body_bytes_max) {
  map_.fields.clear();
  map_.body = {};
  header_limit(static_cast<std::uint32_t>(options.header_bytes_max));
  body_limit(body_bytes_max_);
  eager(true);
}

std::size_t RequestParser::parse(char* message, std::size_t from, std::size_t size,
                                 boost::system::error_code& ec) {
  message_ = message;
  end_ = message + from + size;
  return put(boost::asio::const_buffer(message + from, size), ec);
}

int RequestParser::refusal(boost::system::error_code ec) const {
  if (ec == beast_http::error::header_limit) return 431;
  if (ec == beast_http::error::body_limit) return 413;
  if (ec == beast_http::error::bad_version) return known_version() ? 400 : 505;
  return refusal_;
}

// Beast says "bad version" of a line that ends wrongly, too: then the version itself is good.
bool RequestParser::known_version() const {
  const std::string_view text(message_, static_cast<std::size_t>(end_ - message_));
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
}

MessageMap::Span RequestParser::span(View view) const {
  return {static_cast<std::uint32_t>(view.data() - message_),
          static_cast<std::uint32_t>(view.size())};
}

void RequestParser::refuse(int status, Code& ec) {
  refusal_ = status;
  ec = beast_http::error::bad_field;
}

void RequestParser::on_request_impl(beast_http::verb verb, View method, View target, int version,
                                    Code&) {
  map_.method = span(method);
  map_.target = span(target);
  if (options_.may_be_large != nullptr && options_.may_be_large({target.data(), target.size()})) {
    body_bytes_max_ = options_.large_body_bytes_max;
    body_limit(body_bytes_max_);
  }
  head_ = verb == beast_http::verb::head;
  http_1_0_ = version == 10;
}

void RequestParser::on_field_impl(beast_http::field field, View name, View value, Code& ec) {
  // A trailer must not pass for a header that was checked, unless nothing checks.
  if (header_done_ && !options_.trailers) return;
  if (value.data() < message_ || value.data() > end_) return refuse(400, ec);  // A folded line.
  if (header_done_) return map_.fields.push_back({span(name), span(value)});
  switch (field) {
    case beast_http::field::host:
      if (++hosts_ > 1) return refuse(400, ec);
      break;
    case beast_http::field::transfer_encoding:
      // Another coding would leave the body's end unknown, and the next request with it.
      if (http_1_0_) return refuse(400, ec);
      if (!boost::beast::iequals(value, "chunked")) return refuse(501, ec);
      break;
    case beast_http::field::expect:
      if (http_1_0_) break;
      if (!boost::beast::iequals(value, "100-continue")) return refuse(417, ec);
      expects_continue_ = true;
      break;
    default:
      break;
  }
  map_.fields.push_back({span(name), span(value)});
}

void RequestParser::on_header_impl(Code& ec) {
  header_done_ = true;
  if (hosts_ == 0 && !http_1_0_) refuse(400, ec);
}

std::size_t RequestParser::on_body_impl(View bytes, Code&) {
  if (map_.body.size == 0) map_.body.at = span(bytes).at;
  map_.body.size += static_cast<std::uint32_t>(bytes.size());
  return bytes.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, View bytes, Code&) {
  if (map_.body.size == 0) map_.body.at = span(bytes).at;
  char* end = message_ + map_.body.at + map_.body.size;
  if (end != bytes.data()) std::memmove(end, bytes.data(), bytes.size());
  map_.body.size += static_cast<std::uint32_t>(bytes.size());
  return bytes.size();
}

}  // namespace porteiro::runtime
