// The secrets of data subjects, which their sealed texts (bodies of events, kept replies) need:
// made when they are first asked for, kept in files of their own, and destroyed by overwriting
// them. Alone they open nothing. See docs/erasure.md. Belongs to the loop; what blocks is done on a
// lane.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "porteiro/base/environment.hpp"
#include "porteiro/kms/key_cache.hpp"

namespace porteiro::stores {

class SubjectSecrets : public kms::SubjectSecrets {
 public:
  // `directory` is the emulator's data directory, whose `subjects/events` keeps them; empty: in
  // memory. `sync`: each new secret is synced; a destruction always is. Errors: corrupt,
  // unavailable.
  static Result<std::unique_ptr<SubjectSecrets>> open(const std::string& directory, bool sync,
                                                      Environment& environment);

  // No sealed text of the subject can be opened afterwards, in whatever copy. True: it had a
  // secret. In the order of the calls of obtain(). Errors: unavailable.
  virtual void destroy(std::string_view subject, UniqueFunction<void(Result<bool>)> done) = 0;
  virtual Result<void> reset() = 0;  // Destroys all. Those who wait get `unavailable`.
};

}  // namespace porteiro::stores
