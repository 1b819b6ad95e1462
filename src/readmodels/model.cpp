#include "readmodels/model.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/stores/mask.hpp"

namespace porteiro::readmodels {

namespace {

constexpr std::string_view null_text = "null";

std::string as_member_name(std::string_view name) {
  std::string out;
  append_json_string(out, name);
  out += ':';
  return out;
}

}  // namespace

std::string evaluate(const Selection& selection, std::string_view document) {
  const auto raw = find_member(document, selection.field);
  if (!raw) return std::string(null_text);
  if (selection.kind == Selection::Kind::value) return std::string(*raw);
  std::size_t count = 0;
  std::string_view last = null_text;
  const bool list = scan_array(*raw, [&](std::string_view element) {
    ++count;
    last = element;
    return true;
  });
  if (!list) return std::string(null_text);
  return selection.kind == Selection::Kind::count ? std::to_string(count) : std::string(last);
}

Model::Model(Options options, std::vector<Origin> origins, bool show_key)
    : options_(std::move(options)), origins_(std::move(origins)) {
  for (const Selection& selection : options_.select)
    names_.push_back(as_member_name(selection.name));
  if (show_key) key_name_ = as_member_name(options_.key);
}

bool Model::put(std::size_t source, std::string_view key, std::string_view document,
                std::uint32_t round) {
  auto found = by_key_.find(key);
  const bool is_new = found == by_key_.end();
  if (is_new) {
    if (entries_.size() >= options_.entries_max) {
      by_key_.erase(entries_.back().key);
      entries_.pop_back();
      evicted_ = true;
    }
    entries_.push_front({std::string(key),
                         std::vector<std::string>(options_.select.size(), std::string(null_text)),
                         std::vector<std::uint32_t>(options_.from.size())});
    found = by_key_.emplace(entries_.front().key, entries_.begin()).first;
  } else {
    entries_.splice(entries_.begin(), entries_, found->second);
  }
  Entry& entry = *found->second;
  entry.rounds[source] = round;
  for (std::size_t i = 0; i < origins_.size(); ++i) {
    if (origins_[i].source == source) entry.values[i] = evaluate(options_.select[i], document);
  }
  return is_new && evicted_;
}

void Model::remove(std::size_t source, std::string_view key) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) drop_part(found->second, source);
}

void Model::drop_part(Place place, std::size_t source) {
  place->rounds[source] = 0;
  for (std::size_t i = 0; i < origins_.size(); ++i) {
    if (origins_[i].source == source) place->values[i] = null_text;
  }
  if (std::all_of(place->rounds.begin(), place->rounds.end(),
                  [](auto each) { return each == 0; })) {
    by_key_.erase(place->key);
    entries_.erase(place);
  }
}

void Model::sweep(std::size_t source, std::uint32_t round) {
  for (auto place = entries_.begin(); place != entries_.end();) {
    const auto next = std::next(place);
    if (place->rounds[source] != 0 && place->rounds[source] != round) drop_part(place, source);
    place = next;
  }
}

void Model::clear() {
  by_key_.clear();
  entries_.clear();
  evicted_ = false;
  applied = 0;
}

std::optional<std::string> Model::document(std::string_view key, bool masked) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  const Entry& entry = *found->second;
  std::string out(1, '{');
  if (!key_name_.empty()) {
    out += key_name_;
    append_json_string(out, entry.key);
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const bool hides = masked && origins_[i].is_protected;
    if (hides && origins_[i].mask.empty()) continue;
    if (out.size() > 1) out += ',';
    out += names_[i];
    out += hides ? stores::masked(origins_[i].mask, entry.values[i]) : entry.values[i];
  }
  out += '}';
  return out;
}

}  // namespace porteiro::readmodels
