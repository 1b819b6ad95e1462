// A request to SQS in the Query protocol: the first line is the target, the rest the form. The
// reply is XML, its tags closed in order, whatever comes, and a function without a role changes
// nothing.
#include <vector>

#include "sqs_world.hpp"

namespace {

// Enough of XML to see that a reply has one root and all is closed.
bool well_formed(std::string_view text) {
  if (!text.starts_with("<?xml version=\"1.0\"?>")) return false;
  text.remove_prefix(21);
  std::vector<std::string_view> open;
  while (!text.empty()) {
    const std::size_t tag = text.find('<');
    if (tag == std::string_view::npos || (open.empty() && tag != 0)) return false;
    const std::size_t end = text.find('>', tag);
    if (end == std::string_view::npos) return false;
    const std::string_view inner = text.substr(tag + 1, end - tag - 1);
    text.remove_prefix(end + 1);
    if (inner.ends_with('/')) continue;
    if (!inner.starts_with('/')) {
      open.push_back(inner.substr(0, inner.find(' ')));
      continue;
    }
    if (open.empty() || open.back() != inner.substr(1)) return false;
    open.pop_back();
    if (open.empty()) return text.empty();
  }
  return false;
}

void ask(std::string_view raw, bool as_stranger) {
  using namespace porteiro;
  fuzz::SqsWorld world;
  if (as_stranger) world.ask_as_stranger();
  const std::string input = world.with_handle(std::string(raw));
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string body = input.substr(std::min(line + 1, input.size()));
  const http::HeaderView headers[] = {{"Host", "localhost"},
                                      {"Content-Type", "application/x-www-form-urlencoded"}};
  const std::string target = input.substr(0, line);
  PORTEIRO_ASSERT(well_formed(world.send(target, headers, body)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  ask(raw, false);
  ask(raw, true);
  return 0;
}
