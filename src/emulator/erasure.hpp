// The erasure of a person from all that a running emulator holds; docs/erasure.md says what becomes
// of each copy.
#pragma once
#include <string>
#include <string_view>

#include "porteiro/access/access.hpp"
#include "porteiro/emulator/options.hpp"
#include "porteiro/events/event_log.hpp"
#include "porteiro/kms/tokens.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/readmodels/read_models.hpp"
#include "porteiro/stores/store.hpp"
#include "porteiro/stores/subject_secrets.hpp"

namespace porteiro::emulator {

// All of an emulator that may hold something of a person. Borrowed; has to outlive the erasure.
struct Holders {
  const Options& options;
  Environment& environment;
  journal::Journal& journal;
  kms::Tokens& tokens;
  stores::SubjectSecrets* secrets;  // Null: no text is sealed for anybody.
  stores::Stores& stores;
  queue::Queues& queues;
  events::EventLog& events;
  readmodels::ReadModels& models;
  access::Guard& guard;
};

// `value` in clear or as its token. `done` gets the answer as JSON when all is durable, and is
// dropped when `alive` has died. It may be asked for again, after an error too: what is done stays
// done. It is an entry of the audit log before it begins; one that fails has a second entry.
// Errors: not_found (no such token), invalid (a value not of its format), unavailable (also: the
// audit log cannot be written, and nothing was done), those of stores::Store::erase_subject;
// Error::at names the store.
void erase_person(Holders holders, std::string_view token_name, std::string_view value,
                  std::weak_ptr<void> alive, UniqueFunction<void(Result<std::string>)> done);

}  // namespace porteiro::emulator
