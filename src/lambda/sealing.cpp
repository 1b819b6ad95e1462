#include "porteiro/lambda/sealing.hpp"

namespace porteiro::lambda {

Result<void> Sealing::check(std::string_view action, std::string_view key,
                            const kms::EncryptionContext& context, const stores::Cause& cause) {
  // It stands in a text that anybody may have made: only a key of the config is named.
  if (!sealer_.knows(key)) key = "unknown";
  return guard_.check({.principal = asker_.name,
                       .role = asker_.role,
                       .zone = asker_.zone,
                       .action = action,
                       .resource = key,
                       .purpose = cause.purpose,
                       .client = cause.client,
                       .trace = cause.trace},
                      access::Zone::private_zone, &context);
}

void Sealing::seal(std::string_view key, const kms::EncryptionContext& context,
                   std::string plaintext, const stores::Cause& cause, Done done) {
  if (auto may = check(access::action::kms_generate, key, context, cause); !may) {
    return done(may.error());
  }
  sealer_.seal(key, context, std::move(plaintext), cause.trace, std::move(done));
}

void Sealing::unseal(std::string sealed, const kms::EncryptionContext& context,
                     const stores::Cause& cause, Done done) {
  const std::string_view key = kms::Sealer::key_of(sealed);
  if (auto may = check(access::action::kms_decrypt, key, context, cause); !may) {
    return done(may.error());
  }
  sealer_.unseal(std::move(sealed), context, cause.trace, std::move(done));
}

}  // namespace porteiro::lambda
