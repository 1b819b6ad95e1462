#include "porteiro/lambda/mask.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/format.hpp"

namespace porteiro::lambda {
namespace {

constexpr std::string_view blot = "***";
constexpr std::size_t cpf_plain = 11, cpf_written = 14;

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
         c == '%' || c == '+' || c == '-';
}

// The length of the CPF that begins at `at`; 0: there is none.
std::size_t cpf_at(std::string_view text, std::size_t at) {
  for (const std::size_t length : {cpf_written, cpf_plain}) {
    if (at + length > text.size()) continue;
    if (at + length < text.size() && is_digit(text[at + length])) continue;
    if (canonical("cpf", text.substr(at, length))) return length;
  }
  return 0;
}

void mask_cpfs(std::string& text) {
  for (std::size_t at = 0; at + cpf_plain <= text.size(); ++at) {
    if (!is_digit(text[at]) || (at > 0 && is_digit(text[at - 1]))) continue;
    if (const std::size_t length = cpf_at(text, at); length > 0) text.replace(at, length, blot);
  }
}

void mask_emails(std::string& text) {
  for (std::size_t sign = text.find('@'); sign != std::string::npos; sign = text.find('@', sign)) {
    std::size_t from = sign, to = sign + 1;
    while (from > 0 && is_word(text[from - 1])) --from;
    while (to < text.size() && is_word(text[to])) ++to;
    while (to > sign + 1 && (text[to - 1] == '.' || text[to - 1] == '-')) --to;
    if (from < sign && text.find('.', sign) < to) {
      text.replace(from, to - from, blot);
      sign = from + blot.size();
    } else {
      ++sign;
    }
  }
}

}  // namespace

// Longer ones first: one secret may hold another.
Mask::Mask(std::vector<std::string> secrets, bool emails)
    : secrets_(std::move(secrets)), emails_(emails) {
  std::erase(secrets_, std::string());
  std::sort(secrets_.begin(), secrets_.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

Mask Mask::with(std::string secret) const {
  std::vector<std::string> secrets = secrets_;
  secrets.push_back(std::move(secret));
  return Mask(std::move(secrets), emails_);
}

void Mask::apply(std::string& text) const {
  for (const std::string& secret : secrets_) {
    for (std::size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + blot.size())) {
      text.replace(at, secret.size(), blot);
    }
  }
  mask_cpfs(text);
  if (emails_) mask_emails(text);
}

}  // namespace porteiro::lambda
