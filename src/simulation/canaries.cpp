#include "simulation/canaries.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <utility>

#include "porteiro/base/bytes.hpp"

namespace porteiro::simulation {
namespace {

constexpr std::size_t word_bytes = 8;
constexpr std::size_t stride = 4;
constexpr std::size_t needle_bytes_min = word_bytes + stride - 1;
constexpr unsigned filter_log2 = 17;  // 1 MiB: few false steps with some 100,000 needles.
constexpr unsigned heads_log2_min = 10;

// A multiplicative hash of the word at `at`: the upper bits are the good ones.
std::uint64_t hash_at(std::string_view bytes, std::size_t at) {
  std::uint64_t word;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word * 0x9e3779b97f4a7c15U;
}

std::size_t filter_place(std::uint64_t hash) {
  return static_cast<std::size_t>(hash >> (64 - filter_log2));
}

std::uint64_t filter_mask(std::uint64_t hash) {
  return std::uint64_t{1} << (hash >> 41 & 63U) | std::uint64_t{1} << (hash >> 35 & 63U);
}

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

// The part of base64 text that depends on `value` alone when `offset` bytes stand before it.
std::string stable_base64(std::string_view value, std::size_t offset, bool url) {
  const std::string padded = std::string(offset, '\0') + std::string(value);
  const std::string text = url ? to_base64url(padded) : to_base64(padded);
  const std::size_t from = (offset * 8 + 5) / 6;
  const std::size_t to = padded.size() * 8 / 6;
  return text.substr(from, to - from);
}

}  // namespace

Canaries::Canaries()
    : filter_(std::size_t{1} << filter_log2),
      heads_(std::size_t{1} << heads_log2_min),
      heads_log2_(heads_log2_min) {}

void Canaries::add_needle(std::string text, const char* form) {
  const bool digits =
      std::string_view(form) == "raw" && std::all_of(text.begin(), text.end(), is_digit);
  const auto number = static_cast<std::uint32_t>(needles_.size() + 1);
  for (std::uint32_t offset = 0; offset < stride; ++offset) {
    const std::uint64_t hash = hash_at(text, offset);
    filter_[filter_place(hash)] |= filter_mask(hash);
    if (heads_used_ * 2 >= heads_.size()) grow();
    add_head({.tag = tag_of(hash), .needle = number & 0x3fffffffU, .offset = offset & 3U});
    ++heads_used_;
  }
  needles_.push_back({std::move(text), form, digits});
}

void Canaries::add_head(const Head& head) {
  std::size_t place = head.tag >> (32 - heads_log2_);
  while (heads_[place].needle != 0) place = (place + 1) & (heads_.size() - 1);
  heads_[place] = head;
}

void Canaries::grow() {
  const std::vector<Head> before = std::exchange(heads_, {});
  ++heads_log2_;
  heads_.resize(std::size_t{1} << heads_log2_);
  for (const Head& head : before) {
    if (head.needle != 0) add_head(head);
  }
}

void Canaries::add(std::string_view value) {
  if (value.size() < needle_bytes_min) return;
  ++count_;
  std::string escaped;
  append_json_string(escaped, value);
  std::string upper = to_hex(value);
  const std::string lower = upper;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::vector<std::pair<std::string, const char*>> forms{
      {std::string(value), "raw"},
      {escaped.substr(1, escaped.size() - 2), "json"},
      {percent_encode(value), "url"},
      {lower, "hex"},
      {upper, "hex"}};
  for (std::size_t offset = 0; offset < 3; ++offset) {
    forms.emplace_back(stable_base64(value, offset, false), "base64");
    forms.emplace_back(stable_base64(value, offset, true), "base64url");
  }
  for (auto form = forms.begin(); form != forms.end(); ++form) {
    const auto same = [&](const auto& earlier) { return earlier.first == form->first; };
    if (std::none_of(forms.begin(), form, same)) add_needle(form->first, form->second);
  }
}

const Canaries::Needle* Canaries::match(std::uint64_t hash, std::string_view bytes,
                                        std::size_t at) const {
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t place = tag >> (32 - heads_log2_); heads_[place].needle != 0;
       place = (place + 1) & (heads_.size() - 1)) {
    const Head& head = heads_[place];
    if (head.tag != tag || at < head.offset) continue;
    const Needle& needle = needles_[head.needle - 1];
    const std::size_t begin = at - head.offset;
    if (bytes.substr(begin, needle.text.size()) != needle.text) continue;
    const std::size_t end = begin + needle.text.size();
    const bool inside_number = needle.digits && ((begin > 0 && is_digit(bytes[begin - 1])) ||
                                                 (end < bytes.size() && is_digit(bytes[end])));
    if (!inside_number) return &needle;
  }
  return nullptr;
}

void Canaries::wrote(Place place, std::string_view bytes) {
  Tally& tally = tallies_[static_cast<std::size_t>(place)];
  ++tally.writes;
  tally.bytes += bytes.size();
  for (std::size_t at = 0; at + word_bytes <= bytes.size(); at += stride) {
    const std::uint64_t hash = hash_at(bytes, at);
    const std::uint64_t mask = filter_mask(hash);
    if ((filter_[filter_place(hash)] & mask) != mask) continue;
    const Needle* needle = match(hash, bytes, at);
    if (needle == nullptr) continue;
    if (tally.leaks++ == 0) {
      tally.first = std::string("a value in ") + needle->form + " form near byte " +
                    std::to_string(at) + " of a write of " + std::to_string(bytes.size());
    }
  }
}

}  // namespace porteiro::simulation
