// Beast's HTTP/1 parser without its containers: fields stay where they were read, as offsets from
// the message's first byte, and a chunked body is moved together in place. One per message.
#pragma once
#include <boost/beast/http/basic_parser.hpp>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/runtime/runtime.hpp"

namespace porteiro::runtime {

// What of a message was found where. Its memory is used again for the next message.
struct MessageMap {
  struct Span {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    std::string_view in(const char* message) const { return {message + at, size}; }
  };
  struct Field {
    Span name;
    Span value;
  };
  Span method;
  Span target;
  Span body;
  std::vector<Field> fields;
};

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  // Fills `map`, which must outlive the parser, as `options` must.
  RequestParser(MessageMap& map, const ServerOptions& options);

  // Parses what of the message at `message` is new: `size` bytes from `from` on. `message` may have
  // moved since the last call. Gives the number of bytes that are done with.
  std::size_t parse(char* message, std::size_t from, std::size_t size,
                    boost::system::error_code& ec);

  // The answer to a message that was refused with `ec`.
  int refusal(boost::system::error_code ec) const;
  bool waits_for_continue() const { return expects_continue_ && is_header_done() && !is_done(); }
  bool head() const { return head_; }
  bool http_1_0() const { return http_1_0_; }
  std::size_t body_bytes_max() const { return body_bytes_max_; }  // For this message.

 private:
  using View = boost::beast::string_view;
  using Code = boost::system::error_code;
  using Length = boost::optional<std::uint64_t>;

  void on_request_impl(boost::beast::http::verb verb, View method, View target, int version,
                       Code& ec) override;
  void on_response_impl(int, View, int, Code&) override {}
  void on_field_impl(boost::beast::http::field field, View name, View value, Code& ec) override;
  void on_header_impl(Code& ec) override;
  void on_body_init_impl(const Length&, Code&) override {}
  std::size_t on_body_impl(View bytes, Code& ec) override;
  void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Code& ec) override;
  void on_finish_impl(Code&) override {}

  bool known_version() const;
  MessageMap::Span span(View view) const;
  void refuse(int status, Code& ec);

  MessageMap& map_;
  const ServerOptions& options_;
  std::size_t body_bytes_max_;
  char* message_ = nullptr;
  const char* end_ = nullptr;
  int refusal_ = 400;
  int hosts_ = 0;
  bool head_ = false;
  bool http_1_0_ = false;
  bool expects_continue_ = false;
  bool header_done_ = false;
};

}  // namespace porteiro::runtime
