// Event source mappings: from queues of SQS to functions.
#include "protocols/aws/names.hpp"
#include "protocols/lambda/actions.hpp"
#include "protocols/lambda/configuration.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::size_t mappings_page_max = 100, filters_max = 5;  // AWS Lambda.
constexpr std::int64_t batch_max = 10'000, fifo_batch_max = 10, window_max_s = 300;
constexpr std::int64_t concurrency_min = 2, concurrency_max = 1000;

json mapping_json(const Service& service, const lambda::CatalogueMapping& m,
                  std::string_view state) {
  json out = {
      {"UUID", uuid_of(m.id)},
      {"EventSourceMappingArn", aws::to_text({"lambda", service.aws.region, service.aws.account,
                                              "event-source-mapping:" + uuid_of(m.id)})},
      {"BatchSize", m.batch_max},
      {"MaximumBatchingWindowInSeconds", m.window_s},
      {"EventSourceArn", m.queue_arn},
      {"FunctionArn", function_arn(service.aws, m.function, m.qualifier)},
      {"LastModified", seconds_of(m.modified)},
      {"State", state},
      {"StateTransitionReason", "USER_INITIATED"},
      {"FunctionResponseTypes", json::array()}};
  if (m.reports_failures) out["FunctionResponseTypes"].push_back("ReportBatchItemFailures");
  if (m.concurrency_max > 0) out["ScalingConfig"]["MaximumConcurrency"] = m.concurrency_max;
  for (const std::string& pattern : m.filters) {
    out["FilterCriteria"]["Filters"].push_back({{"Pattern", pattern}});
  }
  return out;
}

std::string_view state_of(const lambda::CatalogueMapping& mapping) {
  return mapping.enabled ? "Enabled" : "Disabled";
}

void take_filters(Reader& in, lambda::CatalogueMapping& mapping) {
  if (!in.has("FilterCriteria")) return;
  Reader criteria = in.part("FilterCriteria");
  mapping.filters.clear();
  for (Reader& filter : criteria.parts("Filters")) {
    auto pattern = filter.text("Pattern", lambda::pattern_bytes_max);
    criteria.take(filter);
    if (!pattern || criteria.failure()) continue;
    if (const auto good = lambda::Pattern::parse_for_queue(*pattern); !good) {
      criteria.fail(wrong("Invalid filter pattern definition: " + good.error().detail));
    }
    mapping.filters.push_back(std::move(*pattern));
  }
  if (mapping.filters.size() > filters_max) {
    criteria.fail(wrong("At most 5 filters are allowed."));
  }
  in.take(criteria);
}

// What only sources of other kinds have, where it would change what happens.
void refuse_unsupported(Reader& in) {
  for (const char* name : {"BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds",
                           "MaximumRetryAttempts", "ParallelizationFactor", "StartingPosition",
                           "TumblingWindowInSeconds", "DestinationConfig", "Topics"}) {
    if (in.has(name)) {
      in.fail(wrong("Unsupported parameter " + std::string(name) +
                    " for given event source mapping type."));
    }
  }
}

Answer<void> take_function(Call& call, lambda::CatalogueMapping& mapping) {
  const Text name = call.in.text("FunctionName", arn_max, 1);
  if (call.in.failure()) return *call.in.failure();
  if (!name) return ok();
  PORTEIRO_TRY(const Reference reference, parse_reference(*name, {}, call.service.aws));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  PORTEIRO_TRY(call.service.version_of(*function, reference));
  mapping.function = reference.name;
  mapping.qualifier = reference.qualifier;
  return ok();
}

// Takes what Create and Update share, and checks the whole.
Answer<void> take_mapping(Call& call, lambda::CatalogueMapping& mapping, bool fifo) {
  Reader& in = call.in;
  PORTEIRO_TRY(take_function(call, mapping));
  PORTEIRO_TRY(call.service.permit(call, access::action::function_invoke, mapping.function));
  if (const auto n = in.number("BatchSize", 1, batch_max)) {
    mapping.batch_max = static_cast<std::uint32_t>(*n);
  }
  if (const auto n = in.number("MaximumBatchingWindowInSeconds", 0, window_max_s)) {
    mapping.window_s = static_cast<std::uint32_t>(*n);
  }
  if (const auto enabled = in.boolean("Enabled")) mapping.enabled = *enabled;
  if (in.has("ScalingConfig")) {
    Reader scaling = in.part("ScalingConfig");
    const auto n = scaling.number("MaximumConcurrency", concurrency_min, concurrency_max);
    mapping.concurrency_max = static_cast<std::uint32_t>(n.value_or(0));
    in.take(scaling);
  }
  if (const auto types = in.list("FunctionResponseTypes")) {
    mapping.reports_failures = !types->empty();
    if (types->size() > 1 || (!types->empty() && types->front() != "ReportBatchItemFailures")) {
      in.fail(constraint(types->front(), "functionResponseTypes",
                         "satisfy constraint: [Member must satisfy enum value set: "
                         "[ReportBatchItemFailures]]"));
    }
  }
  take_filters(in, mapping);
  refuse_unsupported(in);
  if (in.failure()) return *in.failure();
  if (fifo && mapping.batch_max > fifo_batch_max) {
    return wrong("Batch size for a FIFO queue is at most 10.");
  }
  if (fifo && mapping.window_s > 0) {
    return wrong("Batching window is not supported for FIFO queues.");
  }
  if (mapping.batch_max > 10 && mapping.window_s == 0) {
    return wrong(
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
        "greater than 10");
  }
  return ok();
}

Answer<const queue::Queue*> queue_of(const Call& call, const std::string& text) {
  const Service& service = call.service;
  const auto arn = aws::parse_arn(text);
  if (!arn || arn->service != "sqs") {
    return wrong("Unrecognized event source: " + text +
                 " (only queues of SQS can be sources here)");
  }
  const bool ours = arn->account == service.aws.account && arn->region == service.aws.region;
  if (!ours) return wrong("The queue " + text + " is not of this account and region.");
  PORTEIRO_TRY(service.permit_queue(call.who, access::action::queue_receive, arn->resource));
  if (service.options.route_queues.contains(arn->resource)) {
    return wrong("The queue " + text +
                 " belongs to routes of the gateway, whose clients wait for the replies: its "
                 "messages go to the functions of the routes only.");
  }
  const queue::Queue* const queue = service.parts.queues.find(arn->resource);
  if (queue == nullptr) {
    return wrong(
        "Error occurred while ReceiveMessage. SQS Error Code: "
        "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue "
        "does not exist.");
  }
  return queue;
}

// A function needs longer than its messages stay hidden: they would come twice.
Answer<void> check_visibility(const Service& service, const queue::Queue& queue,
                              const lambda::CatalogueMapping& mapping) {
  const lambda::CatalogueFunction& function = *service.parts.catalogue.find(mapping.function);
  const std::chrono::seconds timeout(function.latest.settings.timeout_s);
  if (function.declared || queue.options().visibility_timeout >= timeout) return ok();
  const auto hidden =
      std::chrono::duration_cast<std::chrono::seconds>(queue.options().visibility_timeout);
  return wrong("Queue visibility timeout: " + std::to_string(hidden.count()) +
               " seconds is less than Function timeout: " + std::to_string(timeout.count()) +
               " seconds");
}

Answer<lambda::CatalogueMapping> mapping_of(const Call& call) {
  const auto id = parse_id(call.names.at(0));
  const auto* mapping = id ? call.service.parts.catalogue.find_mapping(*id) : nullptr;
  if (mapping == nullptr) return absent("The resource you requested does not exist.");
  return *mapping;
}

Answer<Output> keep(Service& service, lambda::CatalogueMapping mapping, std::string_view state) {
  Output output;
  output.status = 202;
  output.body = mapping_json(service, mapping, state);
  const Id id = mapping.id;
  const auto kept = service.parts.catalogue.put_mapping(std::move(mapping));
  if (!kept) return failure_of(kept.error());
  output.sequence = kept.value();
  service.begin(*service.parts.catalogue.find_mapping(id));
  return output;
}

}  // namespace

Answer<Output> create_mapping(Call& call) {
  Service& service = call.service;
  call.in.require("FunctionName");
  const Text source = call.in.text("EventSourceArn", 1024);
  if (call.in.failure()) return *call.in.failure();
  if (!source) return wrong("EventSourceArn is missing: only queues of SQS can be sources here.");
  PORTEIRO_TRY(const queue::Queue* queue, queue_of(call, *source));
  lambda::CatalogueMapping mapping;
  mapping.id = service.new_id();
  mapping.queue_arn = *source;
  PORTEIRO_TRY(take_mapping(call, mapping, queue->options().fifo));
  PORTEIRO_TRY(check_visibility(service, *queue, mapping));
  if (auto tags = call.in.texts("Tags")) mapping.tags = std::move(*tags);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(check_tags(mapping.tags));
  for (const auto* other : service.parts.catalogue.mappings()) {
    const bool same = other->queue_arn == mapping.queue_arn &&
                      other->function == mapping.function && other->qualifier == mapping.qualifier;
    if (same) {
      return Failure{&conflict,
                     "An event source mapping with SQS arn (\" " + mapping.queue_arn +
                         " \") and function (\" " + mapping.function +
                         " \") already exists. Please update or delete the existing mapping with "
                         "UUID " +
                         uuid_of(other->id)};
    }
  }
  mapping.modified = service.now();
  const bool enabled = mapping.enabled;
  return keep(service, std::move(mapping), enabled ? "Creating" : "Disabled");
}

Answer<Output> update_mapping(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(lambda::CatalogueMapping mapping, mapping_of(call));
  const auto arn = aws::parse_arn(mapping.queue_arn);
  const bool fifo = arn && arn->resource.ends_with(".fifo");
  if (arn) {
    PORTEIRO_TRY(service.permit_queue(call.who, access::action::queue_receive, arn->resource));
  }
  PORTEIRO_TRY(take_mapping(call, mapping, fifo));
  if (arn) {
    const queue::Queue* const queue = service.parts.queues.find(arn->resource);
    const bool known = service.parts.catalogue.find(mapping.function) != nullptr;
    if (queue != nullptr && known) {
      PORTEIRO_TRY(check_visibility(service, *queue, mapping));
    }
  }
  mapping.modified = service.now();
  const std::string_view state = state_of(mapping);
  return keep(service, std::move(mapping), state);
}

Answer<Output> get_mapping(Call& call) {
  PORTEIRO_TRY(const lambda::CatalogueMapping mapping, mapping_of(call));
  Output output;
  output.body = mapping_json(call.service, mapping, state_of(mapping));
  return output;
}

Answer<Output> list_mappings(Call& call) {
  const std::string source = call.query("EventSourceArn");
  const std::string function = call.query("FunctionName");
  Reference wanted;
  if (!function.empty()) {
    PORTEIRO_TRY(wanted, parse_reference(function, {}, call.service.aws));
  }
  std::vector<std::string> names;
  std::vector<const lambda::CatalogueMapping*> found;
  for (const auto* mapping : call.service.parts.catalogue.mappings()) {
    const bool other_function =
        !function.empty() &&
        (mapping->function != wanted.name ||
         (!wanted.qualifier.empty() && mapping->qualifier != wanted.qualifier));
    if (other_function || (!source.empty() && mapping->queue_arn != source)) continue;
    names.push_back(to_text(mapping->id));
    found.push_back(mapping);
  }
  PORTEIRO_TRY(const Page page, page_of(call, names, mappings_page_max));
  Output output;
  output.body["EventSourceMappings"] = json::array();
  for (std::size_t i = page.from; i < page.to; ++i) {
    output.body["EventSourceMappings"].push_back(
        mapping_json(call.service, *found[i], state_of(*found[i])));
  }
  add_marker(output.body, page);
  return output;
}

Answer<Output> delete_mapping(Call& call) {
  PORTEIRO_TRY(const lambda::CatalogueMapping mapping, mapping_of(call));
  const auto removed = call.service.parts.catalogue.remove_mapping(mapping.id);
  if (!removed) return failure_of(removed.error());
  call.service.parts.mappings.unmap(mapping.id);
  Output output;
  output.status = 202;
  output.sequence = removed.value();
  output.body = mapping_json(call.service, mapping, "Deleting");
  return output;
}

}  // namespace porteiro::protocols::lambda_api
