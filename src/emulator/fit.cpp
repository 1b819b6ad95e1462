#include "emulator/fit.hpp"

#include <algorithm>

#include "porteiro/base/format.hpp"
#include "porteiro/config/config.hpp"

namespace porteiro::emulator {
namespace {

// The config's names have been checked: what is named is there.
const queue::Options& queue_of(const Options& options, std::string_view name) {
  const auto found = std::find_if(options.queues.begin(), options.queues.end(),
                                  [&](const auto& each) { return each.name == name; });
  PORTEIRO_ASSERT(found != options.queues.end());
  return *found;
}

Duration timeout_of(const Options& options, std::string_view function) {
  const auto found = std::find_if(options.functions.begin(), options.functions.end(),
                                  [&](const auto& each) { return each.options.name == function; });
  PORTEIRO_ASSERT(found != options.functions.end());
  return found->options.timeout;
}

Result<void> check_visibility(const Options& options, const std::string& queue_name,
                              const std::string& function) {
  const Duration visibility = queue_of(options, queue_name).visibility_timeout;
  const Duration timeout = timeout_of(options, function);
  if (visibility >= timeout) return ok();
  return error(Errc::invalid,
               porteiro::to_text(visibility) + " is less than the timeout of the function \"" +
                   function + "\", " + to_text(timeout) +
                   ": a message would come again while it is still worked on; raise this, or lower "
                   "the timeout",
               config::below("/queues", queue_name) + "/visibility");
}

Result<void> check_dead_letters(const Options& options, const queue::Options& queue) {
  const queue::Options* at = &queue;
  for (std::size_t steps = 0; steps < options.queues.size(); ++steps) {
    if (at->dead_letter_queue.empty()) return ok();
    at = &queue_of(options, at->dead_letter_queue);
    if (at != &queue) continue;
    return error(Errc::invalid,
                 steps == 0 ? "a queue cannot be its own dead-letter queue; name another"
                            : "its dead letters would come back to it; name a queue that has no "
                              "dead-letter queue",
                 config::below("/queues", queue.name) + "/dead_letter/queue");
  }
  return ok();
}

// AWS Lambda: "Configuring an Amazon SQS queue".
Result<void> check_batch(const Options& options, const lambda::MappingOptions& mapping,
                         std::ptrdiff_t place) {
  const auto queue =
      std::find_if(options.queues.begin(), options.queues.end(),
                   [&](const queue::Options& each) { return each.name == mapping.queue; });
  if (queue == options.queues.end() || !queue->fifo) return ok();
  const std::string pointer = "/sources/" + std::to_string(place);
  if (mapping.batch_max > 10) {
    return error(Errc::invalid, "from a FIFO queue come at most 10 messages at once",
                 pointer + "/batch");
  }
  if (mapping.window > Duration::zero()) {
    return error(Errc::invalid, "messages of a FIFO queue do not wait for a fuller batch",
                 pointer + "/window");
  }
  return ok();
}

}  // namespace

Result<void> check_fit(const Options& options) {
  for (const queue::Options& queue : options.queues) {
    PORTEIRO_TRY(check_dead_letters(options, queue));
  }
  for (const lambda::SourceOptions& source : options.sources) {
    for (const auto& [type, function] : source.by_type) {
      PORTEIRO_TRY(check_visibility(options, source.queue, function));
    }
  }
  for (const lambda::MappingOptions& mapping : options.mappings) {
    PORTEIRO_TRY(check_visibility(options, mapping.queue, mapping.function));
    PORTEIRO_TRY(check_batch(options, mapping, &mapping - options.mappings.data()));
  }
  return ok();
}

}  // namespace porteiro::emulator
