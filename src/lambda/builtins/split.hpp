// Takes a document apart into the records of several collections.
#pragma once
#include "lambda/builtins/with.hpp"

namespace porteiro::lambda::builtins {

struct Part {
  const stores::Collection* collection;
  std::vector<std::string> path;  // From the document: "$" is none, "$.debts[*]" is debts.
  bool many = false;              // [*]: each item of the list there is a record.
  // Fields that refer to another part's one record: (field, the part's place).
  std::vector<std::pair<std::string, std::size_t>> links;

  std::string place() const;  // "body.debts"
};

// From `split` or `collection`; the parts nearer to the root come first. Errors: invalid.
Result<std::vector<Part>> read_parts(const With& with, const stores::Access& store);

// The records of each part; what they are made of is taken out of the document. Absent parts have
// none. Errors: invalid, at the place in the body.
Result<std::vector<std::vector<nlohmann::json>>> take_apart(const std::vector<Part>& parts,
                                                            nlohmann::json document);

}  // namespace porteiro::lambda::builtins
