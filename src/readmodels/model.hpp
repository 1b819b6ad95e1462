// One read model's content: a small row of values a key, bounded, the oldest used going first.
// Knows nothing of stores: projections put and remove the parts.
#pragma once
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "porteiro/readmodels/read_models.hpp"

namespace porteiro::readmodels {

// The raw JSON that `selection` takes from a record's document; "null" when it is not there.
std::string evaluate(const Selection& selection, std::string_view document);

// Where a selection is from.
struct Origin {
  std::size_t source = 0;     // Of Options::from.
  bool is_protected = false;  // Then those who see masked values see it as `mask` says,
  std::string mask{};         // or not at all, when that is empty.
};

class Model {
 public:
  // An origin for each selection.
  Model(Options options, std::vector<Origin> origins, bool show_key);

  // Puts what `source` knows of `key`, read in its round `round`. True: the entry is new while
  // older ones have been evicted, so the other sources may know of it too and must be asked.
  bool put(std::size_t source, std::string_view key, std::string_view document,
           std::uint32_t round);
  void remove(std::size_t source, std::string_view key);
  void sweep(std::size_t source, std::uint32_t round);  // Removes parts of earlier rounds.
  bool contains(std::string_view key) const { return by_key_.contains(key); }
  void clear();

  // A use; nullopt: no such entry.
  std::optional<std::string> document(std::string_view key, bool masked);
  std::size_t entries() const { return entries_.size(); }
  const Options& options() const { return options_; }

  std::uint64_t applied = 0;  // Changes, not the rows of the first reading.

 private:
  struct Entry {
    std::string key;
    std::vector<std::string> values;    // Of the selections, raw JSON.
    std::vector<std::uint32_t> rounds;  // Of the sources: when the part was read; 0: no part.
  };
  using Place = std::list<Entry>::iterator;

  void drop_part(Place place, std::size_t source);

  Options options_;
  std::vector<Origin> origins_;
  std::vector<std::string> names_;  // As JSON strings with the colon, in the document's order.
  std::string key_name_;            // Likewise; empty: the document does not show the key.
  std::list<Entry> entries_;        // The most recently used first.
  std::unordered_map<std::string_view, Place> by_key_;
  bool evicted_ = false;  // Since the last clear.
};

}  // namespace porteiro::readmodels
