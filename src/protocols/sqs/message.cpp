#include "protocols/sqs/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/text.hpp"
#include "protocols/aws/writer.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::size_t attributes_max = 10;
constexpr std::size_t attribute_name_max = 256;
constexpr std::size_t attribute_type_max = 256;
constexpr std::size_t fifo_id_max = 128;  // MessageGroupId and MessageDeduplicationId.
constexpr std::int64_t delay_max_s = 900;
constexpr int number_digits_max = 38;      // "Up to 38 digits of precision",
constexpr int number_exponent_min = -128;  // "between 10^-128 and 10^+126".
constexpr int number_exponent_max = 126;

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string in_quotes(std::string_view name) { return "'" + std::string(name) + "'"; }

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > attribute_name_max) return false;
  if (name.front() == '.' || name.back() == '.' || name.find("..") != name.npos) return false;
  if (aws::starts_like(name, "aws.") || aws::starts_like(name, "amazon.")) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
  });
}

bool has_base_type(std::string_view type, std::string_view base) {
  return type.starts_with(base) && (type.size() == base.size() || type[base.size()] == '.');
}

// A decimal number within the bounds of precision and size.
bool valid_number(std::string_view text) {
  std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  int digits = 0, significant = 0, zeros = 0, scale = 0;  // Zeros: after the last other digit.
  bool point = false;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    ++digits;
    if (point) ++scale;
    zeros = text[at] == '0' ? zeros + 1 : 0;
    if (significant > 0 || text[at] != '0') ++significant;
    if (digits > 1000) return false;
  }
  if (digits == 0) return false;
  int exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at + 1 < text.size() && text[at] == '+' && text[at + 1] != '-') ++at;
    const char* const end = text.data() + text.size();
    const auto [parsed, failure] = std::from_chars(text.data() + at, end, exponent);
    if (failure != std::errc() || parsed != end || std::abs(exponent) > 10'000) return false;
    at = text.size();
  }
  if (at != text.size()) return false;
  if (significant == 0) return true;
  const int magnitude = significant - 1 - scale + exponent;  // Of the first digit.
  return significant - zeros <= number_digits_max && magnitude >= number_exponent_min &&
         magnitude <= number_exponent_max;
}

Answer<queue::Attribute> attribute_of(const AttributeInput& input) {
  const std::string name = in_quotes(input.name);
  if (!valid_name(input.name)) {
    return aws::invalid(
        "The message attribute name " + name +
        " is invalid: it has 1 to 256 of A-Z, a-z, 0-9, underscore, hyphen and period, "
        "does not start or end with a period, has no two in a row, and does not start "
        "with AWS. or Amazon.");
  }
  const std::string_view type = input.type.value_or("");
  if (type.empty()) {
    return aws::invalid("The message attribute " + name +
                        " must contain non-empty message attribute type.");
  }
  const bool binary = has_base_type(type, "Binary");
  const bool number = has_base_type(type, "Number");
  if (!binary && !number && !has_base_type(type, "String")) {
    return aws::invalid(
        "The message attribute " + name +
        " has an invalid message attribute type, the set of supported type prefixes is "
        "Binary, Number, and String.");
  }
  if (type.size() > attribute_type_max || !valid_contents(type)) {
    return aws::invalid("The type of message attribute " + name +
                        " is longer than 256 bytes or has characters that are not allowed.");
  }
  if (input.listed) {
    return aws::invalid(
        "Message attribute list values in SendMessage operation are not supported.");
  }
  const Text& value = binary ? input.binary_value : input.string_value;
  const Text& other = binary ? input.string_value : input.binary_value;
  if (!value || value->empty() || other) {
    return aws::invalid("Message (user) attribute " + name +
                        " must contain a non-empty value of type " + in_quotes(type.substr(0, 6)) +
                        ".");
  }
  queue::Attribute attribute{std::string(input.name), std::string(type), {}};
  if (binary) {
    auto bytes = from_base64(*value);
    if (!bytes) return aws::invalid("The value of message attribute " + name + " is not base64.");
    attribute.value = std::move(*bytes);
    return attribute;
  }
  if (number && !valid_number(*value)) {
    return aws::invalid("Can't cast the value of message (user) attribute " + name +
                        " to a number.");
  }
  if (!valid_contents(*value)) {
    return aws::invalid("The value of message attribute " + name +
                        " has characters that are not allowed.");
  }
  attribute.value = *value;
  return attribute;
}

Answer<void> take_attributes(const MessageInput& input, queue::SendRequest& out) {
  if (input.attributes.size() > attributes_max) {
    return aws::invalid("Number of message attributes [" + std::to_string(input.attributes.size()) +
                        "] exceeds the allowed maximum [10].");
  }
  for (const AttributeInput& attribute : input.attributes) {
    PORTEIRO_TRY(auto taken, attribute_of(attribute));
    for (const queue::Attribute& earlier : out.attributes) {
      if (earlier.name == taken.name) {
        return aws::invalid("Message (user) attribute " + in_quotes(taken.name) + " comes twice.");
      }
    }
    out.attributes.push_back(std::move(taken));
  }
  for (const AttributeInput& attribute : input.system_attributes) {
    if (attribute.name != "AWSTraceHeader") {
      return aws::invalid("Message (system) attribute " + in_quotes(attribute.name) +
                          " is not known: there is only AWSTraceHeader.");
    }
    const std::string_view value = attribute.string_value.value_or("");
    if (attribute.type != "String" || value.empty() || !valid_contents(value)) {
      return aws::invalid(
          "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value "
          "of type 'String'.");
    }
    out.trace_header = value;
  }
  return ok();
}

bool valid_fifo_id(std::string_view id) {
  return !id.empty() && id.size() <= fifo_id_max &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Answer<void> take_fifo_id(const Text& given, std::string_view parameter, std::string& out) {
  if (!given) return ok();
  if (!valid_fifo_id(*given)) {
    return aws::bad_value(*given, parameter,
                          std::string(parameter) +
                              " can only include alphanumeric and punctuation characters. 1 to "
                              "128 in length.");
  }
  out = *given;
  return ok();
}

constexpr std::string_view wrong_kind =
    "The request include parameter that is not valid for this queue type.";

Answer<void> take_order(const MessageInput& input, const queue::Options& queue,
                        queue::SendRequest& out) {
  if (input.delay) {
    const std::string value = std::to_string(*input.delay);
    if (queue.fifo && *input.delay != 0) {
      return aws::bad_value(value, "DelaySeconds", wrong_kind);
    }
    if (*input.delay < 0 || *input.delay > delay_max_s) {
      return aws::bad_value(value, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.");
    }
    if (!queue.fifo) out.delay = std::chrono::seconds(*input.delay);
  }
  if (!queue.fifo && input.deduplication_id) {
    return aws::bad_value(*input.deduplication_id, "MessageDeduplicationId", wrong_kind);
  }
  PORTEIRO_TRY(take_fifo_id(input.group, "MessageGroupId", out.group));
  PORTEIRO_TRY(
      take_fifo_id(input.deduplication_id, "MessageDeduplicationId", out.deduplication_id));
  return check_order(input, queue);
}

void append_sized_big(aws::Md5& md5, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  const std::array<char, 4> big{static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                static_cast<char>(size >> 8), static_cast<char>(size)};
  md5.add({big.data(), big.size()});
  md5.add(text);
}

void add_attribute(aws::Md5& md5, std::string_view name, std::string_view type,
                   std::string_view value) {
  append_sized_big(md5, name);
  append_sized_big(md5, type);
  md5.add(type.starts_with("Binary") ? std::string_view("\x02") : std::string_view("\x01"));
  append_sized_big(md5, value);
}

}  // namespace

bool valid_contents(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.size() - at >= 8) {
      std::uint64_t eight;
      std::memcpy(&eight, text.data() + at, 8);
      // No byte has its high bit, nor gets one when 0x20 is taken from it: all are 0x20 to 0x7f.
      constexpr std::uint64_t ones = 0x0101010101010101U;
      if (((eight | (eight - 0x20 * ones)) & 0x80 * ones) == 0) {
        at += 8;
        continue;
      }
    }
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') return false;
    const std::string_view three = text.substr(at, 3);
    if (byte == 0xef && (three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf")) return false;
    ++at;
  }
  return true;
}

Answer<void> check_order(const MessageInput& input, const queue::Options& queue) {
  if (!queue.fifo) return ok();
  if (!input.group) return aws::missing("MessageGroupId");
  if (!input.deduplication_id && !queue.content_based_deduplication) {
    return aws::invalid(
        "The queue should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly");
  }
  return ok();
}

Answer<queue::SendRequest> send_request(const MessageInput& input, const queue::Options& queue) {
  if (!input.body || input.body->empty()) return aws::missing("MessageBody");
  if (!valid_contents(*input.body)) {
    return Failure{&bad_contents,
                   "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 "
                   "to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"};
  }
  queue::SendRequest out;
  PORTEIRO_TRY(take_attributes(input, out));
  std::size_t size = input.body->size();
  for (const queue::Attribute& attribute : out.attributes) {
    size += attribute.name.size() + attribute.type.size() + attribute.value.size();
  }
  if (size > queue.message_bytes_max) {
    return aws::invalid(
        "One or more parameters are invalid. Reason: Message must be shorter than " +
        std::to_string(queue.message_bytes_max) + " bytes.");
  }
  PORTEIRO_TRY(take_order(input, queue, out));
  out.body = *input.body;
  return out;
}

std::size_t size_of(const MessageInput& input) {
  std::size_t size = input.body.value_or("").size();
  for (const AttributeInput& attribute : input.attributes) {
    size += attribute.name.size() + attribute.type.value_or("").size();
    size += attribute.string_value.value_or("").size();
    std::string_view binary = attribute.binary_value.value_or("");
    while (binary.ends_with('=')) binary.remove_suffix(1);
    size += binary.size() * 3 / 4;
  }
  return size;
}

aws::Md5Text digest_of(aws::Md5& md5, std::vector<const queue::Attribute*> attributes) {
  std::sort(attributes.begin(), attributes.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  for (const queue::Attribute* attribute : attributes) {
    add_attribute(md5, attribute->name, attribute->type, attribute->value);
  }
  return md5.finish();
}

aws::Md5Text digest_of(aws::Md5& md5, const std::vector<queue::Attribute>& attributes) {
  std::vector<const queue::Attribute*> all;
  all.reserve(attributes.size());
  for (const queue::Attribute& attribute : attributes) all.push_back(&attribute);
  return digest_of(md5, std::move(all));
}

aws::Md5Text digest_of_trace_header(aws::Md5& md5, std::string_view value) {
  add_attribute(md5, "AWSTraceHeader", "String", value);
  return md5.finish();
}

std::string sequence_text(std::uint64_t number) {
  constexpr std::uint64_t base = 10'000'000'000'000'000'000U;
  std::string text;
  aws::append_number(text, base + number % (UINT64_MAX - base));
  return text;
}

}  // namespace porteiro::protocols::sqs
