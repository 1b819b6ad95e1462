// A request to SQS in AWS JSON 1.0: the first line is the action, the rest the body. The reply is
// JSON or empty, whatever comes, and a function without a role changes nothing.
#include "sqs_world.hpp"

namespace {

void ask(std::string_view raw, bool as_stranger) {
  porteiro::fuzz::SqsWorld world;
  if (as_stranger) world.ask_as_stranger();
  const std::string input = world.with_handle(std::string(raw));
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string body = input.substr(std::min(line + 1, input.size()));
  const std::string reply = world.json(input.substr(0, line), body);
  PORTEIRO_ASSERT(reply.empty() || nlohmann::json::accept(reply));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  ask(raw, false);
  ask(raw, true);
  return 0;
}
