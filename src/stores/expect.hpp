// The refusals that all engines word alike.
#pragma once
#include "stores/layout.hpp"

namespace porteiro::stores {

// `version`: of the row that is there, 0 for none. Errors: conflict.
Result<void> check_expected(const Layout& layout, const Expect& expect, std::uint64_t version);

// A record stays with its data subject: a put cannot take it away from one for another. `before`:
// of the row that is there, empty for none. Errors: conflict.
Result<void> check_subject(const Layout& layout, std::string_view before, const Row& row);

Error refers_to_nothing(const Layout& layout, const Field& reference);
Error still_referenced(const Layout& layout, const Layout& by);
Error blob_differs(const operation::PutBlob& put);

}  // namespace porteiro::stores
