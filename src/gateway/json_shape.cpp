#include "gateway/json_shape.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "gateway/input.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::gateway {
namespace {

constexpr std::size_t few_names = 16;       // So many are compared each with each.
constexpr std::size_t name_bytes_max = 64;  // A longer one is not told.

class Look {
 public:
  explicit Look(std::string_view text) : text_(text) {}

  JsonShape whole() {
    for (std::size_t at = 0; at < text_.size() && !shape_.too_deep && !shape_.repeated; ++at) {
      switch (text_[at]) {
        case '"':
          at = string(at);
          break;
        case '{':
        case '[':
          open(text_[at] == '{');
          break;
        case '}':
        case ']':
          close();
          break;
        case ',':
          if (depth_ > 0) next();
          break;
        default:
          break;
      }
    }
    return std::move(shape_);
  }

 private:
  struct Level {
    bool object;
    bool name_next;          // The next string is a member's name.
    std::size_t names;       // Where the object's own names begin.
    std::size_t index;       // Of an array's element.
    std::string_view value;  // The name of the member that is under way.
  };

  void open(bool object) {
    shape_.too_deep = depth_ == nesting_max;
    if (!shape_.too_deep) levels_[depth_++] = {object, object, names_.size(), 0, {}};
  }

  void close() {
    if (depth_ == 0) return;
    const Level& level = levels_[depth_ - 1];
    if (names_.size() - level.names > few_names) sort_out(level.names);
    names_.resize(level.names);
    --depth_;
  }

  void next() {
    Level& level = levels_[depth_ - 1];
    level.name_next = level.object;
    ++level.index;
  }

  // Gives the place of the closing quote.
  std::size_t string(std::size_t begin) {
    const char* const end = text_.data() + text_.size();
    bool escaped = false;
    const char* at = plain_end(text_.data() + begin + 1, end);
    for (; at != end && *at != '"'; at = plain_end(at, end)) {
      escaped = escaped || *at == '\\';
      at += *at == '\\' && end - at > 1 ? 2 : 1;
    }
    const auto close = static_cast<std::size_t>(at - text_.data());
    if (depth_ == 0 || !levels_[depth_ - 1].name_next || at == end) return close;
    name(text_.substr(begin, close + 1 - begin), escaped);
    return close;
  }

  void name(std::string_view quoted, bool escaped) {
    std::string_view plain = quoted.substr(1, quoted.size() - 2);
    if (escaped) {
      if (auto value = string_value(quoted)) plain = decoded_.emplace_back(*std::move(value));
    }
    Level& level = levels_[depth_ - 1];
    level.name_next = false;
    level.value = plain;
    const auto own = names_.begin() + static_cast<std::ptrdiff_t>(level.names);
    const bool few = names_.size() - level.names < few_names;
    if (few && std::find(own, names_.end(), plain) != names_.end()) shape_.repeated = place();
    names_.push_back(plain);
  }

  void sort_out(std::size_t from) {
    const auto own = names_.begin() + static_cast<std::ptrdiff_t>(from);
    std::sort(own, names_.end());
    const auto twice = std::adjacent_find(own, names_.end());
    if (twice == names_.end()) return;
    levels_[depth_ - 1].value = *twice;
    shape_.repeated = place();
  }

  std::string place() const {
    std::string out;
    for (std::size_t i = 0; i < depth_; ++i) {
      const Level& level = levels_[i];
      if (!level.object) {
        out.append("[").append(std::to_string(level.index)).append("]");
      } else if (level.value.size() <= name_bytes_max) {
        out.append(out.empty() ? "" : ".").append(level.value);
      }
    }
    return out;
  }

  const std::string_view text_;
  std::array<Level, nesting_max> levels_;
  std::size_t depth_ = 0;
  std::vector<std::string_view> names_;  // Of all the objects that are open.
  std::deque<std::string> decoded_;      // Names that hold an escape.
  JsonShape shape_;
};

}  // namespace

JsonShape shape_of(std::string_view text) { return Look(text).whole(); }

}  // namespace porteiro::gateway
