// The fixed spaces of the key-value engines and what is in them. See docs/store-format.md.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/stores/engine.hpp"
#include "stores/kv.hpp"

namespace porteiro::stores {

inline constexpr Space meta_space = 0, blobs_space = 1, once_space = 2, once_at_space = 3,
                       feed_space = 4;

inline constexpr std::string_view format_key = "format", schema_key = "schema",
                                  indexes_key = "indexes";  // In the space of meta.

std::string number_key(std::uint64_t number);  // Eight bytes that order as the numbers do.
std::uint64_t number_of(std::string_view key);
std::string blob_key(std::string_view space, std::string_view name);
std::string write_change(const Change& change);
std::optional<Change> read_change(std::uint64_t sequence, std::string_view bytes);
std::optional<Row> read_whole_row(std::string_view key, std::string_view bytes);

Error corrupt_record();
Error stale_feed();

}  // namespace porteiro::stores
