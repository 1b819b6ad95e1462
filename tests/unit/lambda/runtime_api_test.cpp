// The Runtime API: what a worker may ask in which order, and what it is answered.
#include "lambda/runtime_api.hpp"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

using namespace porteiro;
using namespace porteiro::lambda;
using nlohmann::json;

namespace {

struct Wire final : RuntimeApi::Listener {
  struct Answer {
    std::optional<http::Response> response;
    json body() const { return json::parse(response.value().body, nullptr, false); }
    int status() const { return response ? response->status : 0; }
    std::string header(std::string_view name) const {
      for (const auto& each : response.value().headers) {
        if (each.name == name) return each.value;
      }
      return {};
    }
  };

  std::shared_ptr<Answer> send(const std::string& method, const std::string& rest,
                               const std::string& body = {},
                               std::vector<http::HeaderView> headers = {}) {
    const std::string target = "/2018-06-01/runtime/" + rest;
    http::Request request{method, target, headers, body, "test", &client};
    auto answer = std::make_shared<Answer>();
    api.handle(request, [answer](http::Response response) {
      REQUIRE_FALSE(answer->response);
      answer->response = std::move(response);
    });
    return answer;
  }
  std::shared_ptr<Answer> next() { return send("GET", "invocation/next"); }
  void give(const std::string& id, const std::string& payload = "{}") {
    api.give({id, {{"Lambda-Runtime-Aws-Request-Id", id}}, payload});
  }

  void ready() override { heard.push_back("ready"); }
  void responded(std::string_view type, std::string_view body) override {
    heard.push_back("responded " + std::string(type) + " " + std::string(body));
  }
  void failed(std::string_view type, std::string_view object) override {
    heard.push_back("failed " + std::string(type) + " " + std::string(object));
  }
  void too_large(std::size_t bytes) override {
    heard.push_back("too large " + std::to_string(bytes));
  }
  void init_failed(std::string_view type, std::string_view object) override {
    heard.push_back("init failed " + std::string(type) + " " + std::string(object));
  }
  void refused(std::string_view) override { heard.push_back("refused"); }
  std::string last() const { return heard.empty() ? "" : heard.back(); }

  std::vector<std::string> heard;
  std::shared_ptr<const void> client = std::make_shared<int>(0);
  RuntimeApi api{*this};
};

constexpr const char* response_a = "invocation/a/response";

}  // namespace

TEST_CASE("runtime api: next is held until there is an invocation") {
  Wire w;
  const auto held = w.next();
  CHECK(w.last() == "ready");
  CHECK_FALSE(held->response);
  w.give("a", "[1]");
  REQUIRE(held->status() == 200);
  CHECK(held->response->body == "[1]");
  CHECK(held->header("Lambda-Runtime-Aws-Request-Id") == "a");
  CHECK(w.api.running());
  const auto accepted =
      w.send("POST", response_a, "{\"x\":1}", {{"content-type", "application/json"}});
  CHECK(accepted->status() == 202);
  CHECK(accepted->body() == json{{"status", "OK"}});
  CHECK(w.last() == "responded application/json {\"x\":1}");
  CHECK_FALSE(w.api.running());
  w.give("b");  // Before it asks.
  CHECK(w.api.running());
  const auto second = w.next();
  CHECK(second->header("Lambda-Runtime-Aws-Request-Id") == "b");
  CHECK(w.heard.size() == 2);  // Ready once.
}

TEST_CASE("runtime api: errors of the function carry their type in the header, or else inside") {
  Wire w;
  w.next();
  w.give("a");
  const auto accepted = w.send("POST", "invocation/a/error", R"({"errorType":"Inside"})",
                               {{"Lambda-Runtime-Function-Error-Type", "Runtime.Outside"}});
  CHECK(accepted->status() == 202);
  CHECK(w.last() == R"(failed Runtime.Outside {"errorType":"Inside"})");
  for (const auto& [body, type] :
       std::map<std::string, std::string>{{R"({"errorType":"Inside"})", "Inside"},
                                          {"garbage", "Runtime.Unknown"},
                                          {"", "Runtime.Unknown"},
                                          {R"({"errorType":7})", "Runtime.Unknown"}}) {
    w.next();
    w.give("a");
    w.send("POST", "invocation/a/error", body);
    CHECK(w.last() == "failed " + type + " " + body);
  }
}

TEST_CASE("runtime api: an error of the start") {
  Wire w;
  const auto accepted =
      w.send("POST", "init/error", R"({"errorType":"Runtime.ImportModuleError"})");
  CHECK(accepted->status() == 202);
  CHECK(w.last() ==
        R"(init failed Runtime.ImportModuleError {"errorType":"Runtime.ImportModuleError"})");
  CHECK(w.next()->status() == 403);
  CHECK(w.send("POST", "init/error")->status() == 403);
}

TEST_CASE("runtime api: an unknown id or a wrong order disturbs nothing") {
  Wire w;
  CHECK(w.send("POST", response_a)->status() == 400);
  w.next();
  const auto init = w.send("POST", "init/error");
  CHECK(init->status() == 403);
  CHECK(init->body()["errorType"] == "InvalidStateTransition");
  CHECK(init->body()["errorMessage"] ==
        "State transition from Ready to InitError failed for runtime. Error: State transition is "
        "not allowed");
  w.give("a");
  const auto unknown = w.send("POST", "invocation/b/response", "1");
  CHECK(unknown->status() == 400);
  CHECK(unknown->body() ==
        json{{"errorMessage", "Invalid request ID"}, {"errorType", "InvalidRequestID"}});
  CHECK(w.last() == "refused");
  CHECK(w.next()->status() == 403);
  CHECK(w.send("POST", response_a, "1")->status() == 202);
  CHECK(w.last() == "responded  1");
  const auto again = w.send("POST", response_a, "2");
  CHECK(again->status() == 403);
  CHECK(again->body()["errorType"] == "InvalidStateTransition");
  CHECK(w.send("POST", "invocation/a/error", "2")->status() == 403);
  CHECK(w.send("GET", "invocation/a/response")->status() == 404);
  CHECK(w.send("POST", "invocation/a/other")->status() == 404);
  CHECK(w.send("POST", "invocation/")->status() == 404);
  CHECK(w.send("GET", "nothing")->status() == 404);
}

TEST_CASE("runtime api: an answer that is too large, or streamed") {
  Wire w;
  w.next();
  w.give("a");
  const auto refused = w.send("POST", response_a, std::string(response_bytes_max + 1, 'x'));
  CHECK(refused->status() == 413);
  CHECK(refused->body()["errorType"] == "RequestEntityTooLarge");
  CHECK(refused->body()["errorMessage"] ==
        "Exceeded maximum allowed payload size (6291556 bytes).");
  CHECK(w.last() == "too large 6291557");
  w.next();
  w.give("a");
  CHECK(w.send("POST", response_a, std::string(response_bytes_max, 'x'))->status() == 202);

  const http::HeaderView streaming{"Lambda-Runtime-Function-Response-Mode", "streaming"};
  w.next();
  w.give("a");
  CHECK(w.send("POST", response_a, "part", {streaming})->status() == 202);
  CHECK(w.last() == "responded  part");
  w.next();
  w.give("a");
  CHECK(w.send("POST", response_a, std::string(stream_bytes_max, 'x'), {streaming})->status() ==
        202);
  w.next();
  w.give("a");
  CHECK(w.send("POST", response_a, std::string(stream_bytes_max + 1, 'x'), {streaming})->status() ==
        413);
  w.next();
  w.give("a");
  w.send("POST", response_a, "part",
         {streaming,
          {"Lambda-Runtime-Function-Error-Type", "Runtime.Midstream"},
          {"Lambda-Runtime-Function-Error-Body", "eyJhIjoxfQ=="}});
  CHECK(w.last() == "failed Runtime.Midstream {\"a\":1}");
  w.next();
  w.give("a");
  const auto mode =
      w.send("POST", response_a, "part", {{"Lambda-Runtime-Function-Response-Mode", "buffered"}});
  CHECK(mode->status() == 400);
  CHECK(mode->body()["errorType"] == "InvalidFunctionResponseMode");
  CHECK(w.last().starts_with("failed Runtime.InvalidResponseModeHeader"));
}

TEST_CASE("runtime api: a worker that lost its connection asks again") {
  Wire w;
  const auto first = w.next();
  w.client = std::make_shared<int>(0);  // The first request's client is gone.
  w.give("a");
  CHECK_FALSE(first->response);
  const auto second = w.next();
  CHECK(first->status() == 403);
  CHECK(second->status() == 200);
  CHECK(second->header("Lambda-Runtime-Aws-Request-Id") == "a");
}
