#include "queue/content.hpp"

#include <cstring>

#include "porteiro/base/bytes.hpp"

namespace porteiro::queue {
namespace {

constexpr std::size_t lengths_bytes = 8;

std::uint32_t u32_at(const char* data) {
  std::uint32_t value = 0;
  std::memcpy(&value, data, sizeof value);
  return value;
}

void append_part(std::string& rest, char letter, std::string_view value) {
  if (value.empty()) return;
  rest += letter;
  append_sized(rest, value);
}

std::string pack_attributes(const std::vector<Attribute>& attributes) {
  std::string packed;
  for (const Attribute& attribute : attributes) {
    append_sized(packed, attribute.name);
    append_sized(packed, attribute.type);
    append_sized(packed, attribute.value);
  }
  return packed;
}

bool unpack_attributes(std::string_view packed, std::vector<Attribute>& out) {
  ByteReader reader(packed);
  while (!reader.rest().empty()) {
    const auto name = reader.sized(), type = reader.sized(), value = reader.sized();
    if (!value) return false;
    out.push_back({std::string(*name), std::string(*type), std::string(*value)});
  }
  return true;
}

std::string pack_rest(const Message& message) {
  std::string rest;
  if (message.trace) {
    std::string trace;
    append_u64(trace, message.trace.high);
    append_u64(trace, message.trace.low);
    append_part(rest, 't', trace);
  }
  if (message.sent_here) append_part(rest, 'v', "1");
  append_part(rest, 'g', message.group);
  append_part(rest, 'd', message.deduplication_id);
  append_part(rest, 'h', message.trace_header);
  append_part(rest, 's', message.dead_letter_source);
  if (!message.attributes.empty()) append_part(rest, 'a', pack_attributes(message.attributes));
  return rest;
}

// Calls `part(letter, value)` for each; false: malformed.
template <class Part>
bool each_part(std::string_view rest, Part part) {
  while (!rest.empty()) {
    const char letter = rest.front();
    ByteReader reader(rest.substr(1));
    const auto value = reader.sized();
    if (!value || !part(letter, *value)) return false;
    rest = reader.rest();
  }
  return true;
}

}  // namespace

std::unique_ptr<char[]> Content::copy(std::string_view body, std::string_view rest) {
  std::unique_ptr<char[]> data(new char[lengths_bytes + body.size() + rest.size()]);
  const auto body_bytes = static_cast<std::uint32_t>(body.size());
  const auto rest_bytes = static_cast<std::uint32_t>(rest.size());
  std::memcpy(data.get(), &body_bytes, sizeof body_bytes);
  std::memcpy(data.get() + sizeof body_bytes, &rest_bytes, sizeof rest_bytes);
  std::memcpy(data.get() + lengths_bytes, body.data(), body.size());
  if (!rest.empty())
    std::memcpy(data.get() + lengths_bytes + body.size(), rest.data(), rest.size());
  return data;
}

Content::Content(const Message& message) : data_(copy(message.body, pack_rest(message))) {}

std::optional<Content> Content::from_bytes(std::string_view bytes) {
  if (bytes.size() < lengths_bytes) return {};
  const std::uint64_t body = u32_at(bytes.data()), rest = u32_at(bytes.data() + 4);
  if (lengths_bytes + body + rest != bytes.size() || body == 0) return {};
  Content content;
  content.data_ = copy(bytes.substr(lengths_bytes, body), bytes.substr(lengths_bytes + body));
  std::vector<Attribute> attributes;
  const bool whole = each_part(content.rest(), [&](char letter, std::string_view value) {
    if (letter == 't') return value.size() == 16;
    if (letter == 'a') return unpack_attributes(value, attributes);
    return letter == 'g' || letter == 'd' || letter == 'h' || letter == 's' || letter == 'v';
  });
  if (!whole) return {};
  return content;
}

std::string_view Content::bytes() const {
  return {data_.get(), lengths_bytes + u32_at(data_.get()) + u32_at(data_.get() + 4)};
}

std::string_view Content::body() const {
  return {data_.get() + lengths_bytes, u32_at(data_.get())};
}

std::string_view Content::rest() const {
  return {data_.get() + lengths_bytes + u32_at(data_.get()), u32_at(data_.get() + 4)};
}

std::string_view Content::part(char letter) const {
  std::string_view found;
  each_part(rest(), [&](char each, std::string_view value) {
    if (each == letter) found = value;
    return true;
  });
  return found;
}

Id Content::trace() const {
  ByteReader reader(part('t'));
  const auto high = reader.u64(), low = reader.u64();
  return low ? Id{*high, *low} : Id{};
}

void Content::unpack(Message& message) const {
  message.body = body();
  each_part(rest(), [&](char letter, std::string_view value) {
    if (letter == 't') message.trace = trace();
    if (letter == 'v') message.sent_here = true;
    if (letter == 'g') message.group = value;
    if (letter == 'd') message.deduplication_id = value;
    if (letter == 'h') message.trace_header = value;
    if (letter == 's') message.dead_letter_source = value;
    if (letter == 'a') unpack_attributes(value, message.attributes);
    return true;
  });
}

}  // namespace porteiro::queue
