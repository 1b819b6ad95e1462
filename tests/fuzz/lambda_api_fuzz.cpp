// A request to the Lambda service: the first line is the method and the target, the rest the body.
// The reply is JSON or empty, whatever comes; invocations are answered with what they got. Who may
// do nothing changes nothing and has nothing invoked.
#include <nlohmann/json.hpp>

#include "porteiro/protocols/lambda.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace {

using namespace porteiro;

constexpr protocols::Asker developer{{.name = "fuzz", .developer = true}};

// A service with one function and one queue.
struct LambdaWorld {
  LambdaWorld() : telemetry(world.scheduler, {}), guard({}, world.scheduler, telemetry) {
    journal = journal::open({}, world.environment, telemetry).value();
    queues = std::make_unique<queue::Queues>(world.environment, *journal, telemetry);
    catalogue = std::make_unique<lambda::Catalogue>(*journal, lambda::CatalogueLimits{});
    code = std::make_unique<lambda::CodeStore>(
        world.environment, lambda::CodeStoreOptions{.directory = "/code"},
        [this](std::string_view sha256) { return catalogue->refers(sha256); });
    protocols::LambdaHost host;
    host.deploy = [](const protocols::LambdaUnit&) -> Result<void> { return ok(); };
    host.retire = [](std::string_view) {};
    host.permit = [](const protocols::Asker* asker, std::string_view,
                     std::string_view) -> Result<void> {
      if (asker == nullptr || asker->principal.developer) return ok();
      return Error{Errc::denied, "not this one"};
    };
    host.free = [](std::string_view) { return std::size_t{1}; };
    host.invoke = [this](std::string_view, std::shared_ptr<lambda::Direct> direct,
                         lambda::Completion done) {
      PORTEIRO_ASSERT(who.principal.developer);
      done(lambda::Reply{.body = direct->payload});
    };
    service = std::make_unique<protocols::Lambda>(
        protocols::Lambda::Parts{world.environment, *journal, telemetry, *catalogue, *code, *queues,
                                 mappings, guard, std::move(host)},
        protocols::AwsOptions{}, protocols::LambdaOptions{});
    PORTEIRO_ASSERT(journal->start().has_value());
    service->start([](const Result<void>&) {});
    PORTEIRO_ASSERT(queues->create({.name = "in"}).has_value());
    lambda::CatalogueFunction function;
    function.name = "f";
    function.latest.settings.runtime = "python3.12";
    PORTEIRO_ASSERT(catalogue->create(std::move(function)).has_value());
  }

  std::string send(std::string_view method, std::string_view target, std::string_view body) {
    const http::HeaderView headers[] = {{"Host", "localhost"}};
    std::string reply;
    service->handle(
        {method, target, headers, body, "fuzz"},
        [&reply](http::Response response) { reply = std::move(response.body); }, who);
    world.scheduler.run_for(std::chrono::seconds(1));
    return reply;
  }

  // All that the developer can read.
  std::string shown() {
    std::string all;
    for (const std::string path :
         {"functions/", "functions/f", "functions/f/versions", "functions/f/aliases",
          "functions/f/policy", "functions/f/concurrency", "event-source-mappings/"}) {
      all += send("GET", "/2015-03-31/" + path, {});
    }
    return all;
  }

  struct NoMappings final : lambda::Mappings {
    void map(lambda::MappingOptions) override {}
    void unmap(Id) override {}
  };
  virtual_world::World world;
  telemetry::Telemetry telemetry;
  access::Guard guard;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<queue::Queues> queues;
  std::unique_ptr<lambda::Catalogue> catalogue;
  std::unique_ptr<lambda::CodeStore> code;
  NoMappings mappings;
  protocols::Asker who = developer;
  std::unique_ptr<protocols::Lambda> service;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::size_t space = std::min(input.find(' '), line);
  const std::string target =
      input.substr(std::min(space + 1, line), line - std::min(space + 1, line));
  for (const protocols::Asker& who : {developer, protocols::Asker{{.name = "stranger"}}}) {
    LambdaWorld world;
    const std::string before = world.shown();
    world.who = who;
    const std::string reply =
        world.send(input.substr(0, space), target, input.substr(std::min(line + 1, input.size())));
    PORTEIRO_ASSERT(reply.empty() || target.find("streaming") != target.npos ||
                    nlohmann::json::accept(reply));
    world.who = developer;
    PORTEIRO_ASSERT(who.principal.developer || world.shown() == before);
  }
  return 0;
}
