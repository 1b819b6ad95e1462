#include "protocols/sqs/attributes.hpp"

#include <algorithm>
#include <charconv>

#include "protocols/aws/document.hpp"
#include "protocols/sqs/message.hpp"
#include "protocols/sqs/permissions.hpp"
#include "protocols/sqs/redrive.hpp"
#include "protocols/sqs/service.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::string_view attribute_prefix = "attribute:";
constexpr std::string_view kms_reuse_default = "300";
constexpr std::size_t key_id_max = 2048;  // AWS KMS API reference, KeyId.

Failure bad_attribute(std::string_view name, std::string_view reason = {}) {
  std::string text = "Invalid value for the parameter " + std::string(name) + ".";
  if (!reason.empty()) text.append(" Reason: ").append(reason);
  return {&bad_attribute_value, std::move(text)};
}

Failure unknown(std::string_view name) {
  return {&bad_attribute_name, "Unknown Attribute " + std::string(name) + "."};
}

std::optional<bool> flag(std::string_view text) {
  const auto is = [text](std::string_view word) {
    return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                      [](char a, char b) { return (a | 0x20) == b; });
  };
  if (is("true")) return true;
  if (is("false")) return false;
  return std::nullopt;
}

std::optional<std::int64_t> whole(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || parsed != end || value < min || value > max) return std::nullopt;
  return value;
}

std::string text_of(bool value) { return value ? "true" : "false"; }

// An attribute with a number of seconds, or of bytes.
struct Bounds {
  std::string_view name;
  std::int64_t min, max;
};
constexpr Bounds visibility_bounds{"VisibilityTimeout", 0, visibility_max_s};
constexpr Bounds delay{"DelaySeconds", 0, 900};
constexpr Bounds retention{"MessageRetentionPeriod", 60, 1'209'600};
constexpr Bounds wait_time{"ReceiveMessageWaitTimeSeconds", 0, 20};
constexpr Bounds size_bounds{"MaximumMessageSize", 1024, 1 << 20};
constexpr Bounds key_reuse{"KmsDataKeyReusePeriodSeconds", 60, 86'400};

Answer<void> set_seconds(const Bounds& bounds, std::string_view value, Duration& out) {
  const auto number = whole(value, bounds.min, bounds.max);
  if (!number) return bad_attribute(bounds.name);
  out = std::chrono::seconds(*number);
  return ok();
}

Answer<void> set_encryption(std::string_view name, std::string_view value,
                            queue::Options& options) {
  if (name == "KmsMasterKeyId") {
    if (value.size() > key_id_max || !valid_contents(value)) return bad_attribute(name);
    set_note(options, name, value);
    if (!value.empty()) set_note(options, "SqsManagedSseEnabled", "false");
  } else if (name == key_reuse.name) {
    const auto number = whole(value, key_reuse.min, key_reuse.max);
    if (!number) return bad_attribute(name);
    set_note(options, name, std::to_string(*number));
  } else {
    const auto on = flag(value);
    if (!on) return bad_attribute(name);
    set_note(options, name, text_of(*on));
    if (*on) set_note(options, "KmsMasterKeyId", "");
  }
  return ok();
}

Answer<void> set_fifo_queue(std::string_view value, bool creating, queue::Options& options) {
  const auto on = flag(value);
  if (!on) return bad_attribute("FifoQueue");
  if (creating && *on) {
    options.fifo = true;
    return ok();
  }
  if (!options.fifo) return unknown("FifoQueue");  // A standard queue has no such attribute.
  if (!*on) return bad_attribute("FifoQueue", "Modifying queue type is not supported.");
  return ok();
}

Answer<void> set_of_fifo(std::string_view name, std::string_view value, queue::Options& options) {
  if (name == "ContentBasedDeduplication") {
    const auto on = flag(value);
    if (!options.fifo) return unknown(name);
    if (!on) return bad_attribute(name);
    options.content_based_deduplication = *on;
    return ok();
  }
  if (!options.fifo) {
    return Failure{&bad_attribute_name, "You can specify the " + std::string(name) +
                                            " only when FifoQueue is set to true."};
  }
  if (name == "DeduplicationScope") {
    if (value != "queue" && value != "messageGroup") return bad_attribute(name);
    options.deduplicate_by_group = value == "messageGroup";
    return ok();
  }
  if (value != "perQueue" && value != "perMessageGroupId") return bad_attribute(name);
  set_note(options, name, value == "perQueue" ? "" : value);
  return ok();
}

Answer<void> apply(Service& service, std::string_view name, std::string_view value, bool creating,
                   queue::Options& options) {
  if (name == visibility_bounds.name)
    return set_seconds(visibility_bounds, value, options.visibility_timeout);
  if (name == delay.name) return set_seconds(delay, value, options.delay);
  if (name == retention.name) return set_seconds(retention, value, options.retention);
  if (name == wait_time.name) return set_seconds(wait_time, value, options.wait);
  if (name == size_bounds.name) {
    const auto bytes = whole(value, size_bounds.min, size_bounds.max);
    if (!bytes) return bad_attribute(name);
    options.message_bytes_max = static_cast<std::size_t>(*bytes);
    return ok();
  }
  if (name == "Policy") return set_policy(value, options);
  if (name == "RedrivePolicy") return set_redrive_policy(service, value, options);
  if (name == "RedriveAllowPolicy") return set_redrive_allow_policy(service, value, options);
  if (name == "FifoQueue") return set_fifo_queue(value, creating, options);
  if (name == "KmsMasterKeyId" || name == key_reuse.name || name == "SqsManagedSseEnabled") {
    return set_encryption(name, value, options);
  }
  if (name == "ContentBasedDeduplication" || name == "DeduplicationScope" ||
      name == "FifoThroughputLimit") {
    return set_of_fifo(name, value, options);
  }
  return unknown(name);
}

std::string_view given(const TextMap& attributes, std::string_view name) {
  for (const auto& [key, value] : attributes) {
    if (key == name) return value;
  }
  return {};
}

// What two attributes have to agree on.
Answer<void> check_together(const TextMap& attributes, const queue::Options& options) {
  const auto managed = flag(given(attributes, "SqsManagedSseEnabled"));
  if (!given(attributes, "KmsMasterKeyId").empty() && managed.value_or(false)) {
    return Failure{&bad_attribute_name,
                   "You can use one type of server-side encryption (SSE) at one time. You can "
                   "either enable KMS SSE or SQS SSE."};
  }
  if (!note_of(options, "FifoThroughputLimit").empty() && !options.deduplicate_by_group) {
    return bad_attribute("FifoThroughputLimit",
                         "The perMessageGroupId value is allowed only when the value for "
                         "DeduplicationScope is messageGroup.");
  }
  return ok();
}

// The attributes that come from the options alone.
std::optional<std::string> option_of(Service& service, const queue::Options& options,
                                     std::string_view name) {
  if (name == visibility_bounds.name) return seconds(options.visibility_timeout);
  if (name == delay.name) return seconds(options.delay);
  if (name == retention.name) return seconds(options.retention);
  if (name == wait_time.name) return seconds(options.wait);
  if (name == size_bounds.name) return std::to_string(options.message_bytes_max);
  if (name == "RedrivePolicy") return redrive_policy(service, options);
  if (options.fifo) {
    if (name == "FifoQueue") return "true";
    if (name == "ContentBasedDeduplication") return text_of(options.content_based_deduplication);
    if (name == "DeduplicationScope") {
      return options.deduplicate_by_group ? "messageGroup" : "queue";
    }
    if (name == "FifoThroughputLimit") {
      return note_of(options, name).empty() ? "perQueue" : note_of(options, name);
    }
  }
  std::string note = note_of(options, name);
  if (name == "SqsManagedSseEnabled" && note.empty()) return "true";  // Since 2022.
  if (name == key_reuse.name && note_of(options, "KmsMasterKeyId").empty()) return std::nullopt;
  if (name == key_reuse.name && note.empty()) return std::string(kms_reuse_default);
  if (note.empty()) return std::nullopt;
  return note;
}

}  // namespace

const TextList& attribute_names() {
  static const TextList names{"QueueArn",
                              "ApproximateNumberOfMessages",
                              "ApproximateNumberOfMessagesNotVisible",
                              "ApproximateNumberOfMessagesDelayed",
                              "CreatedTimestamp",
                              "LastModifiedTimestamp",
                              "VisibilityTimeout",
                              "MaximumMessageSize",
                              "MessageRetentionPeriod",
                              "DelaySeconds",
                              "ReceiveMessageWaitTimeSeconds",
                              "Policy",
                              "RedrivePolicy",
                              "RedriveAllowPolicy",
                              "FifoQueue",
                              "ContentBasedDeduplication",
                              "DeduplicationScope",
                              "FifoThroughputLimit",
                              "KmsMasterKeyId",
                              "KmsDataKeyReusePeriodSeconds",
                              "SqsManagedSseEnabled"};
  return names;
}

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

bool is_attribute_name(std::string_view name) {
  const TextList& names = attribute_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

Answer<void> apply_attributes(Service& service, const TextMap& attributes, bool creating,
                              queue::Options& options) {
  for (const bool kind : {true, false}) {  // The kind first: others depend on it.
    for (const auto& [name, value] : attributes) {
      if ((name == "FifoQueue") != kind) continue;
      PORTEIRO_TRY(apply(service, name, value, creating, options));
    }
  }
  return check_together(attributes, options);
}

Answer<std::optional<std::string>> differing_attribute(Service& service, const TextMap& attributes,
                                                       const queue::Options& options) {
  for (const auto& [name, value] : attributes) {
    if (name == "RedrivePolicy") {  // Its target may have gone since, or refuse now.
      PORTEIRO_TRY(const Redrive redrive, parse_redrive_policy(service, value));
      if (redrive.dead_letter_queue == options.dead_letter_queue &&
          redrive.receives_max == options.receives_max) {
        continue;
      }
      return std::optional(std::string(name));
    }
    queue::Options changed = options;
    PORTEIRO_TRY(apply(service, name, value, true, changed));
    const auto before = option_of(service, options, name);
    const auto after = option_of(service, changed, name);
    if (before == after && options.fifo == changed.fifo) continue;
    const auto document = aws::parse_map(before.value_or(""));
    if (document && document == aws::parse_map(after.value_or(""))) continue;
    return std::optional(std::string(name));
  }
  return std::optional<std::string>();
}

std::optional<std::string> attribute_of(Service& service, const queue::Queue& queue,
                                        std::string_view name) {
  if (name == "QueueArn") return service.arn_of(queue.options().name);
  if (name == "CreatedTimestamp") return seconds(queue.created().time_since_epoch());
  if (name == "LastModifiedTimestamp") return seconds(queue.modified().time_since_epoch());
  if (name.starts_with("ApproximateNumber")) {
    const queue::Depth depth = queue.depth();
    if (name.ends_with("NotVisible")) return std::to_string(depth.in_flight);
    return std::to_string(name.ends_with("Delayed") ? depth.delayed : depth.ready);
  }
  return option_of(service, queue.options(), name);
}

std::string note_of(const queue::Options& options, std::string_view attribute) {
  const auto found = options.notes.find(std::string(attribute_prefix).append(attribute));
  return found == options.notes.end() ? std::string() : found->second;
}

void set_note(queue::Options& options, std::string_view attribute, std::string_view value) {
  const std::string key = std::string(attribute_prefix).append(attribute);
  if (value.empty()) {
    options.notes.erase(key);
  } else {
    options.notes[key] = value;
  }
}

}  // namespace porteiro::protocols::sqs
