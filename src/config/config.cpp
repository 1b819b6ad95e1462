#include "porteiro/config/config.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "config/parser.hpp"
#include "config/problems.hpp"
#include "config/validator.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_tree.hpp"

namespace porteiro::config {
namespace {

using nlohmann::json;

constexpr std::size_t quoted_bytes_max = 60;

bool is_index(std::string_view token) {
  return !token.empty() && token.size() < 10 &&
         token.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view next_token(std::string_view& rest) {
  rest.remove_prefix(1);
  const std::string_view token = rest.substr(0, rest.find('/'));
  rest.remove_prefix(token.size());
  return token;
}

bool before(const Problem& a, const Problem& b) {
  std::string_view left = a.pointer;
  std::string_view right = b.pointer;
  while (!left.empty() && !right.empty()) {
    const std::string_view x = next_token(left);
    const std::string_view y = next_token(right);
    if (x == y) continue;
    if (is_index(x) && is_index(y) && x.size() != y.size()) return x.size() < y.size();
    return x < y;
  }
  return left.empty() && !right.empty();
}

const json& parsed(std::string_view schema, json& own) {
  const auto parse = [](std::string_view text) {
    json parsed = json_tree(text);
    PORTEIRO_ASSERT(parsed.is_object());
    return parsed;
  };
  if (schema.data() == config_schema().data()) {
    static const json config = parse(config_schema());
    return config;
  }
  if (schema.data() == scenario_schema().data()) {
    static const json scenario = parse(scenario_schema());
    return scenario;
  }
  own = parse(schema);
  return own;
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// The text of a file, or why there is none.
std::string read_file(const std::string& path, std::string& text) {
  const auto reason = [] { return std::generic_category().message(errno); };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (!file) return "cannot be opened: " + reason();
  std::size_t size = 0;
  for (std::size_t got = 1; got > 0 && size <= file_bytes_max; size += got) {
    text.resize(size + (64u << 10));
    got = std::fread(text.data() + size, 1, text.size() - size, file.get());
  }
  if (std::ferror(file.get()) != 0) return "cannot be read: " + reason();
  text.resize(size);
  return {};
}

}  // namespace

void Problems::add(std::string pointer, std::string text) {
  if (list_.size() < problems_max) {
    list_.push_back({file_, std::move(pointer), std::move(text)});
  } else {
    more_ = true;
  }
}

std::vector<Problem> Problems::sorted() && {
  std::stable_sort(list_.begin(), list_.end(), before);
  if (more_) {
    list_.push_back({file_, "",
                     "there are more problems than these " + std::to_string(problems_max) +
                         "; mend them first"});
  }
  return std::move(list_);
}

std::string in_quotes(std::string_view text) {
  std::string out;
  if (text.size() <= quoted_bytes_max) {
    append_json_string(out, text);
    return out;
  }
  std::size_t end = quoted_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  append_json_string(out, std::string(text.substr(0, end)) + "…");
  return out;
}

std::string listed(const std::vector<std::string>& items, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += i + 1 < items.size() ? ", " : " " + std::string(last) + " ";
    out += items[i];
  }
  return out;
}

void append_token(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (const char c : token) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

std::string below(std::string pointer, std::string_view token) {
  append_token(pointer, token);
  return pointer;
}

std::string to_text(const Problem& problem) {
  std::string out = problem.file;
  if (!problem.pointer.empty()) out += ": " + problem.pointer;
  out += ": " + problem.text;
  for (char& c : out) {  // Names come from the file: they may not steer a terminal.
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) c = '?';
  }
  return out;
}

std::vector<Problem> validate(std::string_view text, std::string_view file, std::string_view schema,
                              json& document) {
  Problems problems(file);
  if (text.size() > file_bytes_max) {
    problems.add("", "is larger than " + std::to_string(file_bytes_max >> 20) + " MiB");
    return std::move(problems).sorted();
  }
  if (parse(text, document, problems)) {
    json own;
    validate_document(parsed(schema, own), document, problems);
  }
  return std::move(problems).sorted();
}

std::vector<Problem> load(const std::string& path, std::string_view schema, json& document) {
  std::string text;
  if (std::string reason = read_file(path, text); !reason.empty()) {
    return {{path, "", std::move(reason)}};
  }
  return validate(text, path, schema, document);
}

std::string folder_of(const std::string& file) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(file.empty() ? "./x" : file, failed);
  return path.lexically_normal().parent_path().string();
}

}  // namespace porteiro::config
