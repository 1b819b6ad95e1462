#include "protocols/aws/form.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/result.hpp"

namespace porteiro::protocols::aws {
namespace {

constexpr std::size_t pairs_kept = 512;
constexpr std::size_t bytes_kept = 64u << 10;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Where the first '%' or '+' is from `at` on, or the end. (find_first_of takes a call for each
// byte.)
std::size_t find_special(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] != '%' && text[at] != '+') ++at;
  return at;
}

}  // namespace

Form::Fault Form::parse(std::string_view first, std::string_view second) {
  pairs_.clear();
  decoded_.clear();
  decoded_.reserve(first.size() + second.size());
  const Fault fault = add(first);
  return fault == Fault::none ? add(second) : fault;
}

void Form::release() {
  pairs_.clear();
  decoded_.clear();
  if (pairs_.capacity() > pairs_kept) pairs_.shrink_to_fit();
  if (decoded_.capacity() > bytes_kept) decoded_.shrink_to_fit();
}

std::string_view Form::value(std::string_view name) const {
  for (const FormPair& pair : pairs_) {
    if (pair.name == name) return pair.value;
  }
  return {};
}

Form::Fault Form::add(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    FormPair pair{text.substr(0, end), {}};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.name.empty()) continue;
    if (pairs_.size() == pairs_max) return Fault::too_many;
    const std::size_t equals = std::min(pair.name.find('='), pair.name.size());
    pair.value = pair.name.substr(std::min(equals + 1, pair.name.size()));
    pair.name = pair.name.substr(0, equals);
    if (!decode(pair.name) || !decode(pair.value)) return Fault::broken;
    pairs_.push_back(pair);
  }
  return Fault::none;
}

bool Form::decode(std::string_view& text) {
  std::size_t special = find_special(text, 0);
  if (special == text.size()) return valid_utf8(text);
  const std::size_t start = decoded_.size();
  PORTEIRO_ASSERT(decoded_.capacity() - start >= text.size());
  std::size_t plain = 0;
  while (special < text.size()) {
    decoded_.append(text, plain, special - plain);
    if (text[special] == '+') {
      decoded_ += ' ';
      plain = special + 1;
    } else {
      if (text.size() - special < 3) return false;
      const int high = hex_value(text[special + 1]);
      const int low = hex_value(text[special + 2]);
      if (high < 0 || low < 0) return false;
      decoded_ += static_cast<char>(high << 4 | low);
      plain = special + 3;
    }
    special = find_special(text, plain);
  }
  decoded_.append(text, plain);
  text = std::string_view(decoded_).substr(start);
  return valid_utf8(text);
}

}  // namespace porteiro::protocols::aws
