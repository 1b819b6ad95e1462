// Goal: whatever bytes come, their sender gets a clear refusal or nothing, and the others go on.
#include <doctest/doctest.h>

#include <deque>

#include "integration/process.hpp"
#include "integration/wire.hpp"

namespace porteiro::integration {
namespace {

using namespace std::string_literals;

constexpr const char* known = "/v1/people/11144477735/trail";

std::string get(const std::string& more = {}, const std::string& path = known) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: " + shop + "\r\n" + more +
         "\r\n";
}

std::string post(const std::string& body, const std::string& more = {}) {
  return "POST /v1/people/11144477735/movements HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: "s +
         shop + "\r\nContent-Type: application/json\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string good_body = movement("7d444840-9dc0-11d1-b245-5ffdce74fad2", 1).dump();

// Another client, on a connection of its own, is served as always.
void check_serves(Instance& porteiro) {
  Wire wire(porteiro.loop(), porteiro.gateway_port());
  REQUIRE(wire.send(get("Connection: close\r\n", "/v1/people/52998224725/trail")));
  CHECK(wire.until_ended());
  CHECK(wire.received().starts_with("HTTP/1.1 404"));
  CHECK(!porteiro.process().poll().has_value());
}

struct Malformed {
  std::string what;
  std::string bytes;
  const char* status;  // The answer's first bytes after "HTTP/1.1 ".
};

std::vector<Malformed> table() {
  const std::string line = "GET /v1/people HTTP/1.1\r\n";
  const std::string head = line + "Host: localhost\r\n";
  const std::string chunked =
      "POST /v1/people HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  return {
      {"no request", "GARBAGE\r\n\r\n", "400"},
      {"another protocol", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + "\r\n\r\n", "400"},
      {"zeros", std::string(64, '\0') + "\r\n\r\n", "400"},
      {"no Host", line + "\r\n", "400"},
      {"two Hosts", head + "Host: other\r\n\r\n", "400"},
      {"no version", "GET /v1/people\r\nHost: a\r\n\r\n", "400"},
      {"another version", "GET /v1/people HTTP/3.0\r\nHost: a\r\n\r\n", "505"},
      {"a version of no number", "GET /v1/people HTTP/x.y\r\nHost: a\r\n\r\n", "505"},
      {"lines that end in LF alone", "GET /v1/people HTTP/1.1\nHost: a\n\n", "400"},
      {"a line that ends in CR alone", "GET /v1/people HTTP/1.1\rHost: a\r\n\r\n", "400"},
      {"a header that ends in LF alone", line + "Host: a\nX-A: b\r\n\r\n", "400"},
      {"an empty method", " /v1/people HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"a zero in the method", "G\0T /v1/people HTTP/1.1\r\nHost: a\r\n\r\n"s, "400"},
      {"a zero in the target", "GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, "400"},
      {"a header without a colon", head + "nothing\r\n\r\n", "400"},
      {"a header without a name", head + ": nothing\r\n\r\n", "400"},
      {"a space before the colon", head + "X-A : b\r\n\r\n", "400"},
      {"a folded header", head + "X-A: a\r\n b\r\n\r\n", "400"},
      {"a zero in a header", head + "X-A: a\0b\r\n\r\n"s, "400"},
      {"a length of no number", head + "Content-Length: many\r\n\r\n", "400"},
      {"a negative length", head + "Content-Length: -1\r\n\r\n", "400"},
      {"a length beyond all numbers", head + "Content-Length: 99999999999999999999999\r\n\r\n",
       "400"},
      {"two lengths", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"a length and chunks",
       head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"another coding", head + "Transfer-Encoding: gzip\r\n\r\n", "501"},
      {"chunks of HTTP/1.0",
       "POST /v1/people HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"a chunk size of no number", chunked + "zz\r\nab\r\n0\r\n\r\n", "400"},
      {"a chunk that does not end", chunked + "1\r\nabc\r\n0\r\n\r\n", "400"},
      {"a chunk beyond all numbers", chunked + "ffffffffffffffffff\r\n", "400"},
      {"an unknown expectation", head + "Expect: magic\r\n\r\n", "417"},
      {"a body that is too large", head + "Content-Length: 1048577\r\n\r\n", "413"},
      {"a header that is too large", head + "X-A: " + std::string(20000, 'a') + "\r\n\r\n", "431"},
      {"a target that is too large",
       "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "431"},
  };
}

}  // namespace

TEST_CASE("malformed: every kind gets its status, the connection ends, others are served") {
  Loop loop;
  Instance porteiro(loop);
  for (const Malformed& one : table()) {
    CAPTURE(one.what);
    Wire wire(loop, porteiro.gateway_port());
    REQUIRE(wire.send(one.bytes + get()));  // What follows is not taken for a request.
    CHECK(wire.until_ended());
    INFO("received: ", wire.received());
    CHECK(wire.received().starts_with("HTTP/1.1 "s + one.status));
    CHECK(count_of(wire.received(), "Content-Length: ") == 1);
    CHECK(wire.received().find("application/problem+json") != std::string::npos);
    check_serves(porteiro);
  }
}

TEST_CASE("malformed: what is well-formed but senseless is refused, and the connection lives") {
  Loop loop;
  Instance porteiro(loop);
  struct Senseless {
    std::string bytes;
    const char* status;
  };
  const std::vector<Senseless> all{
      {get({}, "/v1/people/%zz/trail"), "400"},
      {get({}, "/v1/people/%ff%fe/trail"), "400"},
      {get({}, "/v1/people/%00/trail"), "400"},
      {get({}, "/v1/../../etc/passwd"), "400"},
      {get({}, "//v1//people"), "404"},
      {get({}, "/" + std::string(8000, '/')), "404"},
      {get({}, std::string(known) + "?" + std::string(8000, '&')), "404"},
      {get("X-Api-Key: \xff\xfe\r\n"), "400"},  // Which of the two should count?
      {get("Authorization: Bearer another-key\r\n"), "400"},
      {get("traceparent: 00-zz\r\n"), "404"},
      {post("{\"at\":"), "400"},
      {post(std::string(100'000, '[')), "400"},
      {post("{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}"), "400"},
      {post("\xff\xfe"), "400"},
      {post("{\"at\":1e999}"), "400"},
      {"BREW /v1/people HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
      {get({}, "*"), "404"},
  };
  Wire wire(loop, porteiro.gateway_port());
  std::size_t answers = 0;
  for (const Senseless& one : all) {
    INFO("sent: ", one.bytes.substr(0, 200));
    REQUIRE(wire.send(one.bytes));
    ++answers;
    REQUIRE(loop.until([&] { return count_of(wire.received(), "HTTP/1.1 ") == answers; }));
    const std::string last = wire.received().substr(wire.received().rfind("HTTP/1.1 "));
    INFO("received: ", last);
    CHECK(last.starts_with("HTTP/1.1 "s + one.status));
  }
  CHECK(!wire.ended());
}

TEST_CASE("malformed: half a request and then nothing, at every length") {
  Loop loop;
  Instance porteiro(loop);
  const std::string whole = post(good_body);
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    Wire wire(loop, porteiro.gateway_port());
    REQUIRE(wire.send(whole.substr(0, size)));
    if (size % 2 == 0) wire.send_end();
    if (size % 4 == 0) {
      CHECK(wire.until_ended());
      CHECK(wire.received().empty());
    }
  }
  check_serves(porteiro);
  CHECK(porteiro.get(known, shop).status == 404);  // None of them had an effect.
}

TEST_CASE("malformed: headers without end are cut off") {
  Loop loop;
  Instance porteiro(loop);
  Wire wire(loop, porteiro.gateway_port());
  REQUIRE(wire.send("GET /v1/people HTTP/1.1\r\nHost: localhost\r\n"));
  const std::string headers = "X-More: " + std::string(1000, 'm') + "\r\n";
  std::size_t sent = 0;
  while (sent < (64U << 20) && !wire.ended() && wire.send(headers)) sent += headers.size();
  CHECK(wire.until_ended());
  CHECK(wire.received().starts_with("HTTP/1.1 431"));
  CHECK(sent < (64U << 20));
  check_serves(porteiro);
}

TEST_CASE("malformed: a thousand pipelined requests get a thousand answers in order") {
  Loop loop;
  Instance porteiro(loop);
  constexpr int requests = 1000;
  std::string bytes;
  const auto id = [](int i) {
    const std::string digits = std::to_string(i + 1);
    return std::string(32 - digits.size(), '0') + digits;
  };
  for (int i = 0; i < requests; ++i) {
    const std::string trace = "traceparent: 00-" + id(i) + "-00f067aa0ba902b7-01\r\n";
    bytes += i % 3 == 0 ? post(good_body, trace) : get(trace, i % 3 == 1 ? known : "/nothing");
  }
  Wire wire(loop, porteiro.gateway_port());
  REQUIRE(wire.send(bytes));
  const auto all = [&] { return count_of(wire.received(), "HTTP/1.1 ") == requests; };
  REQUIRE(loop.until(all));
  std::size_t at = 0;
  for (int i = 0; i < requests && at != std::string::npos; ++i) {
    at = wire.received().find("X-Correlation-Id: " + id(i), at);
    CHECK_MESSAGE(at != std::string::npos, "the answer to request ", i, " is not in its place");
  }
  CHECK(count_of(wire.received(), "HTTP/1.1 202") == 334);
  check_serves(porteiro);
}

TEST_CASE("malformed: who sends and never reads holds up nobody else") {
  Loop loop;
  Instance porteiro(loop);
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += get();
  Wire wire(loop, porteiro.gateway_port());
  while (!wire.ended() && wire.send(bytes, 100ms) && wire.received().size() < (1U << 20)) {
  }
  check_serves(porteiro);
}

TEST_CASE("malformed: slow bodies arrive, while others are served") {
  Loop loop;
  Instance porteiro(loop);
  const std::string request = post(good_body);
  std::deque<Wire> wires;
  for (int i = 0; i < 20; ++i) wires.emplace_back(loop, porteiro.gateway_port());
  for (std::size_t at = 0; at < request.size(); at += 4) {
    for (Wire& wire : wires) REQUIRE(wire.send(std::string_view(request).substr(at, 4)));
    if (at % 64 == 0) check_serves(porteiro);
  }
  for (Wire& wire : wires) CHECK(wire.until_received("HTTP/1.1 202"));
}

TEST_CASE("malformed: a request that does not come to its end is given up") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string config = example_variant(directory.path("config.json"),
                                             [](json& it) { it["listen"]["idle_timeout"] = "1s"; });
  Instance porteiro(loop, {.config = config, .arguments = {}, .environment = {}, .directory = {}});
  Wire half(loop, porteiro.gateway_port()), silent(loop, porteiro.gateway_port());
  REQUIRE(half.send(post(good_body).substr(0, 150)));
  CHECK(half.until_ended());
  CHECK(half.received().starts_with("HTTP/1.1 408"));
  CHECK(silent.until_ended());
  CHECK(silent.received().empty());
  check_serves(porteiro);
}

TEST_CASE("malformed: connections beyond the limit are turned away until there is room") {
  Loop loop;
  TemporaryDirectory directory;
  const std::string config = example_variant(
      directory.path("config.json"), [](json& it) { it["gateway"]["limits"]["connections"] = 10; });
  Instance porteiro(loop, {.config = config, .arguments = {}, .environment = {}, .directory = {}});
  std::deque<Wire> wires;
  for (int i = 0; i < 10; ++i) {
    wires.emplace_back(loop, porteiro.gateway_port());
    REQUIRE(wires.back().send(get()));
    CHECK(wires.back().until_received("HTTP/1.1 404"));
  }
  Wire beyond(loop, porteiro.gateway_port());
  CHECK(beyond.until_ended());
  CHECK(beyond.received().starts_with("HTTP/1.1 503"));
  CHECK(porteiro.ask("/_porteiro/health").status == 200);  // The other port has its own.
  wires.pop_front();
  CHECK(loop.until([&] {
    Wire wire(loop, porteiro.gateway_port());
    return wire.send(get()) && wire.until_received("HTTP/1.1 404", 100ms);
  }));
}

}  // namespace porteiro::integration
