#include "simulation/canaries.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "porteiro/base/bytes.hpp"

namespace porteiro::simulation {
namespace {

constexpr std::size_t head_bytes = 8;
constexpr unsigned filter_bits_log2 = 24;  // 2 MiB: few false steps with 100,000 needles.

std::uint64_t head_of(std::string_view bytes, std::size_t at) {
  std::uint64_t head;
  std::memcpy(&head, bytes.data() + at, sizeof head);
  return head;
}

std::size_t filter_slot(std::uint64_t head) {
  return static_cast<std::size_t>((head * 0x9e3779b97f4a7c15U) >> (64 - filter_bits_log2));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The part of base64 text that depends on `value` alone when `offset` bytes stand before it.
std::string stable_base64(std::string_view value, std::size_t offset, bool url) {
  const std::string padded = std::string(offset, '\0') + std::string(value);
  const std::string text = url ? to_base64url(padded) : to_base64(padded);
  const std::size_t from = (offset * 8 + 5) / 6;
  const std::size_t to = padded.size() * 8 / 6;
  return text.substr(from, to - from);
}

}  // namespace

Canaries::Canaries() : filter_((std::size_t{1} << filter_bits_log2) / 64) {}

void Canaries::add_needle(std::string text, const char* form) {
  if (text.size() < head_bytes) return;
  const std::uint64_t head = head_of(text, 0);
  const auto [from, to] = needles_.equal_range(head);
  if (std::any_of(from, to, [&](const auto& entry) { return entry.second.text == text; })) return;
  const std::size_t slot = filter_slot(head);
  filter_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  const bool digits = std::all_of(text.begin(), text.end(), is_digit);
  needles_.emplace(head, Needle{std::move(text), form, digits});
}

void Canaries::add(std::string_view value) {
  if (value.size() < head_bytes) return;
  ++count_;
  add_needle(std::string(value), "raw");
  std::string escaped;
  append_json_string(escaped, value);
  add_needle(escaped.substr(1, escaped.size() - 2), "json");
  add_needle(percent_encode(value), "url");
  std::string hex = to_hex(value);
  add_needle(hex, "hex");
  std::transform(hex.begin(), hex.end(), hex.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  add_needle(hex, "hex");
  for (std::size_t offset = 0; offset < 3; ++offset) {
    add_needle(stable_base64(value, offset, false), "base64");
    add_needle(stable_base64(value, offset, true), "base64url");
  }
}

const Canaries::Needle* Canaries::match(std::string_view bytes, std::size_t at) const {
  const auto [from, to] = needles_.equal_range(head_of(bytes, at));
  for (auto it = from; it != to; ++it) {
    const Needle& needle = it->second;
    if (bytes.substr(at, needle.text.size()) != needle.text) continue;
    const std::size_t end = at + needle.text.size();
    const bool inside_number = needle.digits && ((at > 0 && is_digit(bytes[at - 1])) ||
                                                 (end < bytes.size() && is_digit(bytes[end])));
    if (!inside_number) return &needle;
  }
  return nullptr;
}

void Canaries::wrote(Place place, std::string_view bytes) {
  Tally& tally = tallies_[static_cast<std::size_t>(place)];
  ++tally.writes;
  tally.bytes += bytes.size();
  for (std::size_t at = 0; at + head_bytes <= bytes.size(); ++at) {
    const std::size_t slot = filter_slot(head_of(bytes, at));
    if ((filter_[slot / 64] >> (slot % 64) & 1U) == 0) continue;
    const Needle* needle = match(bytes, at);
    if (needle == nullptr) continue;
    if (tally.leaks++ == 0) {
      tally.first = std::string("a value in ") + needle->form + " form at byte " +
                    std::to_string(at) + " of a write of " + std::to_string(bytes.size());
    }
  }
}

}  // namespace porteiro::simulation
