#include "protocols/aws/writer.hpp"

#include <array>
#include <charconv>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/result.hpp"

namespace porteiro::protocols::aws {
namespace {

constexpr auto special_in_xml = [] {
  std::array<bool, 256> special{};
  for (std::size_t c = 0; c < 0x20; ++c) special[c] = c != '\t' && c != '\n';
  for (const char c : {'&', '<', '>', '"'}) special[static_cast<unsigned char>(c)] = true;
  special[0xef] = true;  // U+FFFE and U+FFFF begin with it, and others.
  return special;
}();

std::string_view xml_escape(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\r':
      return "&#xD;";  // In clear, a reader would make it a line feed (XML 1.0, 2.11).
    default:
      return "\xef\xbf\xbd";  // No reference may name it, either (XML 1.0, 4.1).
  }
}

bool no_character(std::string_view three) {
  return three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf";
}

}  // namespace

void append_xml_text(std::string& out, std::string_view text) {
  std::size_t plain = 0;  // Start of the run that needs no escape.
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!special_in_xml[static_cast<unsigned char>(text[i])]) [[likely]]
      continue;
    const bool three = text[i] == '\xef';
    if (three && !no_character(text.substr(i, 3))) continue;
    out.append(text, plain, i - plain);
    out.append(xml_escape(text[i]));
    if (three) i += 2;
    plain = i + 1;
  }
  out.append(text, plain);
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void Writer::text(std::string_view name, std::string_view value) {
  if (xml_) {
    open_tag(name);
    append_xml_text(out_, value);
    return close_tag(name);
  }
  json_name(name);
  append_json_string(out_, value);
}

void Writer::plain(std::string_view name, std::string_view value) {
  if (xml_) {
    open_tag(name);
    out_.append(value);
    return close_tag(name);
  }
  json_name(name);
  out_ += '"';
  out_.append(value);
  out_ += '"';
}

void Writer::number(std::string_view name, std::uint64_t value) {
  if (xml_) {
    open_tag(name);
    append_number(out_, value);
    return close_tag(name);
  }
  json_name(name);
  append_number(out_, value);
}

void Writer::boolean(std::string_view name, bool value) {
  const std::string_view word = value ? "true" : "false";
  if (xml_) return plain(name, word);
  json_name(name);
  out_.append(word);
}

void Writer::raw(std::string_view name, std::string_view value) {
  PORTEIRO_ASSERT(!xml_);
  json_name(name);
  out_.append(value);
}

void Writer::base64(std::string_view name, std::string_view bytes) {
  PORTEIRO_ASSERT(!xml_);
  plain(name, to_base64(bytes));
}

void Writer::item(std::string_view tag, std::string_view value) {
  if (xml_) return text(tag, value);
  comma();
  append_json_string(out_, value);
}

void Writer::open_item(std::string_view tag) {
  if (xml_) return open_tag(tag);
  comma();
  out_ += '{';
}

void Writer::close_item(std::string_view tag) {
  if (xml_) return close_tag(tag);
  out_ += '}';
}

void Writer::entry(std::string_view tag, std::string_view key_tag, std::string_view key,
                   std::string_view value) {
  if (!xml_) {
    comma();
    append_json_string(out_, key);
    out_ += ':';
    return append_json_string(out_, value);
  }
  open_tag(tag);
  text(key_tag, key);
  text("Value", value);
  close_tag(tag);
}

void Writer::open_entry(std::string_view tag, std::string_view key) {
  if (!xml_) {
    comma();
    append_json_string(out_, key);
    out_ += ":{";
    return;
  }
  open_tag(tag);
  text("Name", key);
  open_tag("Value");
}

void Writer::close_entry(std::string_view tag) {
  if (!xml_) {
    out_ += '}';
    return;
  }
  close_tag("Value");
  close_tag(tag);
}

void Writer::open_json(std::string_view name, char bracket) {
  if (xml_) return;
  json_name(name);
  out_ += bracket;
}

}  // namespace porteiro::protocols::aws
