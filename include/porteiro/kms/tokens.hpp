// Deterministic tokens in place of restricted values: the same value gives the same token, and
// nobody without the key can go back or forth. `cpf` → "cpf_Zk3…" (the name, then 128 bits of
// HMAC-SHA256 in base64url). The HMAC key is derived once, at start, by one KMS GenerateMac.
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
  Tokens(Kms& kms, std::vector<TokenOptions> options);
  ~Tokens();
  void start(UniqueFunction<void(Result<void>)> done);  // Fetches the derived keys. Retried by none.

  // Errors: not_found (no such token name), invalid (not of the format; the value is not named).
  Result<std::string> make(std::string_view name, std::string_view value) const;
  static bool looks_like(std::string_view name, std::string_view text);  // Has a token's form.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::kms
