#include "protocols/sqs/redrive.hpp"

#include <algorithm>
#include <charconv>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/document.hpp"
#include "protocols/sqs/attributes.hpp"
#include "protocols/sqs/message.hpp"
#include "protocols/sqs/service.hpp"

namespace porteiro::protocols::sqs {
namespace {

using nlohmann::json;

constexpr std::int64_t receives_max_max = 1000;
constexpr std::size_t sources_max = 10;  // Of a RedriveAllowPolicy.

Failure refused(std::string_view text, std::string_view reason) {
  return aws::bad_value(text, "RedrivePolicy", reason);
}

// A number, or a text that is one: clients send both.
std::optional<std::int64_t> count_of(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number <= receives_max_max ? std::optional(static_cast<std::int64_t>(number))
                                      : std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool allows(const queue::Options& target, const std::string& source_arn) {
  const auto policy = aws::parse_map(note_of(target, "RedriveAllowPolicy"));
  if (!policy) return true;
  const std::string permission = policy->value("redrivePermission", "allowAll");
  if (permission != "byQueue") return permission == "allowAll";
  const json& sources = policy->at("sourceQueueArns");
  return std::find(sources.begin(), sources.end(), source_arn) != sources.end();
}

bool valid_sources(const json& policy) {
  const auto sources = policy.find("sourceQueueArns");
  if (policy["redrivePermission"] != "byQueue") return sources == policy.end();
  return sources != policy.end() && sources->is_array() && !sources->empty() &&
         sources->size() <= sources_max &&
         std::all_of(sources->begin(), sources->end(), [](const json& a) { return a.is_string(); });
}

}  // namespace

Answer<Redrive> parse_redrive_policy(const Service& service, std::string_view text) {
  if (text.empty()) return Redrive{};
  const auto parsed = aws::parse_map(text);
  if (!parsed) return refused(text, "Redrive policy is not a valid JSON map.");
  const json& policy = *parsed;
  if (policy.empty()) return Redrive{};
  for (const char* name : {"deadLetterTargetArn", "maxReceiveCount"}) {
    if (policy.contains(name)) continue;
    return refused(
        text, std::string("Redrive policy does not contain mandatory attribute: ") + name + ".");
  }
  if (policy.size() > 2)
    return refused(text,
                   "Only following attributes are supported: "
                   "[deadLetterTargetArn, maxReceiveCount].");
  const json& target = policy["deadLetterTargetArn"];
  const std::string name(target.is_string()
                             ? service.name_of_arn(target.get_ref<const std::string&>())
                             : std::string_view());
  if (name.empty()) return refused(text, "Invalid value for deadLetterTargetArn.");
  const auto count = count_of(policy["maxReceiveCount"]);
  if (!count || *count < 1 || *count > receives_max_max) {
    return refused(text, "Invalid value for maxReceiveCount: " + policy["maxReceiveCount"].dump() +
                             ", valid values are from 1 to 1000 both inclusive.");
  }
  return Redrive{name, static_cast<std::uint32_t>(*count)};
}

Answer<void> set_redrive_policy(Service& service, std::string_view text, queue::Options& options) {
  PORTEIRO_TRY(Redrive redrive, parse_redrive_policy(service, text));
  if (!redrive.dead_letter_queue.empty()) {
    const queue::Queue* const target = service.queues.find(redrive.dead_letter_queue);
    if (target == nullptr) return refused(text, "Dead letter target does not exist.");
    if (target->options().fifo != options.fifo) {
      return refused(text, "Dead-letter queue must be same type of queue as the source.");
    }
    if (redrive.dead_letter_queue == options.name) {
      return refused(text, "A queue cannot be its own dead-letter queue.");
    }
    if (!allows(target->options(), service.arn_of(options.name))) {
      return refused(text,
                     "The RedriveAllowPolicy of the dead letter target does not allow this "
                     "source queue.");
    }
  }
  options.dead_letter_queue = std::move(redrive.dead_letter_queue);
  options.receives_max = redrive.receives_max;
  return ok();
}

Answer<void> set_redrive_allow_policy(Service&, std::string_view text, queue::Options& options) {
  const auto parsed = aws::parse_map(text);
  if (text.empty() || (parsed && parsed->empty())) {
    set_note(options, "RedriveAllowPolicy", "");
    return ok();
  }
  const auto bad = [text](std::string_view reason) {
    return aws::bad_value(text, "RedriveAllowPolicy", reason);
  };
  if (!parsed || !valid_contents(text)) {
    return bad("Redrive allow policy is not a valid JSON map.");
  }
  const json& policy = *parsed;
  const auto permission = policy.find("redrivePermission");
  if (permission == policy.end()) {
    return bad("Redrive allow policy does not contain mandatory attribute: redrivePermission.");
  }
  if (*permission != "allowAll" && *permission != "denyAll" && *permission != "byQueue") {
    return bad("Invalid value for redrivePermission: it is allowAll, denyAll or byQueue.");
  }
  if (!valid_sources(policy)) {
    return bad(
        "Invalid value for sourceQueueArns: it is a list of 1 to 10 ARNs when "
        "redrivePermission is byQueue, and absent otherwise.");
  }
  set_note(options, "RedriveAllowPolicy", text);
  return ok();
}

std::optional<std::string> redrive_policy(Service& service, const queue::Options& options) {
  if (options.dead_letter_queue.empty()) return std::nullopt;
  std::string text = "{\"deadLetterTargetArn\":";
  append_json_string(text, service.arn_of(options.dead_letter_queue));
  text += ",\"maxReceiveCount\":";
  aws::append_number(text, options.receives_max);
  return text + "}";
}

}  // namespace porteiro::protocols::sqs
