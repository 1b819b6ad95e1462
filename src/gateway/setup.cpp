#include <algorithm>

#include "gateway/core.hpp"

namespace porteiro::gateway {

StatusCounter::StatusCounter(telemetry::Telemetry& telemetry, std::string route)
    : telemetry_(&telemetry), route_(std::move(route)) {}

void StatusCounter::count(int status) {
  for (const auto& [known, counter] : counters_) {
    if (known == status) {
      ++*counter;
      return;
    }
  }
  const std::string labels = "route=\"" + route_ + "\",status=\"" + std::to_string(status) + "\"";
  counters_.emplace_back(status, &telemetry_->counter("porteiro_gateway_requests_total", labels));
  ++*counters_.back().second;
}

Result<std::unique_ptr<Gateway>> Gateway::create(Options options, Environment& environment,
                                                 Dependencies dependencies) {
  PORTEIRO_TRY(auto admission,
               Admission::create(options.clients, options.limits, environment.entropy));
  PORTEIRO_TRY(auto rules, token_rules(options.tokens));
  auto core = std::make_unique<Core>(std::move(options), environment, dependencies,
                                     std::move(admission), std::move(rules));
  PORTEIRO_TRY(core->build());
  return std::unique_ptr<Gateway>(std::move(core));
}

Core::Core(Options options, Environment& environment, Dependencies dependencies,
           Admission admission, TokenRules rules)
    : options_(std::move(options)),
      environment_(environment),
      journal_(dependencies.journal),
      telemetry_(dependencies.telemetry),
      sealer_(dependencies.sealer),
      tokens_(dependencies.tokens),
      queues_(dependencies.queues),
      events_(dependencies.events),
      models_(dependencies.models),
      guard_(dependencies.guard),
      envelopes_(dependencies.envelopes),
      admission_(std::move(admission)),
      lockout_(options_.lockout),
      rules_(std::move(rules)),
      ledger_(environment, journal_, telemetry_, options_.limits.commands_max),
      waiting_(environment.scheduler, [this](Id, Exchange exchange) {
        answer(std::move(exchange),
               http::problem(504,
                             "the reply did not come in time; the request may still be "
                             "carried out"));
      }) {}

Result<void> Core::build() {
  PORTEIRO_TRY(identities_, Identities::create(options_, admission_));
  if (identities_->tokens()) verifier_ = environment_.offload.lane("tokens");
  none_ = std::make_unique<CompiledRoute>(StatusCounter(telemetry_, "none"));
  none_->name = telemetry_.intern("gateway");
  for (std::size_t i = 0; i < options_.routes.size(); ++i) {
    auto added = add_route(options_.routes[i]);
    if (added) continue;
    Error problem = std::move(added).error();
    problem.detail = problem.at + ": " + problem.detail;
    problem.at = "/gateway/routes/" + std::to_string(i);
    return problem;
  }
  PORTEIRO_TRY(add_status_route());
  telemetry_.gauge("porteiro_gateway_waiting", {},
                   [this] { return static_cast<double>(waiting_.size()); });
  telemetry_.gauge("porteiro_gateway_commands", {},
                   [this] { return static_cast<double>(ledger_.size()); });
  return ok();
}

std::unique_ptr<CompiledRoute> Core::compile(const Route& options) {
  const std::string label = options.method + " " + options.path;
  auto route = std::make_unique<CompiledRoute>(StatusCounter(telemetry_, label));
  route->options = options;
  route->label = label;
  route->source = "/porteiro/gateway" + options.path;
  route->name = telemetry_.intern(label);
  const auto& method = options.method;
  route->write = method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
  route->restricted =
      !options.seal_key.empty() || !rules_.query.empty() || (route->write && !rules_.body.empty());
  return route;
}

Result<void> Core::add_route(const Route& options) {
  std::unique_ptr<CompiledRoute> route = compile(options);
  PORTEIRO_TRY(auto params, router_.add(options.method, options.path, routes_.size()));
  for (std::string& name : params) {
    const auto token = rules_.path.find(name);
    CompiledRoute::Param param{.name = name, .place = "path." + name, .token = {}};
    if (token != rules_.path.end()) param.token = token->second;
    route->restricted = route->restricted || !param.token.empty();
    route->params.push_back(std::move(param));
  }
  PORTEIRO_TRY(options.model.empty() ? add_event_route(*route) : add_model_route(*route));
  routes_.push_back(std::move(route));
  return ok();
}

Result<void> Core::add_event_route(CompiledRoute& route) {
  const Route& options = route.options;
  if (options.event.empty()) {
    return error(Errc::invalid, "the route has neither an event nor a model", route.label);
  }
  route.kind = CompiledRoute::Kind::event;
  route.queue = queues_.find(options.queue);
  if (route.queue == nullptr) {
    return error(Errc::invalid, "the route's queue " + options.queue + " does not exist",
                 route.label);
  }
  route.event_name = telemetry_.intern(options.event);
  route.lane = waiting_.lane(options.timeout);
  // A command is pending as long as its message can still be handled.
  route.pending_age = std::max(options_.idempotency_age, route.queue->options().retention);
  return ok();
}

Result<void> Core::add_model_route(CompiledRoute& route) {
  const Route& options = route.options;
  route.kind = CompiledRoute::Kind::model;
  const auto key = std::find_if(route.params.begin(), route.params.end(),
                                [&](const auto& param) { return param.name == options.model_key; });
  if (key == route.params.end()) {
    return error(Errc::invalid,
                 "the model's key " + options.model_key + " is no parameter of the path",
                 route.label);
  }
  route.model_param = static_cast<std::size_t>(key - route.params.begin());
  if (!models_.get(options.model, "")) {
    return error(Errc::invalid, "the route's model " + options.model + " does not exist",
                 route.label);
  }
  return ok();
}

Result<void> Core::add_status_route() {
  Route options;
  options.method = "GET";
  options.path = options_.status_path + "/{id}";
  std::unique_ptr<CompiledRoute> route = compile(options);
  route->kind = CompiledRoute::Kind::status;
  PORTEIRO_TRY(router_.add(options.method, options.path, routes_.size()));
  routes_.push_back(std::move(route));
  return ok();
}

}  // namespace porteiro::gateway
