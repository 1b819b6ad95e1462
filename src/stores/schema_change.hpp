// What may change between two starts on the same data: collections, optional fields, values of an
// enum and indexes may come, nothing may go or change.
#pragma once
#include <string>
#include <string_view>

#include "stores/layout.hpp"

namespace porteiro::stores {

// Compares the kept schema (Layouts::to_json as text) with the present one. Errors: invalid, with
// what differs and the way out; corrupt (the kept one cannot be read).
Result<void> check_schema_change(std::string_view kept, const Layouts& now);

}  // namespace porteiro::stores
