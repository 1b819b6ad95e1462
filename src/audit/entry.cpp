#include "audit/entry.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::audit {
namespace {

constexpr std::string_view hash_member = ",\"hash\":\"";
constexpr std::string_view signature_member = ",\"signature\":\"";
constexpr std::string_view number_member = "{\"number\":";
constexpr std::size_t hash_digits = 64;
constexpr std::size_t name_digits = 12;
constexpr std::string_view name_begin = "log-", name_end = ".jsonl";

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

std::string_view word_of(const access::Decision& decision) {
  if (!decision.allowed) return "denied";
  return decision.refused ? "refused" : "allowed";
}

bool is_hash(std::string_view text) {
  return text.size() == hash_digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string entry_text(const access::Decision& decision, std::uint64_t number, Time at) {
  std::string out(number_member);
  out.reserve(512);
  out += std::to_string(number);
  append_member(out, "at", to_rfc3339(at));
  append_member(out, "decision", word_of(decision));
  append_member(out, "principal", decision.principal);
  append_member(out, "role", decision.role);
  append_member(out, "zone", access::to_string(decision.zone));
  append_member(out, "client", decision.client);
  append_member(out, "purpose", decision.purpose);
  append_member(out, "action", decision.action);
  append_member(out, "resource", decision.resource);
  append_member(out, "subject", decision.subject);
  if (!decision.fields.empty()) {
    out += ",\"fields\":[";
    for (const std::string& field : decision.fields) {
      if (&field != &decision.fields.front()) out += ',';
      append_json_string(out, field);
    }
    out += ']';
  }
  append_member(out, "reason", decision.reason);
  if (decision.trace) append_member(out, "correlation", to_text(decision.trace));
  return out;
}

std::string chain_hash(std::string_view before, std::string_view text) {
  std::string bytes;
  bytes.reserve(before.size() + text.size());
  bytes.append(before).append(text);
  const auto hash = kms::sha256(bytes);
  return to_hex(std::string_view(hash.data(), hash.size()));
}

std::string entry_line(std::string text, std::string_view hash) {
  return text.append(hash_member).append(hash).append("\"}\n");
}

std::optional<Line> parse_line(std::string_view line) {
  const std::size_t tail = hash_member.size() + hash_digits + 2;
  if (line.size() < tail + number_member.size() || !line.ends_with("\"}")) return std::nullopt;
  Line out;
  out.text = line.substr(0, line.size() - tail);
  out.hash = line.substr(out.text.size() + hash_member.size(), hash_digits);
  if (line.substr(out.text.size(), hash_member.size()) != hash_member || !is_hash(out.hash) ||
      !out.text.starts_with(number_member)) {
    return std::nullopt;
  }
  const std::string_view rest = out.text.substr(number_member.size());
  const auto number = number_of(rest.substr(0, rest.find(',')));
  if (!number) return std::nullopt;
  out.number = *number;
  return out;
}

std::string checkpoint_text(const Head& head, Time at, std::string_view key,
                            std::string_view algorithm) {
  std::string out(number_member);
  out += std::to_string(head.number);
  append_member(out, "hash", head.hash);
  append_member(out, "at", to_rfc3339(at));
  append_member(out, "key", key);
  append_member(out, "algorithm", algorithm);
  return out;
}

std::string checkpoint_line(std::string text, std::string_view signature) {
  return text.append(signature_member).append(to_base64(signature)).append("\"}\n");
}

std::optional<CheckpointLine> parse_checkpoint(std::string_view line) {
  const std::size_t at = line.rfind(signature_member);
  if (at == std::string_view::npos || !line.ends_with("\"}")) return std::nullopt;
  CheckpointLine out;
  out.text = line.substr(0, at);
  const std::size_t begin = at + signature_member.size();
  auto signature = from_base64(line.substr(begin, line.size() - begin - 2));
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  if (!signature || !parsed.is_object()) return std::nullopt;
  const auto number = parsed.find("number"), hash = parsed.find("hash");
  if (number == parsed.end() || !number->is_number_unsigned()) return std::nullopt;
  if (hash == parsed.end() || !hash->is_string()) return std::nullopt;
  out.head = {number->get<std::uint64_t>(), hash->get<std::string>()};
  if (!is_hash(out.head.hash)) return std::nullopt;
  const auto text = [&parsed](const char* name) {
    const auto found = parsed.find(name);
    return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  out.key = text("key");
  out.algorithm = text("algorithm");
  out.signature = std::move(*signature);
  return out;
}

std::string segment_name(std::uint64_t first) {
  std::string digits = std::to_string(first);
  if (digits.size() < name_digits) digits.insert(0, name_digits - digits.size(), '0');
  return std::string(name_begin) + digits + std::string(name_end);
}

std::optional<std::uint64_t> segment_first(std::string_view name) {
  if (name.size() < name_begin.size() + name_digits + name_end.size()) return std::nullopt;
  if (!name.starts_with(name_begin) || !name.ends_with(name_end)) return std::nullopt;
  name.remove_prefix(name_begin.size());
  name.remove_suffix(name_end.size());
  return number_of(name);
}

std::vector<std::string> segments_among(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (segment_first(name)) out.push_back(name);
  }
  std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
    return *segment_first(a) < *segment_first(b);
  });
  return out;
}

std::vector<std::string_view> split_lines(std::string_view bytes, std::string_view& rest) {
  std::vector<std::string_view> lines;
  for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    lines.push_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  rest = bytes;
  return lines;
}

}  // namespace porteiro::audit
