#include <algorithm>

#include "protocols/sqs/actions.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::size_t entries_max = 10;
constexpr std::size_t id_max = 80;

bool valid_id(std::string_view id) {
  return !id.empty() && id.size() <= id_max && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace

Answer<void> check_batch(const Input& input, std::string_view entry) {
  const auto& entries = input.entries;
  if (entries.empty()) {
    return Failure{&empty_batch,
                   "There should be at least one " + std::string(entry) + " in the request."};
  }
  if (entries.size() > entries_max) {
    return Failure{&too_many_entries,
                   "Maximum number of entries per request are 10. You have sent " +
                       std::to_string(entries.size()) + "."};
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].id) {
      return aws::missing(std::string(entry) + "." + std::to_string(i + 1) + ".Id");
    }
    if (!valid_id(*entries[i].id)) {
      return Failure{&bad_entry_id,
                     "A batch entry id can only contain alphanumeric characters, hyphens and "
                     "underscores. It can be at most 80 letters long."};
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (*entries[k].id != *entries[i].id) continue;
      return Failure{&ids_not_distinct, "Id " + std::string(*entries[i].id) + " repeated."};
    }
  }
  return ok();
}

void write_failed(aws::Writer& out, std::string_view id, const Failure& failure) {
  constexpr std::string_view tag = "BatchResultErrorEntry";
  out.open_item(tag);
  out.text("Id", id);
  out.boolean("SenderFault", failure.kind->status < 500);
  out.text("Code", failure.kind->query_code);
  out.text("Message", failure.message);
  out.close_item(tag);
}

}  // namespace porteiro::protocols::sqs
