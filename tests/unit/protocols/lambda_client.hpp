// A client of the Lambda service over virtual time, and a host that plays what runs.
#pragma once
#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/protocols/lambda.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"
#include "unit/lambda/zip.hpp"
#include "unit/protocols/client.hpp"

namespace porteiro::protocols::test {

struct KnownMappings final : lambda::Mappings {
  std::map<Id, lambda::MappingOptions> running;
  void map(lambda::MappingOptions options) override {
    const Id id = options.id;
    running.insert_or_assign(id, std::move(options));
  }
  void unmap(Id id) override { running.erase(id); }
};

// A life of the service: with a disk that is kept, another one takes over.
class LambdaClient {
 public:
  struct Unit {
    lambda::Settings settings;
    std::string folder, arn;
    std::uint32_t concurrency_max;
  };
  struct Invocation {
    std::string key;
    std::shared_ptr<lambda::Direct> direct;
    lambda::Completion done;
  };
  struct Setup {
    std::shared_ptr<virtual_world::MemoryFiles::Disk> disk =
        std::make_shared<virtual_world::MemoryFiles::Disk>();
    AwsOptions aws{};
    LambdaOptions options{};
    lambda::CatalogueLimits limits{};
    std::vector<std::string> declared{};
    bool kept = false;  // The journal is on the disk.
  };
  LambdaClient() : LambdaClient(Setup{}) {}
  explicit LambdaClient(Setup setup)
      : files(setup.disk),
        environment{world.scheduler, world.offload, world.entropy, world.random, files},
        telemetry(world.scheduler, {}),
        guard({}, world.scheduler, telemetry) {
    journal::Options options;
    if (setup.kept) options.directory = "/data/journal";
    journal = journal::open(options, environment, telemetry).value();
    queues = std::make_unique<queue::Queues>(environment, *journal, telemetry);
    catalogue = std::make_unique<lambda::Catalogue>(*journal, setup.limits);
    for (const std::string& name : setup.declared) {
      lambda::CatalogueFunction function;
      function.name = name;
      REQUIRE(catalogue->declare(std::move(function)).has_value());
    }
    code = std::make_unique<lambda::CodeStore>(
        environment, lambda::CodeStoreOptions{.directory = "/data/code"},
        [this](std::string_view sha256) { return catalogue->refers(sha256); });
    service = std::make_unique<Lambda>(Lambda::Parts{environment, *journal, telemetry, *catalogue,
                                                     *code, *queues, mappings, guard, host()},
                                       setup.aws, setup.options);
    REQUIRE(journal->start().has_value());
    bool ready = false;
    service->start([&](Result<void> started) { ready = started.has_value(); });
    settle();
    REQUIRE(ready);
  }

  void settle() { world.scheduler.run_for(0s); }

  std::shared_ptr<std::optional<Reply>> start(std::string_view method, std::string_view target,
                                              std::string_view body,
                                              std::vector<http::HeaderView> headers = {}) {
    auto reply = std::make_shared<std::optional<Reply>>();
    headers.push_back({"Host", "localhost:4566"});
    const http::Request request{method, target, headers, body, "simulation"};
    CHECK(Lambda::takes(request));
    service->handle(
        request,
        [reply](http::Response response) {
          REQUIRE_FALSE(reply->has_value());
          *reply = Reply{response.status, response.content_type, response.body, response.headers};
        },
        who);
    settle();
    return reply;
  }
  Reply send(std::string_view method, std::string_view target, std::string_view body = {},
             std::vector<http::HeaderView> headers = {}) {
    const auto reply = start(method, target, body, std::move(headers));
    REQUIRE(reply->has_value());
    return **reply;
  }
  Reply call(std::string_view method, const std::string& path, const json& body) {
    return send(method, path, body.dump());
  }
  // The result of an action that has to succeed.
  json ok(std::string_view method, const std::string& path, const json& body = nullptr,
          int status = 200) {
    const Reply reply = send(method, path, body.is_null() ? "" : body.dump());
    INFO(method, " ", path, ": ", reply.body);
    REQUIRE(reply.status == status);
    return reply.document();
  }

  static std::string zip(const std::string& text = "def handler(event, context): return event") {
    return to_base64(lambda::test::Zip().add("app.py", text).close());
  }
  static json creation(const std::string& name) {
    return {{"FunctionName", name},
            {"Runtime", "python3.12"},
            {"Handler", "app.handler"},
            {"Role", "arn:aws:iam::000000000000:role/any"},
            {"Code", {{"ZipFile", zip()}}}};
  }
  json create(const std::string& name, const json& more = json::object()) {
    json body = creation(name);
    body.update(more);
    return ok("POST", "/2015-03-31/functions", body, 201);
  }
  std::string path(const std::string& name, const std::string& rest = "") {
    return "/2015-03-31/functions/" + name + rest;
  }
  std::string queue(const std::string& name) {
    queue::Options options;
    options.name = name;
    REQUIRE(queues->create(std::move(options)).has_value());
    return "arn:aws:sqs:us-east-1:000000000000:" + name;
  }
  std::vector<std::string> received(const std::string& name) {
    std::vector<std::string> bodies;
    for (const auto& delivery : queues->find(name)->receive(10)) {
      bodies.push_back(delivery.message.body);
    }
    return bodies;
  }
  // The oldest invocation that was not answered.
  void answer(const std::string& body, const std::string& error = {}) {
    REQUIRE_FALSE(invocations.empty());
    Invocation one = std::move(invocations.front());
    invocations.pop_front();
    one.direct->error = error;
    if (error.empty()) {
      one.done(lambda::Reply{.body = body});
    } else {
      one.done(porteiro::error(Errc::internal, "the function failed"));
    }
    settle();
  }

  virtual_world::World world;
  virtual_world::MemoryFiles files;
  Environment environment;
  telemetry::Telemetry telemetry;
  access::Guard guard;
  Asker who{{.name = "caller", .role = "some-role", .developer = true}};
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<queue::Queues> queues;
  std::unique_ptr<lambda::Catalogue> catalogue;
  std::unique_ptr<lambda::CodeStore> code;
  KnownMappings mappings;
  std::map<std::string, Unit, std::less<>> units;
  std::deque<Invocation> invocations;  // Not yet answered.
  std::size_t free = 1000;             // Of each function.
  std::optional<Error> refuse_deploy;
  bool unmanaged = false;              // Nobody may manage a function,
  std::vector<std::string> asked_for;  // and which were to be.
  std::set<std::string> forbidden;     // Functions that nobody may invoke,
  std::vector<std::string> asked_by;   // and who wanted to.
  std::unique_ptr<Lambda> service;

 private:
  LambdaHost host() {
    LambdaHost host;
    host.deploy = [this](const LambdaUnit& unit) -> Result<void> {
      if (refuse_deploy) return *refuse_deploy;
      units.insert_or_assign(unit.key,
                             Unit{unit.settings, unit.folder, unit.arn, unit.concurrency_max});
      return porteiro::ok();
    };
    host.retire = [this](std::string_view key) { units.erase(std::string(key)); };
    host.invoke = [this](std::string_view key, std::shared_ptr<lambda::Direct> direct,
                         lambda::Completion done) {
      invocations.push_back({std::string(key), std::move(direct), std::move(done)});
    };
    host.permit = [this](const Asker* asker, std::string_view action,
                         std::string_view function) -> Result<void> {
      const bool invokes = action == access::action::function_invoke;
      if (!invokes && unmanaged) {
        asked_for.emplace_back(function);
        return error(Errc::denied, "the log says why");
      }
      if (!invokes || !forbidden.contains(std::string(function))) return porteiro::ok();
      asked_by.emplace_back(asker == nullptr ? "nobody" : asker->principal.name);
      return error(Errc::denied, "the log says why");
    };
    host.free = [this](std::string_view) { return free; };
    return host;
  }
};

inline void check_lambda_error(const Reply& reply, int status, const std::string& type,
                               const std::string& text = {}) {
  INFO(reply.body);
  CHECK(reply.status == status);
  CHECK(reply.header("x-amzn-ErrorType") == type);
  const json body = reply.document();
  const std::string message = body.value("message", body.value("Message", ""));
  CHECK_FALSE(message.empty());
  CHECK(message.find(text) != std::string::npos);
}

}  // namespace porteiro::protocols::test
