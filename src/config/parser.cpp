#include "config/parser.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace porteiro::config {
namespace {

using nlohmann::json;

// "line 3, column 7" of the last character read; positions count characters read, from 1.
std::string place(std::string_view text, std::size_t position) {
  const std::string_view read = text.substr(0, position == 0 ? 0 : position - 1);
  const auto line = 1 + std::count(read.begin(), read.end(), '\n');
  const std::size_t start = read.rfind('\n');
  const std::size_t column = read.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// What went wrong, from the parser's message: "[json.exception.…] parse error at line 3, column 7:
// syntax error while parsing object key - unexpected '}'; expected string literal". What was read
// last is left out: it may be a secret.
std::string reason(std::string what) {
  constexpr std::string_view expected = "; expected ";
  if (const std::size_t read = what.find("; last read: '"); read != std::string::npos) {
    const std::size_t wanted = what.rfind(expected);
    const std::string end = wanted != std::string::npos && wanted > read ? what.substr(wanted) : "";
    what = what.substr(0, read) + end;
  }
  if (const std::size_t dash = what.find(" - "); dash != std::string::npos) {
    what = what.substr(dash + 3);
  } else if (const std::size_t bracket = what.find("] "); bracket != std::string::npos) {
    what = what.substr(bracket + 2);
  }
  if (const std::size_t number = what.find(" parsing '"); number != std::string::npos) {
    what.resize(number);  // "number overflow parsing '1e999'"
  }
  return what;
}

bool trailing_comma(std::string_view text, std::size_t position) {
  if (position == 0 || position > text.size()) return false;
  if (text[position - 1] != '}' && text[position - 1] != ']') return false;
  const std::size_t last = text.substr(0, position - 1).find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && text[last] == ',';
}

// Builds the document from the parser's events, so that names given twice and deep nesting are
// seen. Parents outlive their children on the stack, and grow only when these are complete.
class Builder {
 public:
  Builder(std::string_view text, json& root, Problems& problems)
      : text_(text), root_(root), problems_(problems) {}

  bool null() { return value(nullptr); }
  bool boolean(bool v) { return value(v); }
  bool number_integer(json::number_integer_t v) { return value(v); }
  bool number_unsigned(json::number_unsigned_t v) { return value(v); }
  bool number_float(json::number_float_t v, const std::string&) { return value(v); }
  bool string(std::string& v) { return value(std::move(v)); }
  bool binary(json::binary_t&) { return false; }

  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Level& level = stack_.back();
    level.key = name;
    if (level.node->contains(name)) problems_.add(pointer(), "is given twice; keep one");
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception& failure) {
    std::string text = "syntax error at " + place(text_, position) + ": " + reason(failure.what());
    if (trailing_comma(text_, position)) text += " (remove the comma before it)";
    problems_.add("", std::move(text));
    return false;
  }

 private:
  struct Level {
    json* node;
    std::string key;  // Of the member under way.
  };

  json& place_value(json&& v) {
    if (stack_.empty()) return root_ = std::move(v);
    Level& level = stack_.back();
    if (level.node->is_object()) return (*level.node)[level.key] = std::move(v);
    level.node->push_back(std::move(v));
    return level.node->back();
  }
  bool value(json v) {
    place_value(std::move(v));
    return true;
  }
  bool open(json container) {
    if (stack_.size() == depth_max) {
      problems_.add("", "is nested deeper than " + std::to_string(depth_max) + " levels");
      return false;
    }
    stack_.push_back({&place_value(std::move(container)), {}});
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }
  std::string pointer() const {
    std::string out;
    for (const Level& level : stack_) {
      if (level.node->is_object()) {
        append_token(out, level.key);
      } else {
        append_token(out, std::to_string(level.node->size() - 1));
      }
    }
    return out;
  }

  std::string_view text_;
  json& root_;
  Problems& problems_;
  std::vector<Level> stack_;
};

}  // namespace

bool parse(std::string_view text, json& document, Problems& problems) {
  document = nullptr;
  Builder builder(text, document, problems);
  return json::sax_parse(text, &builder, json::input_format_t::json, true, true);
}

}  // namespace porteiro::config
