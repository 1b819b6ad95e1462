// The engine on ordered maps: what is written.
//
// Each operation makes all its checks before its first write. So only the writes before a
// transaction's last operation can have to be undone, and only they are remembered.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "stores/expect.hpp"
#include "stores/kv_engine.hpp"
#include "stores/kv_spaces.hpp"
#include "stores/walk.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

std::uint64_t ordered_time(Time at) {
  return static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ (std::uint64_t{1} << 63);
}

Time time_of(std::string_view key) {
  return Time(Duration(static_cast<std::int64_t>(number_of(key) ^ (std::uint64_t{1} << 63))));
}

RecordView view_of(const Row& row, std::uint64_t version, std::string_view open,
                   const std::vector<ListPlace>& lists, const std::vector<std::string>& values) {
  RecordView view;
  view.version = version;
  view.subject = row.subject;
  view.open = open;
  view.sensitive_box = row.sensitive_box;
  view.restricted_box = row.restricted_box;
  for (const ListPlace& list : lists) {
    view.lists.push_back({list.name, list.offset, list.bytes, list.items});
  }
  view.hidden.assign(row.hidden.begin(), row.hidden.end());
  view.values.assign(values.begin(), values.end());
  return view;
}

}  // namespace

std::string write_change(const Change& change) {
  std::string out;
  append_u64(out, change.version);
  append_u64(out, static_cast<std::uint64_t>(change.at.time_since_epoch().count()));
  append_sized(out, change.collection);
  append_sized(out, change.key);
  return out;
}

std::optional<Change> read_change(std::uint64_t sequence, std::string_view bytes) {
  ByteReader reader(bytes);
  const auto version = reader.u64();
  const auto at = reader.u64();
  const auto collection = reader.sized();
  const auto key = reader.sized();
  if (!version || !at || !collection || !key) return std::nullopt;
  return Change{sequence, std::string(*collection), std::string(*key), *version,
                Time(Duration(static_cast<std::int64_t>(*at)))};
}

std::vector<Result<Committed>> KvEngine::commit(std::span<const Transaction> transactions) {
  std::vector<Result<Committed>> results;
  results.reserve(transactions.size());
  const auto all_failed = [&](const Error& failure) {
    results.assign(transactions.size(), Result<Committed>(failure));
    return std::move(results);
  };
  auto writer = kv_->begin_write();
  if (!writer) return all_failed(writer.error());
  const std::uint64_t sequence_before = sequence_, first_before = feed_first_;
  for (const Transaction& transaction : transactions) {
    results.push_back(run(*writer.value(), transaction));
    if (writer.value()->failure()) break;
  }
  prune(*writer.value(), transactions);
  std::optional<Error> failure = writer.value()->failure();
  if (failure) {
    kv_->abort();
  } else if (auto done = kv_->commit(); !done) {
    failure = done.error();
  }
  if (!failure) return results;
  sequence_ = sequence_before;
  feed_first_ = first_before;
  return all_failed(*failure);
}

Result<Committed> KvEngine::run(KvWriter& writer, const Transaction& transaction) {
  const std::uint64_t sequence_before = sequence_;
  Under under{writer, transaction, {}};
  PORTEIRO_TRY(under.done.repeated, seen(writer, transaction));
  if (under.done.repeated) return std::move(under.done);
  const std::size_t count = transaction.operations.size();
  under.done.versions.reserve(count);
  under.done.changes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    writer.remember(i + 1 < count);
    auto version = std::visit([&](const auto& operation) { return apply(under, operation); },
                              transaction.operations[i]);
    if (!version) {
      writer.undo();
      sequence_ = sequence_before;
      return version.error();
    }
    under.done.versions.push_back(version.value());
  }
  writer.forget();
  note_once(writer, transaction);
  return std::move(under.done);
}

Result<bool> KvEngine::seen(KvWriter& writer, const Transaction& transaction) {
  if (transaction.once_key.empty()) return false;
  PORTEIRO_TRY(check_key(transaction.once_key, "a once-key"));
  PORTEIRO_TRY(const auto at, writer.get(once_space, transaction.once_key));
  return at && time_of(*at) + options_.once_age_max >= transaction.at;
}

void KvEngine::note_once(KvWriter& writer, const Transaction& transaction) {
  if (transaction.once_key.empty()) return;
  const std::string at = number_key(ordered_time(transaction.at));
  auto before = writer.get(once_space, transaction.once_key);
  if (!before) return writer.fail(before.error());
  if (before.value()) {  // Too old to count, not yet pruned.
    writer.erase(once_at_space, std::string(*before.value()) + transaction.once_key);
  }
  writer.put(once_space, transaction.once_key, at);
  writer.put(once_at_space, at + transaction.once_key, "");
}

Result<void> KvEngine::check_references(KvWriter& writer, const Layout& layout, const Row& row) {
  for (const Reference& reference : layout.references) {
    const auto value = row.open.find(reference.field->name);
    if (value == row.open.end() || value->is_null()) continue;
    const auto& key = value->get_ref<const std::string&>();
    if (reference.target == layout.number && key == row.key) continue;
    const bool possible = !key.empty() && key.size() <= key_bytes_max;
    if (possible) {
      PORTEIRO_TRY(const auto there, writer.get(spaces_[reference.target].rows, key));
      if (there) continue;
    }
    return refers_to_nothing(layout, *reference.field);
  }
  return success();
}

Result<std::uint64_t> KvEngine::apply(Under& under, const operation::Put& put) {
  const Layout* layout = layouts_.find(put.collection);
  if (layout == nullptr) return no_collection(put.collection);
  PORTEIRO_TRY(check_row(*layout, put.row));
  if (put.expect.kind != Expect::Kind::anything || !layout->collection.subject.empty()) {
    PORTEIRO_TRY(const auto bytes, under.writer.get(spaces_[layout->number].rows, put.row.key));
    const auto record = bytes ? read_record(*bytes) : RecordView{};
    if (!record) return corrupt_record();
    PORTEIRO_TRY(check_expected(*layout, put.expect, record->version));
    PORTEIRO_TRY(check_subject(*layout, record->subject, put.row));
  }
  PORTEIRO_TRY(check_references(under.writer, *layout, put.row));
  return write_row(under, *layout, put.row);
}

Result<std::uint64_t> KvEngine::write_row(Under& under, const Layout& layout, const Row& row) {
  const Spaces& spaces = spaces_[layout.number];
  PORTEIRO_TRY(const auto values, index_values(layout, row));
  std::vector<std::string> old_values(values.size());
  bool there = false;
  if (!values.empty()) {
    PORTEIRO_TRY(const auto bytes, under.writer.get(spaces.rows, row.key));
    there = bytes.has_value();
    if (there) {
      const auto record = read_record(*bytes);
      if (!record || record->values.size() != values.size()) return corrupt_record();
      old_values.assign(record->values.begin(), record->values.end());
    }
  }
  std::vector<ListPlace> lists;
  const std::string open = open_text(layout, row.open, &lists);
  const std::uint64_t version = changed(under, layout, row.key, false);
  under.writer.put(spaces.rows, row.key, write_record(view_of(row, version, open, lists, values)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (there && values[i] == old_values[i]) continue;
    if (there) under.writer.erase(spaces.indexes[i], old_values[i] + row.key);
    under.writer.put(spaces.indexes[i], values[i] + row.key, row.key);
  }
  return version;
}

Result<std::uint64_t> KvEngine::apply(Under& under, const operation::Append& append) {
  const Layout* layout = layouts_.find(append.collection);
  if (layout == nullptr) return no_collection(append.collection);
  PORTEIRO_TRY(const Field* field, list_field(*layout, append));
  const Space rows = spaces_[layout->number].rows;
  PORTEIRO_TRY(const auto bytes, under.writer.get(rows, append.key));
  if (!bytes) {
    Row row;
    row.key = append.key;
    row.open = {{field->name, nlohmann::json::array({append.item})}};
    return write_row(under, *layout, row);
  }
  auto record = read_record(*bytes);
  if (!record) return corrupt_record();
  const auto list = std::find_if(record->lists.begin(), record->lists.end(),
                                 [&](const RecordList& each) { return each.name == field->name; });
  if (list == record->lists.end()) {
    auto row = read_whole_row(append.key, *bytes);
    if (!row) return corrupt_record();
    row->open[field->name] = nlohmann::json::array({append.item});
    return write_row(under, *layout, *row);
  }
  std::string items(record->open.substr(list->offset, list->bytes)), item;
  append_compact(item, append.item);
  append_item(items, item, field->items_max, list->items);
  std::string open(record->open.substr(0, list->offset));
  open.append(items).append(record->open.substr(list->offset + list->bytes));
  const auto longer = static_cast<std::uint32_t>(items.size()) - list->bytes;  // May wrap around.
  for (RecordList& other : record->lists) {
    if (other.offset > list->offset) other.offset += longer;
  }
  list->bytes += longer;
  record->open = open;
  record->version = changed(under, *layout, append.key, false);
  under.writer.put(rows, append.key, write_record(*record));
  return record->version;
}

Result<KvEngine::Doomed> KvEngine::doomed_by(KvWriter& writer, const Layout& layout,
                                             const std::string& key) {
  Doomed doomed{{layout.number, key}};
  std::set<std::pair<std::size_t, std::string>> all{doomed.front()};
  Doomed in_the_way;
  for (std::size_t i = 0; i < doomed.size(); ++i) {
    const std::size_t collection = doomed[i].first;
    std::string prefix;
    append_text(prefix, doomed[i].second);
    for (const Referrer& referrer : layouts_[collection].referrers) {
      Doomed& list = referrer.field->cascade ? doomed : in_the_way;
      const Space index = spaces_[referrer.collection].indexes[referrer.index];
      PORTEIRO_TRY(writer.scan(
          index, prefix, beyond(prefix), false, [&](std::string_view, std::string_view child) {
            std::pair<std::size_t, std::string> each{referrer.collection, std::string(child)};
            if (&list == &in_the_way || all.insert(each).second) {
              list.push_back(std::move(each));
            }
            return true;
          }));
    }
  }
  for (const auto& each : in_the_way) {
    if (!all.contains(each)) return still_referenced(layout, layouts_[each.first]);
  }
  return doomed;
}

Result<std::uint64_t> KvEngine::apply(Under& under, const operation::Erase& erase) {
  const Layout* layout = layouts_.find(erase.collection);
  if (layout == nullptr) return no_collection(erase.collection);
  PORTEIRO_TRY(check_key(erase.key, "a key"));
  PORTEIRO_TRY(const auto bytes, under.writer.get(spaces_[layout->number].rows, erase.key));
  std::uint64_t version = 0;
  if (bytes) {
    const auto record = read_record(*bytes);
    if (!record) return corrupt_record();
    version = record->version;
  }
  PORTEIRO_TRY(check_expected(*layout, erase.expect, version));
  if (version == 0) return 0;
  PORTEIRO_TRY(const Doomed doomed, doomed_by(under.writer, *layout, erase.key));
  for (const auto& [collection, key] : doomed) {
    PORTEIRO_TRY(erase_row(under, layouts_[collection], key));
  }
  return 0;
}

Result<void> KvEngine::erase_row(Under& under, const Layout& layout, const std::string& key) {
  const Spaces& spaces = spaces_[layout.number];
  PORTEIRO_TRY(const auto bytes, under.writer.get(spaces.rows, key));
  const auto record = bytes ? read_record(*bytes) : std::nullopt;
  if (!record || record->values.size() != spaces.indexes.size()) {
    under.writer.fail(corrupt_record());  // Rows before it may be gone already: the whole fails.
    return corrupt_record();
  }
  const std::vector<std::string> values(record->values.begin(), record->values.end());
  under.writer.erase(spaces.rows, key);
  for (std::size_t i = 0; i < values.size(); ++i) {
    under.writer.erase(spaces.indexes[i], values[i] + key);
  }
  changed(under, layout, key, true);
  return success();
}

Result<std::uint64_t> KvEngine::apply(Under& under, const operation::PutBlob& put) {
  PORTEIRO_TRY(check_blob_name(put.space, put.name));
  const std::string key = blob_key(put.space, put.name);
  if (put.absent) {
    PORTEIRO_TRY(const auto there, under.writer.get(blobs_space, key));
    if (there && *there != put.value) return blob_differs(put);
    if (there) return 0;
  }
  under.writer.put(blobs_space, key, put.value);
  return 0;
}

Result<std::uint64_t> KvEngine::apply(Under& under, const operation::EraseBlob& erase) {
  PORTEIRO_TRY(check_blob_name(erase.space, erase.name));
  under.writer.erase(blobs_space, blob_key(erase.space, erase.name));
  return 0;
}

std::uint64_t KvEngine::changed(Under& under, const Layout& layout, std::string_view key,
                                bool erased) {
  Change change{++sequence_, layout.collection.name, std::string(key), erased ? 0 : sequence_,
                under.transaction.at};
  under.writer.put(feed_space, number_key(sequence_), write_change(change));
  under.done.changes.push_back(std::move(change));
  return sequence_;
}

void KvEngine::prune(KvWriter& writer, std::span<const Transaction> transactions) {
  while (sequence_ - feed_first_ + 1 > options_.feed_max && feed_first_ < sequence_) {
    writer.erase(feed_space, number_key(feed_first_++));
  }
  std::optional<Time> newest;
  for (const Transaction& each : transactions) {
    if (!each.once_key.empty()) newest = newest ? std::max(*newest, each.at) : each.at;
  }
  if (newest) prune_once(writer, *newest);
}

void KvEngine::prune_once(KvWriter& writer, Time newest) {
  constexpr std::size_t pruned_max = 1000;  // A commit: the rest goes with the next ones.
  std::vector<std::string> old;
  const std::string until = number_key(ordered_time(newest - options_.once_age_max));
  auto scanned =
      writer.scan(once_at_space, "", until, false, [&old](std::string_view key, std::string_view) {
        old.emplace_back(key);
        return old.size() < pruned_max;
      });
  if (!scanned) return writer.fail(scanned.error());
  for (const std::string& key : old) {
    writer.erase(once_at_space, key);
    writer.erase(once_space, std::string_view(key).substr(8));
  }
}

}  // namespace porteiro::stores
