#include "config/pattern.hpp"

#include <charconv>
#include <limits>
#include <optional>

namespace porteiro::config {
namespace {

constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();

struct Item {
  std::string_view atom;
  std::size_t least = 1, most = 1;
};

std::size_t number(std::string_view& rest) {
  std::size_t value = 0;
  const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), value).ptr;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

// Takes "{m}", "{m,}" or "{m,n}" off; false: it is none.
bool take_braces(std::string_view& rest, Item& item) {
  const std::size_t end = rest.find('}');
  if (end == std::string_view::npos) return false;
  std::string_view inside = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  if (inside.empty() || inside[0] < '0' || inside[0] > '9') return false;
  item.least = item.most = number(inside);
  if (inside.empty()) return true;
  if (inside[0] != ',') return false;
  inside.remove_prefix(1);
  item.most = inside.empty() ? endless : number(inside);
  return inside.empty() && item.least <= item.most;
}

std::size_t atom_size(std::string_view rest) {
  const char first = rest[0];
  std::size_t end = 0;
  if (first == '\\') return rest.size() < 2 ? 0 : 2;
  if (first == '[') end = rest.find(']', 2);
  if (first == '(') {
    end = rest.find(')');
    while (end != std::string_view::npos && rest[end - 1] == '\\') end = rest.find(')', end + 1);
  }
  if (first == '[' || first == '(') return end == std::string_view::npos ? 0 : end + 1;
  return std::string_view("?*+{}|)]^$").find(first) == std::string_view::npos ? 1 : 0;
}

std::optional<Item> take_item(std::string_view& rest) {
  Item item;
  const std::size_t size = atom_size(rest);
  if (size == 0) return std::nullopt;
  item.atom = rest.substr(0, size);
  rest.remove_prefix(size);
  if (rest.empty()) return item;
  switch (rest[0]) {
    case '{':
      if (!take_braces(rest, item)) return std::nullopt;
      return item;
    case '?':
    case '*':
    case '+':
      item.least = rest[0] == '+' ? 1 : 0;
      item.most = rest[0] == '?' ? 1 : endless;
      rest.remove_prefix(1);
      return item;
    default:
      return item;
  }
}

bool in_class(std::string_view set, char c) {
  bool inside = false;
  const bool negated = set[1] == '^';
  for (std::size_t i = negated ? 2 : 1; i + 1 < set.size(); ++i) {
    if (i + 3 < set.size() && set[i + 1] == '-') {
      inside = inside || (c >= set[i] && c <= set[i + 2]);
      i += 2;
    } else {
      inside = inside || c == set[i];
    }
  }
  return inside != negated;
}

bool is_one(std::string_view atom, char c) {
  switch (atom[0]) {
    case '.':
      return c != '\n';
    case '[':
      return in_class(atom, c);
    case '\\':
      if (atom[1] == 'd') return c >= '0' && c <= '9';
      if (atom[1] == 'S') return std::string_view(" \t\r\n\f\v").find(c) == std::string_view::npos;
      return c == atom[1];
    default:
      return c == atom[0];
  }
}

// How much of the text the atom takes; nullopt: it does not fit.
std::optional<std::size_t> take_once(std::string_view atom, std::string_view text) {
  if (atom[0] != '(') {
    if (text.empty() || !is_one(atom, text[0])) return std::nullopt;
    return 1;
  }
  std::size_t taken = 0;  // By the word under way.
  bool fits = true;
  for (std::size_t i = 1; i < atom.size(); ++i) {
    if (atom[i] == '|' || i + 1 == atom.size()) {
      if (fits) return taken;
      fits = true;
      taken = 0;
      continue;
    }
    if (atom[i] == '\\') ++i;
    fits = fits && taken < text.size() && text[taken] == atom[i];
    ++taken;
  }
  return std::nullopt;
}

// A group is for words: its signs are escaped.
bool is_group_of_words(std::string_view atom) {
  for (std::size_t i = 1; i + 1 < atom.size(); ++i) {
    if (atom[i] == '\\') {
      ++i;
    } else if (std::string_view("[](.?*+{}^$").find(atom[i]) != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool is_pattern(std::string_view pattern) {
  if (!pattern.starts_with('^')) return false;
  pattern.remove_prefix(1);
  while (!pattern.empty() && pattern != "$") {
    const auto item = take_item(pattern);
    if (!item) return false;
    if (item->atom[0] == '(' && (item->most > 1 || !is_group_of_words(item->atom))) return false;
  }
  return true;
}

bool matches(std::string_view pattern, std::string_view text) {
  pattern.remove_prefix(pattern.starts_with('^') ? 1 : 0);
  while (!pattern.empty() && pattern != "$") {
    const auto item = take_item(pattern);
    if (!item) return false;
    std::size_t count = 0;
    while (count < item->most) {
      const auto size = take_once(item->atom, text);
      if (!size) break;
      text.remove_prefix(*size);
      ++count;
    }
    if (count < item->least) return false;
  }
  return pattern.empty() || text.empty();
}

}  // namespace porteiro::config
