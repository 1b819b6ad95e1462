// Writes one reply in JSON or in the Query protocol's XML: the same calls, told apart by a branch.
// Lists and maps are flattened in XML, so their names are those of the items.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace porteiro::protocols::aws {

// Escaped, carriage returns too; what XML 1.0 forbids becomes U+FFFD. `text` is UTF-8.
void append_xml_text(std::string& out, std::string_view text);
void append_number(std::string& out, std::uint64_t value);

class Writer {
 public:
  Writer(std::string& out, bool xml) : out_(out), xml_(xml) {}  // Borrows `out`.
  bool xml() const { return xml_; }
  std::string& out() { return out_; }

  void text(std::string_view name, std::string_view value);
  void plain(std::string_view name, std::string_view value);  // `value` needs no escape anywhere.
  void number(std::string_view name, std::uint64_t value);
  void boolean(std::string_view name, bool value);
  void raw(std::string_view name, std::string_view value);     // JSON only: as it stands.
  void base64(std::string_view name, std::string_view bytes);  // JSON only.

  // open_list, then items, each with its XML tag, then close_list.
  void open_list(std::string_view name) { open_json(name, '['); }
  void item(std::string_view tag, std::string_view value);
  void open_item(std::string_view tag);
  void close_item(std::string_view tag);
  void close_list() { close_json(']'); }

  // open_map, then entries: XML has <tag><key_tag>key</key_tag><Value>…</Value></tag> for each.
  void open_map(std::string_view name) { open_json(name, '{'); }
  void entry(std::string_view tag, std::string_view key_tag, std::string_view key,
             std::string_view value);
  void open_entry(std::string_view tag, std::string_view key);  // Of a structure; key tag: Name.
  void close_entry(std::string_view tag);
  void close_map() { close_json('}'); }

 private:
  void comma() {
    const char last = out_.back();
    if (last != '{' && last != '[') out_ += ',';
  }
  void json_name(std::string_view name) {
    comma();
    out_ += '"';
    out_.append(name);
    out_ += "\":";
  }
  void open_tag(std::string_view tag) {
    out_ += '<';
    out_.append(tag);
    out_ += '>';
  }
  void close_tag(std::string_view tag) {
    out_ += "</";
    out_.append(tag);
    out_ += '>';
  }
  void open_json(std::string_view name, char bracket);
  void close_json(char bracket) {
    if (!xml_) out_ += bracket;
  }

  std::string& out_;
  bool xml_;
};

}  // namespace porteiro::protocols::aws
