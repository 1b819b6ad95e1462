// The engine on ordered maps: opening, schema, and what is read. Writing is in kv_commit.cpp.
#include "stores/kv_engine.hpp"

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_tree.hpp"
#include "stores/kv_spaces.hpp"
#include "stores/schema_change.hpp"
#include "stores/walk.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

constexpr std::string_view kv_format = "1";

// Which index each of a record's values is for: written when the records are.
std::string index_names(const Layouts& layouts) {
  nlohmann::json all = nlohmann::json::object();
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    auto& names = all[layouts[i].collection.name] = nlohmann::json::array();
    for (const Index& index : layouts[i].indexes) names.push_back(index.name);
  }
  return all.dump();
}

// Ends the reading when the block does.
struct Reading {
  Kv& kv;
  ~Reading() { kv.end_read(); }
};

std::optional<Row> row_of(std::string_view key, const RecordView& record) {
  Row row;
  row.key = key;
  row.subject = record.subject;
  row.open = json_tree(record.open);
  if (!row.open.is_object()) return std::nullopt;
  for (const auto& [name, token] : record.hidden) row.hidden.emplace_back(name, token);
  row.sensitive_box = record.sensitive_box;
  row.restricted_box = record.restricted_box;
  return row;
}

}  // namespace

Error corrupt_record() {
  return error(Errc::corrupt,
               "a stored record cannot be read; restore the data directory from a copy");
}

Error stale_feed() {
  return error(Errc::stale, "the feed does not go back that far, or began again: read everything");
}

std::string number_key(std::uint64_t number) {
  std::string key(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) key[i] = static_cast<char>((number >> (56 - 8 * i)) & 0xff);
  return key;
}

std::uint64_t number_of(std::string_view key) {
  std::uint64_t number = 0;
  for (const char c : key.substr(0, 8)) number = (number << 8) | static_cast<unsigned char>(c);
  return number;
}

std::string blob_key(std::string_view space, std::string_view name) {
  std::string key;
  append_text(key, space);
  return key.append(name);
}

std::optional<Row> read_whole_row(std::string_view key, std::string_view bytes) {
  const auto record = read_record(bytes);
  return record ? row_of(key, *record) : std::nullopt;
}

Result<std::unique_ptr<Engine>> KvEngine::open(std::unique_ptr<Kv> kv, const EngineOptions& options,
                                               std::vector<Collection> collections) {
  PORTEIRO_TRY(auto layouts, Layouts::make(std::move(collections)));
  std::unique_ptr<KvEngine> engine(new KvEngine(std::move(kv), options, std::move(layouts)));
  PORTEIRO_TRY(engine->start());
  return std::unique_ptr<Engine>(std::move(engine));
}

Result<void> KvEngine::start() {
  // One writing for all, so that a refused schema leaves nothing behind.
  std::vector<std::string> names{"meta", "blobs", "once", "once_at", "feed"};
  for (std::size_t i = 0; i < layouts_.size(); ++i) {
    const Layout& layout = layouts_[i];
    Spaces spaces;
    spaces.rows = names.size();
    names.push_back("rows " + layout.collection.name);
    for (const Index& index : layout.indexes) {
      spaces.indexes.push_back(names.size());
      names.push_back("index " + layout.collection.name + " " + index.name);
    }
    spaces_.push_back(std::move(spaces));
  }
  PORTEIRO_TRY(KvWriter * writer, kv_->begin_write());
  auto taken = kv_->open_spaces(names);
  if (taken) taken = take_schema(*writer);
  if (taken) taken = read_feed_bounds(*writer);
  if (taken && writer->failure()) taken = *writer->failure();
  if (taken) return kv_->commit();
  kv_->abort();
  return taken;
}

Result<void> KvEngine::take_schema(KvWriter& writer) {
  PORTEIRO_TRY(const auto format, writer.get(meta_space, format_key));
  if (!format) {
    writer.put(meta_space, format_key, kv_format);
  } else {
    if (*format != kv_format) {
      return error(
          Errc::invalid,
          "the data was kept by another version of this program; use that one, or move the "
          "data directory away");
    }
    PORTEIRO_TRY(const auto kept, writer.get(meta_space, schema_key));
    PORTEIRO_TRY(check_schema_change(kept.value_or(""), layouts_));
  }
  const std::string names = index_names(layouts_), schema = layouts_.to_json().dump();
  PORTEIRO_TRY(const auto kept_schema, writer.get(meta_space, schema_key));
  PORTEIRO_TRY(const auto kept_names, writer.get(meta_space, indexes_key));
  if (kept_schema == schema && kept_names == names) return success();  // Nothing is written.
  if (kept_names && *kept_names != names) {
    const auto before = nlohmann::json::parse(*kept_names, nullptr, false);
    const auto now = nlohmann::json::parse(names);
    for (std::size_t i = 0; i < layouts_.size(); ++i) {
      const std::string& name = layouts_[i].collection.name;
      if (!before.contains(name) || before[name] == now[name]) continue;
      PORTEIRO_TRY(index_again(writer, layouts_[i]));
    }
  }
  writer.put(meta_space, indexes_key, names);
  writer.put(meta_space, schema_key, schema);
  return success();
}

Result<void> KvEngine::index_again(KvWriter& writer, const Layout& layout) {
  const Spaces& spaces = spaces_[layout.number];
  for (const Space index : spaces.indexes) writer.clear(index);
  constexpr std::size_t step = 1000;  // Rows are read by the thousand: a scan must not write.
  for (std::string from;;) {
    std::vector<std::pair<std::string, std::string>> rows;
    PORTEIRO_TRY(writer.scan(spaces.rows, from, std::nullopt, false,
                             [&rows](std::string_view key, std::string_view value) {
                               rows.emplace_back(key, value);
                               return rows.size() < step;
                             }));
    for (const auto& [key, bytes] : rows) {
      auto record = read_record(bytes);
      const auto row = record ? row_of(key, *record) : std::nullopt;
      if (!row) return corrupt_record();
      PORTEIRO_TRY(const auto values, index_values(layout, *row));
      record->values.assign(values.begin(), values.end());
      for (std::size_t i = 0; i < values.size(); ++i) {
        writer.put(spaces.indexes[i], values[i] + key, key);
      }
      writer.put(spaces.rows, key, write_record(*record));
    }
    if (rows.size() < step) return success();
    from = rows.back().first + '\0';
  }
}

Result<void> KvEngine::read_feed_bounds(KvReader& reader) {
  std::optional<std::uint64_t> first, last;
  for (const bool from_end : {false, true}) {
    auto& bound = from_end ? last : first;
    PORTEIRO_TRY(reader.scan(feed_space, "", std::nullopt, from_end,
                             [&bound](std::string_view key, std::string_view) {
                               bound = number_of(key);
                               return false;
                             }));
  }
  sequence_ = last.value_or(0);
  feed_first_ = first.value_or(1);
  return success();
}

Result<std::optional<StoredRow>> KvEngine::get(std::string_view collection, std::string_view key) {
  const Layout* layout = layouts_.find(collection);
  if (layout == nullptr) return no_collection(collection);
  if (key.empty() || key.size() > key_bytes_max) return std::optional<StoredRow>();
  PORTEIRO_TRY(KvReader * reader, kv_->begin_read());
  const Reading reading{*kv_};
  PORTEIRO_TRY(const auto bytes, reader->get(spaces_[layout->number].rows, key));
  if (!bytes) return std::optional<StoredRow>();
  auto row = read_row(key, *bytes);
  if (!row) return corrupt_record();
  return row;
}

Result<void> KvEngine::walk_rows(KvReader& reader, const Layout& layout, const Query& query,
                                 RowPage& page) {
  PORTEIRO_TRY(const Walk walk, make_walk(layout, query));
  const Spaces& spaces = spaces_[layout.number];
  std::string low = walk.low;
  std::optional<std::string> high = walk.high;
  if (!walk.after.empty()) {
    if (query.descending) {
      high = walk.after;
    } else {
      low = walk.after + '\0';
    }
  }
  const Space space =
      walk.index == nullptr
          ? spaces.rows
          : spaces.indexes[static_cast<std::size_t>(walk.index - layout.indexes.data())];
  struct Found {
    std::string entry, key;
  };
  std::vector<Found> found;
  bool more = false;
  PORTEIRO_TRY(reader.scan(
      space, low, high, query.descending, [&](std::string_view entry, std::string_view value) {
        more = found.size() == query.limit;
        if (more) return false;
        found.push_back({std::string(entry), std::string(walk.index == nullptr ? entry : value)});
        return true;
      }));
  page.rows.reserve(found.size());
  for (const Found& each : found) {
    PORTEIRO_TRY(const auto bytes, reader.get(spaces.rows, each.key));
    auto row = bytes ? read_row(each.key, *bytes) : std::nullopt;
    if (!row) return corrupt_record();
    page.rows.push_back(std::move(*row));
  }
  if (more) page.next = page_token(found.back().entry);
  return success();
}

Result<RowPage> KvEngine::query(std::string_view collection, const Query& query) {
  const Layout* layout = layouts_.find(collection);
  if (layout == nullptr) return no_collection(collection);
  PORTEIRO_TRY(KvReader * reader, kv_->begin_read());
  const Reading reading{*kv_};
  RowPage page;
  PORTEIRO_TRY(walk_rows(*reader, *layout, query, page));
  return page;
}

Result<std::optional<std::string>> KvEngine::blob(std::string_view space, std::string_view name) {
  PORTEIRO_TRY(check_blob_name(space, name));
  PORTEIRO_TRY(KvReader * reader, kv_->begin_read());
  const Reading reading{*kv_};
  PORTEIRO_TRY(const auto value, reader->get(blobs_space, blob_key(space, name)));
  if (!value) return std::optional<std::string>();
  return std::optional<std::string>(*value);
}

Result<std::vector<Change>> KvEngine::changes(std::uint64_t after, std::size_t limit) {
  PORTEIRO_TRY(KvReader * reader, kv_->begin_read());
  const Reading reading{*kv_};
  std::vector<Change> found;
  std::uint64_t last = 0;
  bool readable = true;
  PORTEIRO_TRY(reader->scan(feed_space, "", std::nullopt, true,
                            [&last](std::string_view key, std::string_view) {
                              last = number_of(key);
                              return false;
                            }));
  if (after > last) return stale_feed();
  if (after == last || limit == 0) return found;
  PORTEIRO_TRY(reader->scan(feed_space, number_key(after + 1), std::nullopt, false,
                            [&](std::string_view key, std::string_view value) {
                              auto change = read_change(number_of(key), value);
                              readable = change.has_value();
                              if (readable) found.push_back(std::move(*change));
                              return readable && found.size() < limit;
                            }));
  if (!readable) return corrupt_record();
  if (found.front().sequence != after + 1) return stale_feed();
  return found;
}

std::uint64_t KvEngine::last_sequence() {
  auto reader = kv_->begin_read();
  if (!reader) return 0;
  const Reading reading{*kv_};
  std::uint64_t last = 0;
  const auto scanned = reader.value()->scan(feed_space, "", std::nullopt, true,
                                            [&last](std::string_view key, std::string_view) {
                                              last = number_of(key);
                                              return false;
                                            });
  return scanned ? last : 0;
}

Result<void> KvEngine::clear() {
  PORTEIRO_TRY(KvWriter * writer, kv_->begin_write());
  for (const Space space : {blobs_space, once_space, once_at_space, feed_space}) {
    writer->clear(space);
  }
  for (const Spaces& spaces : spaces_) {
    writer->clear(spaces.rows);
    for (const Space index : spaces.indexes) writer->clear(index);
  }
  if (writer->failure()) {
    const Error failure = *writer->failure();
    kv_->abort();
    return failure;
  }
  PORTEIRO_TRY(kv_->commit());
  sequence_ = 0;
  feed_first_ = 1;
  return success();
}

}  // namespace porteiro::stores
