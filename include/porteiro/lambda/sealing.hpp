// Sealed texts as one function opens and makes them: under its role, which has to allow
// kms:Decrypt on the key that the text names, or kms:GenerateDataKey on the key that seals.
#pragma once
#include <string>
#include <string_view>

#include "porteiro/access/access.hpp"
#include "porteiro/kms/key_cache.hpp"
#include "porteiro/stores/access.hpp"

namespace porteiro::lambda {

class Sealing {
 public:
  // Borrows all.
  Sealing(kms::Sealer& sealer, access::Guard& guard, const stores::Asker& asker)
      : sealer_(sealer), guard_(guard), asker_(asker) {}
  using Done = kms::Sealer::Done;
  // As kms::Sealer's members; `done` may run at once. Errors also: denied.
  void seal(std::string_view key, const kms::EncryptionContext& context, std::string plaintext,
            const stores::Cause& cause, Done done);
  void unseal(std::string sealed, const kms::EncryptionContext& context, const stores::Cause& cause,
              Done done);

 private:
  Result<void> check(std::string_view action, std::string_view key,
                     const kms::EncryptionContext& context, const stores::Cause& cause);

  kms::Sealer& sealer_;
  access::Guard& guard_;
  const stores::Asker& asker_;
};

}  // namespace porteiro::lambda
