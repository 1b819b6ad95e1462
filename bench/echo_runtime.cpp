// echo_runtime PORT: the service of echo_floor on porteiro's server, to compare the two.
#include <cstdio>
#include <cstdlib>

#include "porteiro/runtime/runtime.hpp"

using namespace porteiro;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: echo_runtime PORT\n", stderr);
    return 2;
  }
  const auto runtime = runtime::Runtime::create(1);
  const std::string fixed = "{\"fixed\":\"" + std::string(388, 'x') + "\"}";
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const auto server = runtime->listen(
      "127.0.0.1", port, {}, [&fixed](const http::Request& request, http::Responder respond) {
        http::Response response;
        response.body = request.method == "POST" ? request.body : fixed;
        respond(std::move(response));
      });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().detail.c_str());
    return 1;
  }
  runtime->on_interrupt([&runtime] { runtime->quit(); });
  runtime->run();
}
