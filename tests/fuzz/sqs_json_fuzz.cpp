// A request to SQS in AWS JSON 1.0: the first line is the action, the rest the body. The reply is
// JSON or empty, whatever comes.
#include "sqs_world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace porteiro;
  fuzz::SqsWorld world;
  const std::string input = world.with_handle({reinterpret_cast<const char*>(data), size});
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string body = input.substr(std::min(line + 1, input.size()));
  const std::string reply = world.json(input.substr(0, line), body);
  PORTEIRO_ASSERT(reply.empty() || nlohmann::json::accept(reply));
  return 0;
}
