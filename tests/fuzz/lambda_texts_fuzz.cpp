// What functions answer and clients give to functions: the first byte says which. 'r' a route's
// answer, 'p' a filter pattern, a line's end and a message, 'z' an archive, 'e' a worker's request.
#include "lambda/archive.hpp"
#include "lambda/payload.hpp"
#include "lambda/runtime_api.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/lambda/pattern.hpp"

namespace {

using namespace porteiro;
using namespace porteiro::lambda;

struct Deaf final : RuntimeApi::Listener {
  void ready() override {}
  void responded(std::string_view, std::string_view) override {}
  void failed(std::string_view, std::string_view) override {}
  void too_large(std::size_t) override {}
  void init_failed(std::string_view, std::string_view) override {}
  void refused(std::string_view) override {}
};

void ask_runtime_api(std::string_view text) {
  Deaf listener;
  RuntimeApi api(listener);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::size_t space = std::min(text.find(' '), line);
  http::Request request{};
  request.method = text.substr(0, space);
  request.target = text.substr(std::min(space + 1, line), line - std::min(space + 1, line));
  request.body = text.substr(std::min(line + 1, text.size()));
  api.handle({.method = "GET", .target = "/2018-06-01/runtime/invocation/next"},
             [](const http::Response&) {});
  api.give({.id = "a", .headers = {}, .payload = "{}"});
  api.handle(request, [](const http::Response&) {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string_view text = input.substr(1);
  if (input[0] == 'r') {
    const Result<Reply> reply = route_reply(text);
    PORTEIRO_ASSERT(!reply || (reply.value().status >= 200 && reply.value().status <= 599));
  } else if (input[0] == 'p') {
    const std::size_t line = std::min(text.find('\n'), text.size());
    const auto pattern = Pattern::parse_for_queue(text.substr(0, line));
    if (pattern) {
      static_cast<void>(
          pattern.value().matches_message(text.substr(std::min(line + 1, text.size()))));
    }
  } else if (input[0] == 'z') {
    static_cast<void>(unpack(text, {}, [](const ArchiveFile& file) -> Result<void> {
      PORTEIRO_ASSERT(!file.path.empty() && file.path.front() != '/');
      return ok();
    }));
  } else {
    ask_runtime_api(text);
  }
  return 0;
}
