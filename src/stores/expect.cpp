#include "stores/expect.hpp"

namespace porteiro::stores {

using BOOST_OUTCOME_V2_NAMESPACE::success;

Result<void> check_expected(const Layout& layout, const Expect& expect, std::uint64_t version) {
  const std::string& at = layout.collection.name;
  switch (expect.kind) {
    case Expect::Kind::anything:
      return success();
    case Expect::Kind::absent:
      if (version == 0) return success();
      return error(Errc::conflict, "there is a record with this key already", at);
    case Expect::Kind::present:
      if (version != 0) return success();
      return error(Errc::conflict, "there is no record with this key", at);
    case Expect::Kind::version:
      if (version == expect.version) return success();
      return error(Errc::conflict,
                   "the record has another version than expected: read it again and decide anew",
                   at);
  }
  return success();
}

Result<void> check_subject(const Layout& layout, std::string_view before, const Row& row) {
  if (before.empty() || before == row.subject) return success();
  return error(Errc::conflict,
               "there is a record with this key already that belongs to another data subject",
               layout.collection.name + "." + layout.collection.key);
}

Error refers_to_nothing(const Layout& layout, const Field& reference) {
  return error(Errc::conflict,
               "there is no such record in " + reference.reference + ": it has to be written first",
               layout.collection.name + "." + reference.name);
}

Error still_referenced(const Layout& layout, const Layout& by) {
  return error(Errc::conflict,
               "a record of " + by.collection.name + " still refers to it: erase that one first",
               layout.collection.name + "." + layout.collection.key);
}

Error blob_differs(const operation::PutBlob& put) {
  return error(Errc::conflict, "there is another value under this name already", put.space);
}

}  // namespace porteiro::stores
