// What the catalogue's functions and mappings become: units that run, asynchronous invocations,
// places among the concurrent ones.
#include <algorithm>

#include "protocols/aws/names.hpp"
#include "protocols/lambda/service.hpp"

namespace porteiro::protocols::lambda_api {

void Service::deploy(const lambda::CatalogueFunction& function, const lambda::Version& version) {
  const std::string key = key_of(function.name, version.number);
  const std::string& code = version.settings.code.sha256;
  problems_.erase(key);
  if (lost_codes_.contains(code)) {
    parts.host.retire(key);
    problems_[key] = "The function's code is not in the data directory any more: upload it again.";
    return;
  }
  const std::uint32_t most = function.reserved.value_or(options.concurrency_max);
  const Result<void> deployed = parts.host.deploy(
      {key, version.settings, parts.code.folder(code), std::max(most, 1u),
       function_arn(aws, function.name,
                    version.number == lambda::latest_version ? "" : version.number),
       function.name, version.number});
  if (!deployed) problems_[key] = deployed.error().detail;
}

void Service::deploy_all(const lambda::CatalogueFunction& function) {
  deploy(function, function.latest);
  for (const lambda::Version& version : function.published) deploy(function, version);
}

void Service::retire(const lambda::CatalogueFunction& function, const lambda::Version& version) {
  const std::string key = key_of(function.name, version.number);
  problems_.erase(key);
  parts.host.retire(key);
}

void Service::code_came(const std::string& sha256) {
  if (lost_codes_.erase(sha256) == 0) return;
  for (const auto* function : parts.catalogue.functions()) {
    const auto redeploy = [&](const lambda::Version& version) {
      if (version.settings.code.sha256 == sha256) deploy(*function, version);
    };
    redeploy(function->latest);
    for (const lambda::Version& version : function->published) redeploy(version);
    async.look(function->name);
  }
}

const std::string* Service::problem_of(std::string_view name, std::string_view version) const {
  const auto found = problems_.find(key_of(name, version));
  return found == problems_.end() ? nullptr : &found->second;
}

// A function without a share of concurrency takes nothing.
void Service::begin(const lambda::CatalogueMapping& mapping) {
  const lambda::CatalogueFunction* const function = parts.catalogue.find(mapping.function);
  const auto arn = aws::parse_arn(mapping.queue_arn);
  const auto version = function == nullptr
                           ? Answer<const lambda::Version*>(absent(""))
                           : version_of(*function, {mapping.function, mapping.qualifier});
  if (!mapping.enabled || !arn || !version || function->reserved == 0u) {
    return parts.mappings.unmap(mapping.id);
  }
  lambda::MappingOptions wanted;
  wanted.id = mapping.id;
  wanted.queue = arn->resource;
  wanted.function = key_of(mapping.function, version.value()->number);
  wanted.batch_max = mapping.batch_max;
  wanted.window = std::chrono::seconds(mapping.window_s);
  for (const std::string& text : mapping.filters) {
    auto pattern = lambda::Pattern::parse(text);
    if (pattern) wanted.filters.push_back(std::move(pattern.value()));
  }
  wanted.concurrency_max = mapping.concurrency_max;
  wanted.reports_failures = mapping.reports_failures;
  parts.mappings.map(std::move(wanted));
}

std::uint32_t Service::reserved_in_sum() const {
  std::uint32_t sum = 0;
  for (const auto* function : parts.catalogue.functions()) sum += function->reserved.value_or(0);
  return sum;
}

std::optional<lambda::AsyncPlan> Service::plan_of(std::string_view name,
                                                  std::string_view qualifier) {
  const lambda::CatalogueFunction* const function = parts.catalogue.find(name);
  if (function == nullptr) return std::nullopt;
  const Reference reference{std::string(name), std::string(qualifier)};
  const auto version = version_of(*function, reference, true);
  if (!version) return std::nullopt;
  lambda::AsyncPlan plan;
  plan.version = version.value()->number;
  plan.key = key_of(name, plan.version);
  plan.arn = function_arn(aws, name, qualifier.empty() ? lambda::latest_version : qualifier);
  plan.dead_letter = version.value()->settings.dead_letter_arn;
  plan.never = function->reserved == 0u;
  const bool latest = qualifier == lambda::latest_version;
  const auto config =
      function->invoke_configs.find(latest ? std::string() : std::string(qualifier));
  if (config == function->invoke_configs.end()) return plan;
  plan.retries_max = config->second.retries_max.value_or(plan.retries_max);
  if (config->second.age_max_s) plan.age_max = std::chrono::seconds(*config->second.age_max_s);
  plan.on_success = config->second.on_success;
  plan.on_failure = config->second.on_failure;
  return plan;
}

Result<void> Service::send_to(std::string_view text, std::string body,
                              std::vector<queue::Attribute> attributes) {
  const auto arn = aws::parse_arn(text);
  if (arn && arn->service == "sqs") {
    queue::Queue* const queue = parts.queues.find(arn->resource);
    if (queue == nullptr) return error(Errc::not_found, "the queue does not exist any more");
    queue::SendRequest request;
    request.body = std::move(body);
    request.attributes = std::move(attributes);
    PORTEIRO_TRY(queue->send(std::move(request)));
    return porteiro::ok();
  }
  const auto reference = parse_reference(text, {}, aws);
  if (!reference || parts.catalogue.find(reference.value().name) == nullptr) {
    return error(Errc::not_found, "the function does not exist any more");
  }
  PORTEIRO_TRY(parts.host.permit(nullptr, access::action::function_invoke, reference.value().name));
  PORTEIRO_TRY(async.submit(reference.value().name, reference.value().qualifier, new_id(),
                            std::move(body), {}, {}));
  return porteiro::ok();
}

lambda::AsyncHost Service::async_host() {
  lambda::AsyncHost host;
  host.plan = [this](std::string_view name, std::string_view qualifier) {
    return plan_of(name, qualifier);
  };
  host.admit = [this](std::string_view name) { return admit(name) == nullptr; };
  host.release = [this](std::string_view name) { release(name); };
  host.invoke = [this](std::string_view key, std::shared_ptr<lambda::Direct> direct,
                       lambda::Completion done) {
    parts.host.invoke(key, std::move(direct), std::move(done));
  };
  host.send = [this](std::string_view arn, std::string body,
                     std::vector<queue::Attribute> attributes) {
    return send_to(arn, std::move(body), std::move(attributes));
  };
  return host;
}

const ErrorKind* Service::admit(std::string_view name) {
  const lambda::CatalogueFunction* const function = parts.catalogue.find(name);
  const auto running = running_.find(name);
  const std::uint32_t now_running = running == running_.end() ? 0 : running->second;
  if (function != nullptr && function->reserved) {
    if (now_running >= *function->reserved) return &throttled_by_reserve;
  } else {
    std::uint32_t unreserved = 0;
    for (const auto& [other, count] : running_) {
      const lambda::CatalogueFunction* const of = parts.catalogue.find(other);
      if (of == nullptr || !of->reserved) unreserved += count;
    }
    if (unreserved + reserved_in_sum() >= options.concurrency_max) return &throttled;
  }
  ++running_[std::string(name)];
  return nullptr;
}

void Service::release(std::string_view name) {
  const auto running = running_.find(name);
  if (running != running_.end() && --running->second == 0) running_.erase(running);
}

void Service::start(UniqueFunction<void(Result<void>)> done) {
  parts.code.restore(parts.catalogue.codes(), [self = weak_from_this(), done = std::move(done)](
                                                  Result<std::set<std::string>> lost) mutable {
    const auto service = self.lock();
    if (service == nullptr) return;
    if (!lost) return done(lost.error());
    service->lost_codes_ = std::move(lost.value());
    for (const auto* function : service->parts.catalogue.functions()) {
      if (!function->declared) service->deploy_all(*function);
    }
    for (const auto* mapping : service->parts.catalogue.mappings()) service->begin(*mapping);
    service->async.start();
    done(ok());
  });
}

void Service::reset() {
  const Failure failure{&service_failure, "The emulator was reset; the outcome is unknown."};
  while (!pending_.empty()) {
    const std::shared_ptr<Pending> first = pending_.begin()->second;
    finish(*first, failure);
  }
  async.reset();
  running_.clear();
  for (const auto* mapping : parts.catalogue.mappings()) parts.mappings.unmap(mapping->id);
  for (const auto* function : parts.catalogue.functions()) {
    if (function->declared) continue;
    retire(*function, function->latest);
    for (const lambda::Version& version : function->published) retire(*function, version);
  }
  const std::set<std::string> codes = parts.catalogue.codes();
  parts.catalogue.reset();
  parts.code.collect(codes);
  lost_codes_.clear();
}

}  // namespace porteiro::protocols::lambda_api
