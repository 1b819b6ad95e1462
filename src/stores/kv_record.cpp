#include "stores/kv_record.hpp"

#include "porteiro/base/bytes.hpp"

namespace porteiro::stores {

namespace {

// Reads the parts of a record one after the other; `fine` turns false at the first that is missing.
struct RowReader {
  ByteReader reader;
  bool fine = true;

  template <class T>
  T take(std::optional<T> part) {
    fine = fine && part.has_value();
    return fine ? *part : T();
  }
  std::uint32_t u32() { return take(reader.u32()); }
  std::uint64_t u64() { return take(reader.u64()); }
  std::string_view sized() { return take(reader.sized()); }
};

}  // namespace

std::string write_record(const RecordView& record) {
  std::string out;
  out.reserve(128 + record.open.size() + record.sensitive_box.size() +
              record.restricted_box.size());
  append_u64(out, record.version);
  append_sized(out, record.subject);
  append_sized(out, record.open);
  append_sized(out, record.sensitive_box);
  append_sized(out, record.restricted_box);
  append_u32(out, static_cast<std::uint32_t>(record.lists.size()));
  for (const RecordList& list : record.lists) {
    append_sized(out, list.name);
    append_u32(out, list.offset);
    append_u32(out, list.bytes);
    append_u32(out, list.items);
  }
  append_u32(out, static_cast<std::uint32_t>(record.hidden.size()));
  for (const auto& [name, token] : record.hidden) {
    append_sized(out, name);
    append_sized(out, token);
  }
  append_u32(out, static_cast<std::uint32_t>(record.values.size()));
  for (const std::string_view value : record.values) append_sized(out, value);
  return out;
}

std::optional<RecordView> read_record(std::string_view bytes) {
  RowReader parts{ByteReader(bytes)};
  RecordView record;
  record.version = parts.u64();
  record.subject = parts.sized();
  record.open = parts.sized();
  record.sensitive_box = parts.sized();
  record.restricted_box = parts.sized();
  for (std::uint32_t left = parts.u32(); parts.fine && left > 0; --left) {
    RecordList& list = record.lists.emplace_back();
    list.name = parts.sized();
    list.offset = parts.u32();
    list.bytes = parts.u32();
    list.items = parts.u32();
    parts.fine = parts.fine && list.bytes >= 2 && list.offset <= record.open.size() &&
                 list.bytes <= record.open.size() - list.offset;
  }
  for (std::uint32_t left = parts.u32(); parts.fine && left > 0; --left) {
    const std::string_view name = parts.sized();
    record.hidden.emplace_back(name, parts.sized());
  }
  for (std::uint32_t left = parts.u32(); parts.fine && left > 0; --left) {
    record.values.push_back(parts.sized());
  }
  if (!parts.fine || !parts.reader.rest().empty()) return std::nullopt;
  return record;
}

std::optional<StoredRow> read_row(std::string_view key, std::string_view bytes) {
  RowReader parts{ByteReader(bytes)};
  StoredRow row;
  row.key = key;
  row.version = parts.u64();
  row.subject = parts.sized();
  row.open = parts.sized();
  row.sensitive_box = parts.sized();
  row.restricted_box = parts.sized();
  if (!parts.fine) return std::nullopt;
  return row;
}

}  // namespace porteiro::stores
