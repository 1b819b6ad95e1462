// A request to the Lambda service: the first line is the method and the target, the rest the body.
// The reply is JSON or empty, whatever comes; invocations are answered with what they got.
#include <nlohmann/json.hpp>

#include "porteiro/protocols/lambda.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace {

using namespace porteiro;

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
    host.permit = [](const protocols::Asker*, std::string_view, std::string_view) -> Result<void> {
      return ok();
    };
    host.free = [](std::string_view) { return std::size_t{1}; };
    host.invoke = [](std::string_view, std::shared_ptr<lambda::Direct> direct,
                     lambda::Completion done) { done(lambda::Reply{.body = direct->payload}); };
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
    service->handle({method, target, headers, body, "fuzz"},
                    [&reply](http::Response response) { reply = std::move(response.body); },
                    {{.name = "fuzz", .developer = true}});
    world.scheduler.run_for(std::chrono::seconds(1));
    return reply;
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
  std::unique_ptr<protocols::Lambda> service;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::size_t space = std::min(input.find(' '), line);
  const std::string target =
      input.substr(std::min(space + 1, line), line - std::min(space + 1, line));
  LambdaWorld world;
  const std::string reply =
      world.send(input.substr(0, space), target, input.substr(std::min(line + 1, input.size())));
  PORTEIRO_ASSERT(reply.empty() || target.find("streaming") != target.npos ||
                  nlohmann::json::accept(reply));
  return 0;
}
