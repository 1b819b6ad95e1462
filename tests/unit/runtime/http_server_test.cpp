#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <vector>

#include "unit/runtime/raw_client.hpp"

using namespace porteiro;
using namespace porteiro::runtime;
using namespace std::chrono_literals;
using test::RawClient;
using test::run_until;

namespace {

http::Response text(std::string body) {
  http::Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

struct Held {  // A request that the test answers when it wants to.
  std::string target;
  http::Responder respond;
  std::weak_ptr<const void> client{};
};

// A server whose handler answers at once with "METHOD TARGET BODY", or holds what starts with
// /hold.
struct Fixture {
  explicit Fixture(ServerOptions options = {}) {
    auto listening = runtime->listen("127.0.0.1", 0, options,
                                     [this](const http::Request& request, http::Responder respond) {
                                       take(request, std::move(respond));
                                     });
    REQUIRE(listening.has_value());
    server = std::move(listening).value();
  }

  void take(const http::Request& request, http::Responder respond) {
    ++requests;
    last_headers = request.headers.size();
    if (request.target.starts_with("/hold")) {
      held.push_back({std::string(request.target), std::move(respond), *request.client});
      return;
    }
    std::string body(request.method);
    body.append(" ").append(request.target).append(" ").append(request.body);
    auto response = text(std::move(body));
    if (request.target == "/header") {
      response.headers = {{"X-Good", std::string(request.header("x-in"))},
                          {"X-Bad", "a\r\nInjected: 1"},
                          {"X Bad", "b"}};
    }
    if (request.target == "/none") response = {.status = 204, .body = "never sent"};
    respond(std::move(response));
  }

  void run(std::size_t expected, RawClient& client, std::string_view marker = "HTTP/1.1 ") {
    run_until(*runtime, [&] { return client.count(marker) >= expected; });
  }

  std::unique_ptr<Runtime> runtime = Runtime::create(1);
  std::deque<Held> held;
  int requests = 0;
  std::size_t last_headers = 0;
  std::unique_ptr<Server> server;
};

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

std::string post(std::string_view target, std::string_view body, std::string_view headers = {}) {
  std::string request = "POST ";
  request.append(target).append(" HTTP/1.1\r\nHost: x\r\nContent-Length: ");
  request.append(std::to_string(body.size())).append("\r\n");
  return request.append(headers).append("\r\n").append(body);
}

// Sends `bytes` to a new connection and gives all that came back until the server closed.
std::string refused(Fixture& fixture, std::string_view bytes) {
  RawClient client(fixture.server->port());
  client.send(bytes);
  run_until(*fixture.runtime, [&] { return client.closed(); });
  return client.received();
}

}  // namespace

TEST_CASE("http_server: one connection serves request after request") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send(get_a);
  fixture.run(1, client);
  CHECK(client.received().starts_with("HTTP/1.1 200 OK\r\nDate: "));
  CHECK(client.received().find("\r\nContent-Length: 7\r\nContent-Type: text/plain\r\n") !=
        std::string::npos);
  CHECK(client.received().ends_with("\r\n\r\nGET /a "));
  client.send(post("/b?x=1", "hello"));
  fixture.run(2, client);
  CHECK(client.received().ends_with("POST /b?x=1 hello"));
  CHECK_FALSE(client.closed());
  CHECK(fixture.server->connections() == 1);
}

TEST_CASE("http_server: a request arrives whole however it is cut") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  const std::string request = "\r\n" + post("/cut", "0123456789", "X-In: value\r\n");
  for (const char byte : request) {
    client.send({&byte, 1});
    bool turned = false;
    fixture.runtime->scheduler().post([&] { turned = true; });
    run_until(*fixture.runtime, [&] { return turned; });
  }
  fixture.run(1, client);
  CHECK(client.received().ends_with("POST /cut 0123456789"));
  CHECK(fixture.last_headers == 3);
}

TEST_CASE("http_server: pipelined requests are answered in order, whenever their answers come") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  std::string requests;
  for (int i = 0; i < 5; ++i) {
    requests += "GET /hold" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  client.send(requests + std::string(get_a));
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 5; });
  for (const std::size_t i : {3U, 1U, 4U, 2U})
    fixture.held[i].respond(text(fixture.held[i].target));
  CHECK(client.received().empty());
  fixture.held[0].respond(text(fixture.held[0].target));
  fixture.run(6, client);
  std::size_t at = 0;
  for (const std::string_view body :
       {"/hold0", "/hold1", "/hold2", "/hold3", "/hold4", "GET /a "}) {
    at = client.received().find(body, at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("http_server: a connection is not read while too many requests are unanswered") {
  Fixture fixture({.pipeline_max = 2});
  RawClient client(fixture.server->port());
  std::string requests;
  for (int i = 0; i < 6; ++i) {
    requests += "GET /hold" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  client.send(requests);
  int answered = 0;
  run_until(*fixture.runtime, [&] {
    CHECK(fixture.held.size() <= 2);
    if (fixture.held.size() == 2 || (answered == 5 && !fixture.held.empty())) {
      fixture.held.front().respond(text(fixture.held.front().target));
      fixture.held.pop_front();
      ++answered;
    }
    return client.count("HTTP/1.1 200") == 6 ||
           (answered == 5 && client.count("/hold4") == 1 && fixture.held.empty());
  });
  CHECK(fixture.requests == 6);
}

TEST_CASE("http_server: chunked bodies are put together, trailers are no headers") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;ext=1\r\nWiki\r\n6\r\npedia \r\n");
  bool turned = false;
  fixture.runtime->scheduler().after(2ms, [&] { turned = true; });
  run_until(*fixture.runtime, [&] { return turned; });
  client.send("B\r\nin \r\nchunks\r\n0\r\nX-Api-Key: smuggled\r\n\r\n" + std::string(get_a));
  fixture.run(2, client);
  CHECK(client.count("POST /c Wikipedia in \r\nchunks") == 1);
  CHECK(client.received().ends_with("GET /a "));
}

TEST_CASE("http_server: a chunked body of many small chunks fits, one beyond the limit does not") {
  Fixture fixture({.body_bytes_max = 20'000});
  RawClient client(fixture.server->port());
  std::string request = "POST /many HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) request += "1\r\nx\r\n";
  client.send(request + "0\r\n\r\n");
  fixture.run(1, client);
  CHECK(client.received().ends_with("POST /many " + std::string(20'000, 'x')));
  RawClient other(fixture.server->port());
  other.send(request + "1\r\nx\r\n0\r\n\r\n");
  run_until(*fixture.runtime, [&] { return other.closed(); });
  CHECK(other.received().starts_with("HTTP/1.1 413 Content Too Large\r\n"));
}

TEST_CASE("http_server: some targets may have a larger body than others") {
  Fixture fixture({.body_bytes_max = 1000,
                   .may_be_large = [](std::string_view target) { return target == "/large"; },
                   .large_body_bytes_max = 300'000});
  const auto chunked = [](const std::string& target, std::size_t size) {
    std::string request =
        "POST " + target + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (; size > 0; size -= 1000) request += "3e8\r\n" + std::string(1000, 'x') + "\r\n";
    return request + "0\r\n\r\n";
  };
  RawClient client(fixture.server->port());
  client.send(post("/large", std::string(300'000, 'x')) + chunked("/large", 300'000) +
              post("/small", std::string(1000, 'x')));
  fixture.run(3, client);
  CHECK(client.count("POST /large " + std::string(300'000, 'x')) == 2);
  CHECK(client.received().ends_with("POST /small " + std::string(1000, 'x')));
  for (const std::string& request :
       {post("/large", std::string(300'001, 'x')), chunked("/large", 301'000),
        post("/small", std::string(1001, 'x')), post("/large/", std::string(1001, 'x'))}) {
    CHECK(refused(fixture, request).starts_with("HTTP/1.1 413 "));
  }
}

TEST_CASE("http_server: HEAD and 204 have no body") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n" +
              std::string(get_a));
  fixture.run(3, client);
  CHECK(client.count("Content-Length: 8\r\n") == 1);
  CHECK(client.count("HEAD /h ") == 0);
  CHECK(client.count("never sent") == 0);
  CHECK(client.count("Content-Length") == 2);
  CHECK(client.received().ends_with("GET /a "));
}

TEST_CASE("http_server: headers go both ways, and none can break out of its line") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("GET /header HTTP/1.1\r\nHost: x\r\nX-IN:  a b \r\n\r\n");
  fixture.run(1, client);
  CHECK(client.count("\r\nX-Good: a b\r\n") == 1);
  CHECK(client.count("Injected") == 0);
  CHECK(client.count("X Bad") == 0);
}

TEST_CASE("http_server: a client that closes, or speaks HTTP/1.0, is closed after its answer") {
  Fixture fixture;
  for (const std::string_view request :
       {"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n"}) {
    const std::string answer = refused(fixture, request);
    CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer.ends_with("GET /a "));
  }
  RawClient kept(fixture.server->port());
  kept.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  fixture.run(1, kept);
  CHECK(kept.count("\r\nConnection: keep-alive\r\n") == 1);
  CHECK_FALSE(kept.closed());
}

TEST_CASE("http_server: a client that only stops sending still gets its answer") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  client.end();
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 1; });
  fixture.held[0].respond(text("late"));
  run_until(*fixture.runtime, [&] { return client.closed(); });
  CHECK(client.received().ends_with("late"));
  CHECK(fixture.server->connections() == 0);
}

TEST_CASE("http_server: the target in absolute form is taken as its path") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send(
      "GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\nGET http://x HTTP/1.1\r\nHost: x\r\n\r\n");
  fixture.run(2, client);
  CHECK(client.count("GET /a?b ") == 1);
  CHECK(client.received().ends_with("GET / "));
}

TEST_CASE("http_server: what is not HTTP/1.1 is refused with its status and closed") {
  Fixture fixture({.header_bytes_max = 2048, .body_bytes_max = 1000});
  const std::string long_header = "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(4000, 'a');
  const std::pair<std::string, int> cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},                        // No host.
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},  // Two.
      {"GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},  // A folded line.
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\nx", 417},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {long_header, 431},
      {long_header + "\r\n\r\n", 431},
      {"GET /" + std::string(4000, 'a'), 431},
      {post("/", std::string(1001, 'x')), 413},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413},
  };
  for (const auto& [bytes, status] : cases) {
    CAPTURE(bytes);
    const std::string answer = refused(fixture, bytes);
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
    CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer.find("application/problem+json") != std::string::npos);
  }
  CHECK(fixture.requests == 0);
  CHECK(refused(fixture, post("/", std::string(1000, 'x'), "Connection: close\r\n"))
            .starts_with("HTTP/1.1 200"));
}

TEST_CASE("http_server: damaged requests harm neither the server nor other connections") {
  Fixture fixture({.header_bytes_max = 1024, .body_bytes_max = 1000});
  RawClient other(fixture.server->port());
  const std::string whole =
      post("/a?b=c", "hello", "X-In: 1\r\nExpect: 100-continue\r\n") +
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: "
      "1\r\n\r\nHEAD /h HTTP/1.0\r\n\r\n";
  constexpr std::string_view spice("\r\n\0 :;\xff\tA0x", 12);
  Random random(42);
  for (int round = 0; round < 200; ++round) {
    std::string damaged = whole;
    for (std::uint64_t i = random.below(4); i < 4; ++i) {
      const std::size_t at = random.below(damaged.size());
      switch (random.below(4)) {
        case 0:
          damaged[at] = spice[random.below(spice.size())];
          break;
        case 1:
          damaged.erase(at, random.below(20));
          break;
        case 2:
          damaged.insert(at, damaged, random.below(damaged.size()), random.below(40));
          break;
        default:
          damaged.insert(at, random.below(2000), spice[random.below(spice.size())]);
          break;
      }
    }
    CAPTURE(round);
    RawClient client(fixture.server->port());
    const std::size_t cut = random.below(damaged.size());
    client.send(std::string_view(damaged).substr(0, cut));
    run_until(*fixture.runtime, [&] { return fixture.server->connections() > 0; });
    client.send_what_goes(std::string_view(damaged).substr(cut));
    client.end();
    run_until(*fixture.runtime, [&] { return client.closed(); });
  }
  other.send(get_a);
  fixture.run(1, other);
  CHECK(other.received().ends_with("GET /a "));
}

TEST_CASE("http_server: a refusal waits for the answers before it, and ends what follows") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n" + std::string(get_a));
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 1; });
  fixture.held[0].respond(text("first"));
  run_until(*fixture.runtime, [&] { return client.closed(); });
  CHECK(client.received().find("first") < client.received().find("HTTP/1.1 400"));
  CHECK(client.count("HTTP/1.1 ") == 2);
  CHECK(fixture.requests == 1);
}

TEST_CASE("http_server: 100 Continue is given when the client waits for it") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  fixture.run(1, client);
  CHECK(client.received() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  fixture.run(2, client);
  CHECK(client.received().ends_with("POST /e body"));
}

TEST_CASE("http_server: connections beyond the limit are answered 503") {
  Fixture fixture({.connections_max = 1});
  RawClient first(fixture.server->port());
  first.send(get_a);
  fixture.run(1, first);
  const std::string answer = refused(fixture, get_a);
  CHECK(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(fixture.requests == 1);
  CHECK(fixture.server->connections() == 1);
  first.send(get_a);
  fixture.run(2, first);
}

TEST_CASE("http_server: idle and slow connections end, waiting for the handler does not") {
  Fixture fixture({.idle_timeout = 100ms});
  RawClient idle(fixture.server->port());
  RawClient slow(fixture.server->port());
  RawClient waiting(fixture.server->port());
  slow.send("GET / HTTP/1.1\r\nHo");
  waiting.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(*fixture.runtime, [&] { return idle.closed() && slow.closed(); });
  CHECK(idle.received().empty());
  CHECK(slow.received().starts_with("HTTP/1.1 408 "));
  REQUIRE(fixture.held.size() == 1);
  CHECK_FALSE(waiting.closed());
  fixture.held[0].respond(text("worth it"));
  fixture.run(1, waiting);
  CHECK(waiting.received().ends_with("worth it"));
}

TEST_CASE("http_server: a request that is dropped unanswered is answered 500") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 1; });
  fixture.held.clear();
  fixture.run(1, client);
  CHECK(client.received().starts_with("HTTP/1.1 500 "));
  client.send(get_a);
  fixture.run(2, client);
}

TEST_CASE("http_server: answers for a client that has gone, or after the server, have no effect") {
  Fixture fixture;
  {
    RawClient client(fixture.server->port());
    client.send("GET /hold1 HTTP/1.1\r\nHost: x\r\n\r\nGET /hold2 HTTP/1.1\r\nHost: x\r\n\r\n");
    run_until(*fixture.runtime, [&] { return fixture.held.size() == 2; });
    CHECK_FALSE(fixture.held[0].client.expired());
  }
  run_until(*fixture.runtime, [&] { return fixture.held[0].client.expired(); });
  fixture.held[0].respond(text(std::string(3'000'000, 'x')));
  fixture.held[1].respond(text("nobody"));
  run_until(*fixture.runtime, [&] { return fixture.server->connections() == 0; });

  RawClient client(fixture.server->port());
  client.send("GET /hold3 HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 3; });
  fixture.server.reset();
  fixture.held[2].respond(text("too late"));
  run_until(*fixture.runtime, [&] { return client.closed(); });
  CHECK(client.received().empty());
}

TEST_CASE("http_server: a large answer reaches a client that reads slowly") {
  Fixture fixture;
  RawClient client(fixture.server->port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 1; });
  fixture.held[0].respond(text(std::string(8'000'000, 'x') + "end"));
  run_until(*fixture.runtime, [&] { return client.received().ends_with("end"); });
  client.send(get_a);
  run_until(*fixture.runtime, [&] { return client.received().ends_with("GET /a "); });
}

TEST_CASE("http_server: a stop closes idle connections and finishes busy ones") {
  Fixture fixture;
  RawClient idle(fixture.server->port());
  auto busy = std::make_unique<RawClient>(fixture.server->port());
  idle.send(get_a);
  busy->send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(*fixture.runtime,
            [&] { return fixture.held.size() == 1 && idle.count("HTTP/1.1 ") == 1; });
  bool stopped = false;
  fixture.server->stop([&] { stopped = true; });
  run_until(*fixture.runtime, [&] { return idle.closed(); });
  CHECK_FALSE(stopped);
  CHECK(fixture.server->connections() == 1);
  fixture.held[0].respond(text("finished"));
  run_until(*fixture.runtime, [&] { return busy->closed(); });
  CHECK(busy->received().ends_with("finished"));
  CHECK(busy->count("Connection: close") == 1);
  busy.reset();
  run_until(*fixture.runtime, [&] { return stopped; });
  CHECK(fixture.server->connections() == 0);
}

TEST_CASE("http_server: a stop waits for the request that is arriving") {
  Fixture fixture;
  auto client = std::make_unique<RawClient>(fixture.server->port());
  const std::string request = post("/last", "0123456789");
  client->send(std::string_view(request).substr(0, 30));
  bool turned = false;
  fixture.runtime->scheduler().after(2ms, [&] { turned = true; });
  run_until(*fixture.runtime, [&] { return turned; });
  bool stopped = false;
  fixture.server->stop([&] { stopped = true; });
  client->send(std::string_view(request).substr(30));
  run_until(*fixture.runtime, [&] { return client->closed(); });
  CHECK(client->received().ends_with("POST /last 0123456789"));
  client.reset();
  run_until(*fixture.runtime, [&] { return stopped; });
}

TEST_CASE("http_server: a stop without connections is done in a turn") {
  Fixture fixture;
  bool stopped = false;
  fixture.server->stop([&] { stopped = true; });
  CHECK_FALSE(stopped);
  run_until(*fixture.runtime, [&] { return stopped; });
}

TEST_CASE("http_server: an address that cannot be had is an error that names it") {
  Fixture fixture;
  const std::uint16_t port = fixture.server->port();
  const auto ignore = [](const http::Request&, http::Responder) {};
  const auto taken = fixture.runtime->listen("127.0.0.1", port, {}, ignore);
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().code == Errc::conflict);
  CHECK(taken.error().detail.find("127.0.0.1:" + std::to_string(port)) != std::string::npos);
  CHECK(fixture.runtime->listen("example.com", 0, {}, ignore).error().code == Errc::invalid);
  CHECK(fixture.runtime->listen("192.0.2.1", 0, {}, ignore).error().code == Errc::invalid);
  CHECK(fixture.runtime->listen("localhost", 0, {}, ignore).has_value());
}

TEST_CASE("http_server: a unix-domain socket serves, replaces a stale file, and goes with it") {
  const auto runtime = Runtime::create(1);
  const std::string path = "/tmp/porteiro-test-" + std::to_string(::getpid()) + ".sock";
  const auto echo = [](const http::Request& request, http::Responder respond) {
    respond(text(std::string(request.peer) + " " + std::string(request.target)));
  };
  auto first = runtime->listen_unix(path, {}, echo);
  REQUIRE(first.has_value());
  CHECK(first.value()->port() == 0);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(runtime->listen_unix(path, {}, echo).error().code == Errc::conflict);
  {
    RawClient client(path);
    client.send(get_a);
    run_until(*runtime, [&] { return client.count("unix /a") == 1; });
  }
  first.value().reset();
  CHECK(::stat(path.c_str(), &status) != 0);

  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);  // As a killed process leaves it.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(left);
  CHECK(runtime->listen_unix(path, {}, echo).has_value());

  REQUIRE(runtime->files().replace(path, "not a socket").has_value());
  CHECK(runtime->listen_unix(path, {}, echo).error().code == Errc::conflict);
  CHECK(runtime->files().read(path).value() == "not a socket");
  CHECK(runtime->files().remove(path).has_value());
  CHECK(runtime->listen_unix(std::string(200, 'x'), {}, echo).error().code == Errc::invalid);
}
