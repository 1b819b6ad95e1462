#include "porteiro/lambda/sealing.hpp"

#include <algorithm>

namespace porteiro::lambda {
namespace {

bool fits(const access::Rule& rule, std::string_view purpose,
          const kms::EncryptionContext& context) {
  const auto& purposes = rule.purposes;
  if (!purposes.empty() && std::find(purposes.begin(), purposes.end(), purpose) == purposes.end()) {
    return false;
  }
  return std::all_of(rule.context.begin(), rule.context.end(), [&](const auto& pair) {
    const auto found = context.find(pair.first);
    return found != context.end() && found->second == pair.second;
  });
}

}  // namespace

Result<void> Sealing::check(std::string_view action, std::string_view key,
                            const kms::EncryptionContext& context, const stores::Cause& cause) {
  if (!guard_.layers().roles) return ok();
  // It stands in a text that anybody may have made: only a key of the config is named.
  if (!sealer_.knows(key)) key = "unknown";
  const access::Right right = guard_.right(asker_.role, action, key);
  access::Reason reason = right.reason;
  if (reason == access::Reason::allowed && asker_.zone == access::Zone::public_zone) {
    reason = access::Reason::zone;
  }
  const bool any = std::any_of(right.rules.begin(), right.rules.end(), [&](const auto* rule) {
    return fits(*rule, cause.purpose, context);
  });
  if (reason == access::Reason::allowed && !any) reason = access::Reason::context;
  if (reason == access::Reason::allowed) return ok();
  return guard_.deny({.principal = asker_.name,
                      .role = asker_.role,
                      .zone = asker_.zone,
                      .action = action,
                      .resource = key,
                      .purpose = cause.purpose,
                      .client = cause.client,
                      .trace = cause.trace},
                     reason);
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
