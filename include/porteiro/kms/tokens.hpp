// Deterministic tokens in place of restricted values: the same value gives the same token, and
// nobody without the key can go back or forth. `cpf` → "cpf_Zk3…" (the name, then 128 bits of
// HMAC-SHA256 in base64url). Each name's HMAC key is derived once, at start, by one KMS
// GenerateMac, so tokens cost no KMS calls afterwards and stay the same as long as the KMS key
// does. Belongs to the loop.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/kms/kms.hpp"

namespace porteiro::kms {

struct TokenOptions {
  std::string name;    // Of the token, e.g. "cpf".
  std::string key;     // An HMAC_256 key.
  std::string format;  // The format whose canonical form is tokenised; may be empty: as it is.
};

class Tokens {
 public:
  static constexpr unsigned start_attempts_max = 10;  // Refused calls that one start bears.

  // Borrows both. `scheduler` lets start() wait between attempts; without it they follow at once.
  Tokens(Kms& kms, std::vector<TokenOptions> options, Scheduler* scheduler = nullptr);
  ~Tokens();

  // Derives the keys; called once. A call that KMS refuses for now (unavailable) is made again,
  // after 250 ms, then twice that, up to 2 s: a throttled KMS delays the start by up to 14 s before
  // it fails it. Other errors fail it at once. `done` runs at once when there are no tokens.
  void start(UniqueFunction<void(Result<void>)> done);

  // Errors: not_found (no such token name), invalid (not of the format; the value is not named),
  // unavailable (start() has not ended).
  Result<std::string> make(std::string_view name, std::string_view value) const;
  static bool looks_like(std::string_view name, std::string_view text);  // Has a token's form.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::kms
