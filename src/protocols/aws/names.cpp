#include "protocols/aws/names.hpp"

#include <array>

namespace porteiro::protocols::aws {
namespace {

std::string_view partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

}  // namespace

std::string to_text(const Arn& arn) {
  std::string text = "arn:";
  text.append(partition_of(arn.region));
  for (const std::string_view part : {arn.service, arn.region, arn.account, arn.resource}) {
    text += ':';
    text.append(part);
  }
  return text;
}

std::optional<Arn> parse_arn(std::string_view text) {
  std::array<std::string_view, 5> parts;  // "arn", partition, service, region, account.
  for (std::string_view& part : parts) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    part = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const Arn arn{parts[2], parts[3], parts[4], text};
  if (parts[0] != "arn" || parts[1] != partition_of(arn.region) || text.empty()) {
    return std::nullopt;
  }
  return arn;
}

void append_uuid(std::string& out, Id id) {
  constexpr char digits[] = "0123456789abcdef";
  std::array<char, 36> text;
  std::size_t at = 0;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text[at++] = '-';
    const std::uint64_t half = i < 16 ? id.high : id.low;
    text[at++] = digits[(half >> (60 - 4 * (i % 16))) & 15];
  }
  out.append(text.data(), text.size());
}

}  // namespace porteiro::protocols::aws
