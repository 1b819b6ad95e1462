// A row as the key-value engines keep it: one string, laid out as docs/store-format.md says.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stores/layout.hpp"

namespace porteiro::stores {

struct RecordList {
  std::string_view name;
  std::uint32_t offset = 0, bytes = 0, items = 0;  // Within `open`.
};

struct RecordView {  // Into the string it was read from.
  std::uint64_t version = 0;
  std::string_view subject, open, sensitive_box, restricted_box;
  std::vector<RecordList> lists;
  std::vector<std::pair<std::string_view, std::string_view>> hidden;
  std::vector<std::string_view> values;  // Of the indexes, in the order of the layout.
};

std::string write_record(const RecordView& record);
std::optional<RecordView> read_record(std::string_view bytes);  // nullopt: not a record.
std::optional<StoredRow> read_row(std::string_view key, std::string_view bytes);  // The same.

}  // namespace porteiro::stores
