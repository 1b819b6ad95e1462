#include <algorithm>
#include <vector>

#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

constexpr std::size_t name_bytes_max = 100;  // Longer names are never near.

// Damerau-Levenshtein in its restricted form: no letter is moved twice.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  if (name.size() > name_bytes_max) return {};
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(name.size(), candidate.size());
    if (longer < 2 || longer > name_bytes_max) continue;
    const std::size_t found = distance(name, candidate);
    const std::size_t allowed = std::max<std::size_t>(1, (longer + 1) / 3);
    if (found <= allowed && (best == nullptr || found < best_distance)) {
      best = &candidate;
      best_distance = found;
    }
  }
  return best == nullptr ? std::string() : *best;
}

}  // namespace porteiro::config
