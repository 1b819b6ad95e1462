// Functions by name, and what they read from an event.
#include "porteiro/base/bytes.hpp"
#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {
void hello(std::shared_ptr<const Invocation>, Services&, Completion done) {
  done(Reply{200, "text/plain", "hello"});
}
PORTEIRO_FUNCTION("test.hello", hello);
}  // namespace

TEST_CASE("registry: built-ins and what the executable was linked with") {
  Bench b;
  CHECK(b.registry.has("record.get"));
  CHECK_FALSE(b.registry.has("test.hello"));
  add_linked(b.registry);
  CHECK(b.registry.has("test.hello"));
  CHECK(b.registry.names() == std::vector<std::string>{"echo", "record.append", "record.delete",
                                                       "record.get", "record.put", "record.query",
                                                       "respond", "test.hello"});
  b.make("hello", "test.hello", json::object());
  CHECK(b.ask("hello", b.event("x")).value().body == "hello");
  const json with = json::object();
  const auto missing = b.registry.make("record.gte", {"f", with, *b.services});
  REQUIRE(missing.has_error());
  CHECK(missing.error().code == Errc::not_found);
}

TEST_CASE("registry: which errors are worth another attempt") {
  for (Errc code :
       {Errc::unavailable, Errc::timeout, Errc::internal, Errc::conflict, Errc::limit_exceeded}) {
    CHECK(retryable(code));
  }
  for (Errc code : {Errc::invalid, Errc::denied, Errc::not_found, Errc::stale, Errc::corrupt}) {
    CHECK_FALSE(retryable(code));
  }
}

TEST_CASE("event data: members and the first path parameter") {
  Bench b;
  const auto e = b.event("x", json{{"path", {{"id", "a\"b"}}},
                                   {"query", {{"n", 12}, {"none", nullptr}, {"list", {1, 2}}}},
                                   {"body", true}});
  CHECK(member(e, "path.id") == "a\"b");
  CHECK(member(e, "query.n") == "12");
  CHECK(member(e, "body") == "true");
  for (const char* absent : {"query.none", "query.list", "query", "path.other", "sealed"}) {
    CHECK_FALSE(member(e, absent).has_value());
  }
  CHECK(first_path_parameter(e) == "a\"b");
  CHECK_FALSE(first_path_parameter(b.event("x", json{{"path", json::object()}})).has_value());
  CHECK_FALSE(first_path_parameter(b.event("x")).has_value());
}

TEST_CASE("event data: a body is unsealed for its own type of event only") {
  Bench b;
  const auto read = [&](const events::Event& e) {
    std::optional<Result<std::string>> out;
    body(e, *b.services, [&](Result<std::string> text) { out = std::move(text); });
    b.settle();
    REQUIRE(out.has_value());
    return std::move(*out);
  };
  CHECK(read(b.event("x", json{{"body", {{"a", 1}}}})).value() == "{\"a\":1}");
  CHECK(read(b.event("x")).error().code == Errc::invalid);
  CHECK(read(b.event("x", json{{"sealed", "%"}})).error().code == Errc::corrupt);
  auto e = b.event("person.registered");
  std::string box;
  b.sealer->seal("vault", sealing_context(e), "{\"name\":\"Ana\"}", {},
                 [&](Result<std::string> sealed) { box = sealed.value(); });
  b.settle();
  e.data = json{{"sealed", to_base64(box)}}.dump();
  CHECK(read(e).value() == "{\"name\":\"Ana\"}");
  e.type = "another";
  CHECK(read(e).error().code == Errc::corrupt);
}
