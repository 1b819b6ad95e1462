#include "porteiro/base/json_scan.hpp"

#include <algorithm>
#include <cstdint>

#include "base/json_cursor.hpp"

namespace porteiro {
namespace {

constexpr int depth_max = 64;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Walks over JSON text; each skip leaves the position behind what it has accepted.
class Walker : public JsonCursor {
 public:
  using JsonCursor::JsonCursor;

  bool string() {
    if (!take('"')) return false;
    for (;;) {
      at_ = plain_end(at_, end_);
      if (at_ == end_) return false;
      if (take('"')) return true;
      if (!escape()) return false;
    }
  }

  bool value(int depth) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '"':
        return string();
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

 private:
  bool escape() {
    if (!take('\\') || at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') {
      return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' ||
             c == 't';
    }
    if (end_ - at_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      if (hex_value(*at_++) < 0) return false;
    }
    return true;
  }

  bool digits() {
    const char* start = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != start;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  bool word(std::string_view wanted) {
    if (static_cast<std::size_t>(end_ - at_) < wanted.size()) return false;
    if (std::string_view(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }

  bool array(int depth) {
    if (depth >= depth_max) return false;
    ++at_;
    spaces();
    if (take(']')) return true;
    for (;;) {
      if (!value(depth + 1)) return false;
      spaces();
      if (take(']')) return true;
      if (!take(',')) return false;
      spaces();
    }
  }

  bool object(int depth) {
    if (depth >= depth_max) return false;
    ++at_;
    spaces();
    if (take('}')) return true;
    for (;;) {
      if (!string()) return false;
      spaces();
      if (!take(':')) return false;
      spaces();
      if (!value(depth + 1)) return false;
      spaces();
      if (take('}')) return true;
      if (!take(',')) return false;
      spaces();
    }
  }
};

// The members of the one object that `text` is; `member` says whether to go on.
template <class Member>
bool members(std::string_view text, Member&& member) {
  Walker walk(text);
  walk.spaces();
  if (!walk.take('{')) return false;
  walk.spaces();
  bool more = !walk.take('}');
  while (more) {
    const char* name = walk.at();
    if (!walk.string()) return false;
    const char* name_end = walk.at();
    walk.spaces();
    if (!walk.take(':')) return false;
    walk.spaces();
    const char* value = walk.at();
    if (!walk.value(1)) return false;
    const auto size = [](const char* from, const char* to) {
      return static_cast<std::size_t>(to - from);
    };
    if (!member(std::string_view(name + 1, size(name, name_end) - 2),
                std::string_view(value, size(value, walk.at())))) {
      return true;
    }
    walk.spaces();
    more = walk.take(',');
    if (!more && !walk.take('}')) return false;
    walk.spaces();
  }
  walk.spaces();
  return walk.done();
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
    return put(0x80 | (code & 0x3f));
  }
  if (code < 0x10000) {
    put(0xe0 | code >> 12);
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | ((code >> 12) & 0x3f));
  }
  put(0x80 | ((code >> 6) & 0x3f));
  put(0x80 | (code & 0x3f));
}

// The four hexadecimal digits at `at`, which Walker has checked.
std::uint32_t unit_at(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  for (const char c : text.substr(at, 4))
    unit = unit << 4 | static_cast<std::uint32_t>(hex_value(c));
  return unit;
}

// Appends what the escape at `at` (its 'u') stands for and moves past it. False: half a pair.
bool append_unicode(std::string& out, std::string_view text, std::size_t& at) {
  std::uint32_t code = unit_at(text, at + 1);
  at += 5;
  if (code >= 0xdc00 && code < 0xe000) return false;
  if (code >= 0xd800 && code < 0xdc00) {
    if (text.substr(at, 2) != "\\u") return false;
    const std::uint32_t low = unit_at(text, at + 2);
    if (low < 0xdc00 || low >= 0xe000) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    at += 6;
  }
  append_utf8(out, code);
  return true;
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

bool scan_object(std::string_view text,
                 UniqueFunction<bool(std::string_view, std::string_view)> member) {
  return members(text, member);
}

bool scan_array(std::string_view text, UniqueFunction<bool(std::string_view)> element) {
  Walker walk(text);
  walk.spaces();
  if (!walk.take('[')) return false;
  walk.spaces();
  bool more = !walk.take(']');
  while (more) {
    const char* value = walk.at();
    if (!walk.value(1)) return false;
    if (!element(std::string_view(value, static_cast<std::size_t>(walk.at() - value)))) return true;
    walk.spaces();
    more = walk.take(',');
    if (!more && !walk.take(']')) return false;
    walk.spaces();
  }
  walk.spaces();
  return walk.done();
}

std::optional<std::string_view> find_member(std::string_view text, std::string_view path) {
  for (;;) {
    const std::size_t dot = path.find('.');
    const std::string_view wanted = path.substr(0, dot);
    std::optional<std::string_view> found;
    const bool well_formed =
        members(text, [&found, wanted](std::string_view name, std::string_view value) {
          if (name == wanted) found = value;
          return !found.has_value();
        });
    if (!well_formed || !found || dot == std::string_view::npos) {
      return well_formed ? found : std::nullopt;
    }
    text = *found;
    path.remove_prefix(dot + 1);
  }
}

std::optional<std::string> string_value(std::string_view raw) {
  Walker walk(raw);
  if (!walk.string() || !walk.done()) return std::nullopt;
  const std::string_view text = raw.substr(1, raw.size() - 2);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t escape = std::min(text.find('\\', at), text.size());
    out.append(text, at, escape - at);
    at = escape;
    if (at == text.size()) break;
    ++at;
    if (text[at] == 'u') {
      if (!append_unicode(out, text, at)) return std::nullopt;
    } else {
      out += unescaped(text[at++]);
    }
  }
  return out;
}

bool nests_deeper(std::string_view text, std::size_t levels) {
  std::size_t depth = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end; ++at) {
    const char c = *at;
    if (c == '"') {
      for (at = plain_end(at + 1, end); at != end && *at != '"'; at = plain_end(at, end)) {
        at += *at == '\\' && end - at > 1 ? 2 : 1;
      }
      if (at == end) break;
    } else if (c == '[' || c == '{') {
      if (++depth > levels) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace porteiro
