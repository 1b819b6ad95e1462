#include "porteiro/base/json_tree.hpp"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/json_cursor.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro {
namespace {

using nlohmann::json;

constexpr std::ptrdiff_t digits_max = 18;  // So many fit 64 bits, whatever they are.

// Reads the texts that come every day. It gives up on all others, be they wrong, nested deeply or
// only rare: whoever knows all of JSON is asked then.
class TreeReader : JsonCursor {
 public:
  using JsonCursor::JsonCursor;

  bool whole(json& out) {
    spaces();
    if (!value(out, 0)) return false;
    spaces();
    return done();
  }

 private:
  bool value(json& out, std::size_t depth) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '"':
        out = std::string();
        return string(out.get_ref<std::string&>());
      case '{':
        return depth < json_levels_max && object(out, depth + 1);
      case '[':
        return depth < json_levels_max && array(out, depth + 1);
      case 't':
        return word("true", out, true);
      case 'f':
        return word("false", out, false);
      case 'n':
        return word("null", out, nullptr);
      default:
        return number(out);
    }
  }

  bool object(json& out, std::size_t depth) {
    ++at_;
    out = json::object();
    spaces();
    if (take('}')) return true;
    auto& members = out.get_ref<json::object_t&>();
    for (;;) {
      std::string name;
      if (!string(name)) return false;
      spaces();
      if (!take(':')) return false;
      spaces();
      // Most texts have their members in order. Of two with the same name the last is the one.
      if (!value(members.try_emplace(members.end(), std::move(name))->second, depth)) return false;
      spaces();
      if (take('}')) return true;
      if (!take(',')) return false;
      spaces();
    }
  }

  bool array(json& out, std::size_t depth) {
    ++at_;
    out = json::array();
    spaces();
    if (take(']')) return true;
    auto& items = out.get_ref<json::array_t&>();
    for (;;) {
      if (!value(items.emplace_back(), depth)) return false;
      spaces();
      if (take(']')) return true;
      if (!take(',')) return false;
      spaces();
    }
  }

  bool string(std::string& out) {
    const char* const begin = at_;
    if (!take('"')) return false;
    bool escaped = false;
    for (;;) {
      at_ = plain_end(at_, end_);
      if (take('"')) break;
      if (!take('\\') || at_ == end_) return false;
      ++at_;
      escaped = true;
    }
    const std::string_view quoted(begin, static_cast<std::size_t>(at_ - begin));
    if (!valid_utf8(quoted)) return false;
    if (!escaped) {
      out.assign(quoted, 1, quoted.size() - 2);
      return true;
    }
    auto plain = string_value(quoted);
    if (!plain) return false;
    out = *std::move(plain);
    return true;
  }

  std::ptrdiff_t digits() {
    const char* const begin = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ - begin;
  }

  bool number(json& out) {
    const char* const begin = at_;
    const bool negative = take('-');
    std::ptrdiff_t count = take('0') ? 1 : digits();
    if (count == 0) return false;
    if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return fraction(begin, out);
    if (count > digits_max) return false;
    std::int64_t whole = 0;
    std::from_chars(begin, at_, whole);
    if (negative) {
      out = whole;
    } else {
      out = static_cast<std::uint64_t>(whole);
    }
    return true;
  }

  bool fraction(const char* begin, json& out) {
    if (take('.') && digits() == 0) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (digits() == 0) return false;
    }
    double real = 0;
    const auto read = std::from_chars(begin, at_, real);
    if (read.ec != std::errc() || read.ptr != at_) return false;
    out = real;
    return true;
  }

  template <class Value>
  bool word(std::string_view wanted, json& out, Value value) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(wanted)) {
      return false;
    }
    at_ += wanted.size();
    out = value;
    return true;
  }
};

}  // namespace

json json_tree(std::string_view text) {
  json tree;
  if (TreeReader(text).whole(tree)) return tree;
  return json::parse(text, nullptr, false);
}

}  // namespace porteiro
