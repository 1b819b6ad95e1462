#include <doctest/doctest.h>
#include <malloc.h>
#include <sys/stat.h>

#include <deque>

#include "unit/runtime/raw_client.hpp"

using namespace porteiro;
using namespace porteiro::runtime;
using namespace porteiro::runtime::test;
using namespace std::chrono_literals;

namespace {

using Port = std::unique_ptr<http::PrivatePort>;

std::uint16_t port_of(const http::PrivatePort& port) {
  const std::string address = port.address();
  REQUIRE(address.starts_with("127.0.0.1:"));
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
}

constexpr std::string_view next =
    "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";

struct Fixture {
  Port open(http::Handler handler, const std::string& path = {}) {
    auto opened = runtime->private_ports().open(std::move(handler), path);
    REQUIRE(opened.has_value());
    return std::move(opened).value();
  }
  Port holding(const std::string& path = {}) {
    return open([this](const http::Request& request,
                       http::Responder respond) { hold(request, std::move(respond)); },
                path);
  }
  void hold(const http::Request& request, http::Responder respond) {
    held.push_back(std::move(respond));
    client = *request.client;
  }
  void until(UniqueFunction<bool()> done) {
    run_until(*runtime, [&] { return done(); });
  }

  std::unique_ptr<Runtime> runtime = Runtime::create(1);
  std::deque<http::Responder> held;
  std::weak_ptr<const void> client;
};

}  // namespace

TEST_CASE("private_ports: a request is held, answered late, and the connection kept") {
  Fixture fixture;
  const Port port = fixture.holding();
  RawClient client(port_of(*port));
  for (std::size_t i = 1; i <= 2; ++i) {
    client.send(next);
    fixture.until([&] { return fixture.held.size() == 1; });
    CHECK_FALSE(fixture.client.expired());
    fixture.held.front()({.body = "{}"});
    fixture.held.clear();
    fixture.until([&] { return client.count("HTTP/1.1 200 OK") == i; });
  }
  CHECK_FALSE(client.closed());
}

TEST_CASE("private_ports: a client that goes away is known to be gone") {
  Fixture fixture;
  const Port port = fixture.holding();
  {
    RawClient client(port_of(*port));
    client.send(next);
    fixture.until([&] { return fixture.held.size() == 1; });
  }
  fixture.until([&] { return fixture.client.expired(); });
  fixture.held.front()({.body = "nobody hears it"});
}

TEST_CASE("private_ports: a streamed response is one body, its trailers are headers") {
  Fixture fixture;
  std::string body, type, host;
  std::size_t headers = 0;
  const Port port = fixture.open([&](const http::Request& request, http::Responder respond) {
    body = request.body;
    type = request.header("lambda-runtime-function-error-type");
    host = request.header("Host");
    headers = request.headers.size();
    respond({.status = 202});
  });
  RawClient client(port_of(*port));
  client.send(
      "POST /response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
      "Trailer: Lambda-Runtime-Function-Error-Type\r\n\r\n"
      "5\r\nhello\r\n");
  bool turned = false;
  fixture.runtime->scheduler().after(2ms, [&] { turned = true; });
  fixture.until([&] { return turned; });
  client.send(
      "6\r\n world\r\n0\r\nLambda-Runtime-Function-Error-Type: Runtime.Broken\r\n"
      "Lambda-Runtime-Function-Error-Body: e30=\r\nHost: y\r\n\r\n" +
      std::string(next));
  fixture.until([&] { return client.count("HTTP/1.1 202 Accepted") == 2; });
  CHECK(headers == 1);  // Of the second.
  client.send(
      "POST /response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\nLambda-Runtime-Function-Error-Type: Runtime.Broken\r\n"
      "Host: y\r\n\r\n");
  fixture.until([&] { return client.count("HTTP/1.1 202 Accepted") == 3; });
  CHECK(body == "hello world");
  CHECK(type == "Runtime.Broken");
  CHECK(host == "x");
  CHECK(headers == 4);
}

TEST_CASE("private_ports: trailers are bounded, and what is no header is refused") {
  Fixture fixture;
  int requests = 0;
  const Port port = fixture.open([&](const http::Request&, http::Responder respond) {
    ++requests;
    respond({});
  });
  const std::string start =
      "POST /response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  RawClient broken(port_of(*port));
  broken.send(start + "No colon\r\n\r\n");
  fixture.until([&] { return broken.closed(); });
  CHECK(broken.received().starts_with("HTTP/1.1 400 "));
  RawClient endless(port_of(*port));
  endless.send(start);
  const std::string line = "X-Line: " + std::string(8000, 'x') + "\r\n";
  fixture.until([&] {
    endless.send_what_goes(line + line + line + line);
    return endless.closed();
  });
  CHECK(requests == 0);
}

TEST_CASE("private_ports: bodies up to 32 MiB and error headers of 1 MiB are taken") {
  Fixture fixture;
  std::size_t body = 0, header = 0;
  const Port port = fixture.open([&](const http::Request& request, http::Responder respond) {
    body = request.body.size();
    header = request.header("lambda-runtime-function-xray-error-cause").size();
    respond({});
  });
  std::string request = "POST /error HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n";
  request += "Lambda-Runtime-Function-XRay-Error-Cause: " + std::string(1U << 20, 'c') + "\r\n\r\n";
  request += std::string(32U << 20, 'b');
  RawClient client(port_of(*port));
  std::size_t sent = 0;
  fixture.until([&] {
    sent += client.send_some(std::string_view(request).substr(sent));
    return client.count("HTTP/1.1 200 OK") == 1;
  });
  CHECK(body == 32U << 20);
  CHECK(header == 1U << 20);
  RawClient larger(port_of(*port));
  larger.send("POST /error HTTP/1.1\r\nHost: x\r\nContent-Length: 33554433\r\n\r\n");
  fixture.until([&] { return larger.closed(); });
  CHECK(larger.received().starts_with("HTTP/1.1 413 "));
}

TEST_CASE("private_ports: the death of a port closes its connections, from its handler too") {
  Fixture fixture;
  Port held = fixture.holding();
  RawClient waiting(port_of(*held));
  waiting.send(next);
  fixture.until([&] { return fixture.held.size() == 1; });
  held.reset();
  CHECK(fixture.client.expired());
  fixture.until([&] { return waiting.closed(); });
  fixture.held.front()({.body = "nobody hears it"});

  Port port;
  int calls = 0;
  std::string target;
  port = fixture.open([&](const http::Request& request, http::Responder respond) {
    ++calls;
    port.reset();
    target = request.target;  // All of it is still there.
    respond({});
  });
  RawClient client(port_of(*port));
  client.send(std::string(next) + std::string(next));
  fixture.until([&] { return client.closed(); });
  CHECK(calls == 1);
  CHECK(target == "/2018-06-01/runtime/invocation/next");
}

TEST_CASE("private_ports: on a path") {
  Fixture fixture;
  const std::string path = "/tmp/porteiro-port-" + std::to_string(::getpid()) + ".sock";
  Port port = fixture.holding(path);
  CHECK(port->address() == path);
  CHECK(fixture.runtime->private_ports()
            .open([](const http::Request&, http::Responder) {}, path)
            .error()
            .code == Errc::conflict);
  RawClient client(path);
  client.send(next);
  fixture.until([&] { return fixture.held.size() == 1; });
  port.reset();
  struct stat status {};
  CHECK(::stat(path.c_str(), &status) != 0);
}

// Goal: workers that wait cost the emulator little.
TEST_CASE("private_ports: two hundred with a waiting process each take less than 10 MiB") {
  struct Silent final : ProcessListener {
    void output(Stream, std::string_view) override {}
    void ended(Result<ProcessEnd>) override { ++ends; }
    std::unique_ptr<Process> process;
    int ends = 0;
  };
  Fixture fixture;
  const auto in_use = [] {
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = in_use();
  std::deque<Port> ports;
  std::deque<RawClient> clients;
  std::deque<Silent> processes(200);
  const std::string large =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'x');
  for (Silent& each : processes) {
    ports.push_back(fixture.holding());
    clients.emplace_back(port_of(*ports.back()));
    clients.back().send(large);
    fixture.until([&] { return fixture.held.size() == 1; });
    fixture.held.front()({.body = std::string(60'000, 'y')});
    fixture.held.clear();
    fixture.until([&] { return clients.back().count("HTTP/1.1 200 OK") == 1; });
    clients.back().forget();
    each.process = fixture.runtime->processes().start(
        {.command = {"/bin/sleep", "1000"}, .directory = "/"}, each);
  }
  for (RawClient& client : clients) client.send(next);
  fixture.until([&] { return fixture.held.size() == 200 && processes.back().process->pid() != 0; });
  const std::size_t after = in_use();
  MESSAGE("bytes for each: ", (after - before) / 200);
  CHECK(after - before < 10U << 20);
}
