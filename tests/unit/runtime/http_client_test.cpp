#include <doctest/doctest.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <vector>

#include "unit/runtime/raw_client.hpp"

using namespace porteiro;
using namespace porteiro::runtime;
using namespace std::chrono_literals;
using test::run_until;

namespace {

using Reply = Result<http::Response>;

// A server of the same loop whose handler echoes, or holds what starts with /hold.
struct Fixture {
  explicit Fixture(ServerOptions options = {}) {
    server = listen(options);
    url = "http://127.0.0.1:" + std::to_string(server->port());
  }

  std::unique_ptr<Server> listen(ServerOptions options, std::uint16_t port = 0) {
    auto listening = runtime->listen(
        "127.0.0.1", port, options, [this](const http::Request& request, http::Responder respond) {
          peers.emplace_back(request.peer);
          if (request.target.starts_with("/hold")) return held.push_back(std::move(respond));
          http::Response response;
          response.status = request.target == "/missing" ? 404 : 200;
          response.content_type = "text/plain";
          response.body = std::string(request.method) + " " + std::string(request.header("X-In")) +
                          " " + std::string(request.body);
          response.headers = {{"X-Out", "out"}};
          respond(std::move(response));
        });
    REQUIRE(listening.has_value());
    return std::move(listening).value();
  }

  Reply fetch(http::ClientRequest request) {
    std::optional<Reply> reply;
    runtime->client().send(std::move(request), [&reply](Reply r) { reply = std::move(r); });
    run_until(*runtime, [&] { return reply.has_value(); });
    return *std::move(reply);
  }

  std::unique_ptr<Runtime> runtime = Runtime::create(1);
  std::vector<std::string> peers;
  std::deque<http::Responder> held;
  std::unique_ptr<Server> server;
  std::string url;
};

}  // namespace

TEST_CASE("http_client: sends method, headers and body, and gives the answer's parts") {
  Fixture fixture;
  const auto reply = fixture.fetch(
      {.method = "POST", .url = fixture.url + "/a", .headers = {{"X-In", "in"}}, .body = "body"});
  REQUIRE(reply.has_value());
  CHECK(reply.value().status == 200);
  CHECK(reply.value().content_type == "text/plain");
  CHECK(reply.value().body == "POST in body");
  REQUIRE(reply.value().headers.size() == 1);
  CHECK(reply.value().headers[0].value == "out");
  CHECK(fixture.fetch({.url = fixture.url + "/missing"}).value().status == 404);
  CHECK(fixture.fetch({.url = fixture.url}).value().status == 200);
  CHECK(fixture.fetch({.method = "HEAD", .url = fixture.url + "/h"}).value().body.empty());
  CHECK(fixture.peers.front() == fixture.peers.back());  // One connection for all.
}

TEST_CASE("http_client: parallel requests use as many connections, up to the bound; more wait") {
  Fixture fixture;
  constexpr std::size_t count = 300;
  std::size_t answered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    fixture.runtime->client().send({.url = fixture.url + "/hold"}, [&](Reply reply) {
      CHECK(reply.has_value());
      ++answered;
    });
  }
  std::size_t most = 0;
  run_until(*fixture.runtime, [&] {
    most = std::max(most, fixture.server->connections());
    if (fixture.held.size() == 256 || answered >= 256) {
      while (!fixture.held.empty()) {
        fixture.held.front()({.body = "{}"});
        fixture.held.pop_front();
      }
    }
    return answered == count;
  });
  CHECK(most == 256);
}

TEST_CASE(
    "http_client: a request that is not answered in time is a timeout, and cuts its connection") {
  Fixture fixture;
  const auto reply = fixture.fetch({.url = fixture.url + "/hold", .timeout = 10ms});
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == Errc::timeout);
  fixture.held.clear();
  run_until(*fixture.runtime, [&] { return fixture.server->connections() == 0; });
  CHECK(fixture.fetch({.url = fixture.url + "/a"}).has_value());
}

TEST_CASE("http_client: nobody there, or cut before the answer, is unavailable") {
  Fixture fixture;
  std::optional<Reply> reply;
  fixture.runtime->client().send({.method = "POST", .url = fixture.url + "/hold"},
                                 [&reply](Reply r) { reply = std::move(r); });
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 1; });
  fixture.server.reset();
  run_until(*fixture.runtime, [&] { return reply.has_value(); });
  CHECK(reply->error().code == Errc::unavailable);
  CHECK(fixture.fetch({.url = fixture.url + "/a"}).error().code == Errc::unavailable);
}

TEST_CASE("http_client: a kept connection that the server has closed is not used again") {
  Fixture fixture;
  CHECK(fixture.fetch({.method = "POST", .url = fixture.url + "/a"}).has_value());
  const std::uint16_t port = fixture.server->port();
  fixture.server.reset();
  fixture.server = fixture.listen({}, port);
  CHECK(fixture.fetch({.method = "POST", .url = fixture.url + "/a"}).has_value());
}

TEST_CASE("http_client: speaks over unix-domain sockets") {
  Fixture fixture;
  const std::string path = "/tmp/porteiro-client-" + std::to_string(::getpid()) + ".sock";
  const auto server = fixture.runtime->listen_unix(
      path, {}, [](const http::Request& request, http::Responder respond) {
        respond({.body = std::string(request.target) + " " + std::string(request.header("Host"))});
      });
  REQUIRE(server.has_value());
  CHECK(fixture.fetch({.url = "unix:" + path + "|/a?b"}).value().body == "/a?b localhost");
}

TEST_CASE("http_client: what cannot be sent is invalid") {
  Fixture fixture;
  for (const std::string url :
       {"", "ftp://127.0.0.1/", "http://example.com/", "http://127.0.0.1:x/",
        "http://127.0.0.1:99999/", "http://127.0.0.1/a b", "unix:/x", "unix:|/a",
        "http://127.0.0.1/a\r\nX: 1"}) {
    CAPTURE(url);
    CHECK(fixture.fetch({.url = url}).error().code == Errc::invalid);
  }
  CHECK(fixture.fetch({.method = "GE T", .url = fixture.url}).error().code == Errc::invalid);
  CHECK(fixture.fetch({.url = fixture.url, .headers = {{"A", "b\r\nC: d"}}}).error().code ==
        Errc::invalid);
}

TEST_CASE("http_client: an answer may send the next request, and the runtime may die meanwhile") {
  Fixture fixture;
  int answers = 0;
  UniqueFunction<void()> again = [&] {
    fixture.runtime->client().send({.url = fixture.url + "/a"}, [&](Reply) {
      if (++answers < 5) again();
    });
  };
  again();
  run_until(*fixture.runtime, [&] { return answers == 5; });
  fixture.runtime->client().send({.url = fixture.url + "/hold"}, [&](Reply) { ++answers; });
  run_until(*fixture.runtime, [&] { return fixture.held.size() == 1; });
  fixture.server.reset();
  fixture.runtime.reset();
  CHECK(answers == 5);
}
