#include <optional>

#include "porteiro/base/bytes.hpp"
#include "porteiro/kms/key_cache.hpp"

namespace porteiro::kms {
namespace {

constexpr char plain_version = 1, subject_version = 2;
constexpr std::string_view subject_purpose = "porteiro subject";

struct Parts {
  std::string_view header, wrapped, box;
  std::string_view subject, number;  // Empty: it is sealed for nobody.
};

std::optional<Parts> parse(std::string_view sealed) {
  if (sealed.empty()) return std::nullopt;
  const bool of_subject = sealed.front() == subject_version;
  if (!of_subject && sealed.front() != plain_version) return std::nullopt;
  ByteReader reader(sealed.substr(1));
  const auto wrapped = reader.sized();
  const auto subject = of_subject ? reader.sized() : std::string_view();
  const auto number = of_subject ? reader.sized() : std::string_view();
  if (!wrapped || !subject || !number || (of_subject && subject->empty())) return std::nullopt;
  const std::string_view box = reader.rest();
  return Parts{sealed.substr(0, sealed.size() - box.size()), *wrapped, box, *subject, *number};
}

// What seals a subject's texts: neither the data key nor the subject's secret gives it alone.
Cipher subject_cipher(const Secret& secret, const Secret& data_key) {
  Hmac hmac(secret);
  std::string message(subject_purpose);
  message += data_key.view();
  const auto mac = hmac(message);
  wipe(message);
  return Cipher(Secret(std::string_view(mac.data(), mac.size())));
}

std::string seal_with(KeyCache::Entry& entry, const SubjectSecrets::Entry* secret,
                      std::string_view subject, std::string_view context,
                      std::string_view plaintext, Entropy& entropy) {
  std::string sealed;
  sealed.reserve(24 + subject.size() + entry.wrapped.size() + sealed_overhead_bytes +
                 plaintext.size());
  sealed += secret == nullptr ? plain_version : subject_version;
  append_sized(sealed, entry.wrapped);
  if (secret != nullptr) {
    append_sized(sealed, subject);
    append_sized(sealed, secret->number);
  }
  std::string aad;
  aad.reserve(sealed.size() + context.size());
  aad.append(sealed).append(context);
  if (secret == nullptr) {
    sealed += entry.cipher.seal(plaintext, aad, entropy);
  } else {
    sealed += subject_cipher(secret->secret, entry.secret).seal(plaintext, aad, entropy);
  }
  return sealed;
}

Result<std::string> unseal_with(KeyCache::Entry& entry, const Parts& parts,
                                std::string_view context, SubjectSecrets* subjects) {
  std::string aad;
  aad.reserve(parts.header.size() + context.size());
  aad.append(parts.header).append(context);
  if (parts.subject.empty()) return entry.cipher.open(parts.box, aad);
  std::optional<Secret> secret;
  if (subjects != nullptr) {
    PORTEIRO_TRY(secret, subjects->find(parts.subject, parts.number));
  }
  if (!secret) return error(Errc::not_found, "the person that the sealed text is about was erased");
  return subject_cipher(*secret, entry.secret).open(parts.box, aad);
}

}  // namespace

// See docs/kms-format.md: a blob begins with its version and the name of its key.
std::string_view Sealer::key_of(std::string_view sealed) {
  const auto parts = parse(sealed);
  constexpr char named_blob = 1;
  if (!parts || parts->wrapped.empty() || parts->wrapped.front() != named_blob) return {};
  ByteReader reader(parts->wrapped.substr(1));
  return reader.sized().value_or(std::string_view());
}

void Sealer::seal(std::string_view key, const EncryptionContext& context, std::string plaintext,
                  Id trace, Done done, std::string_view subject) {
  std::string canonical;
  append_canonical(canonical, context);
  if (subject.empty() || subjects_ == nullptr) {
    if (const auto entry = cache_.cached_current(key, context)) {
      return done(seal_with(*entry, nullptr, {}, canonical, plaintext, environment_.entropy));
    }
    return cache_.current(
        key, context, trace,
        [&entropy = environment_.entropy, canonical = std::move(canonical),
         plaintext = std::move(plaintext),
         done = std::move(done)](Result<KeyCache::Shared> entry) mutable {
          if (!entry) return done(std::move(entry).error());
          done(seal_with(*entry.value(), nullptr, {}, canonical, plaintext, entropy));
        });
  }
  auto with_key = [subjects = subjects_, &entropy = environment_.entropy,
                   canonical = std::move(canonical), plaintext = std::move(plaintext),
                   subject = std::string(subject),
                   done = std::move(done)](Result<KeyCache::Shared> entry) mutable {
    if (!entry) return done(std::move(entry).error());
    const std::string whose = subject;
    subjects->obtain(
        whose, [entry = std::move(entry).value(), &entropy, canonical = std::move(canonical),
                plaintext = std::move(plaintext), subject = std::move(subject),
                done = std::move(done)](Result<SubjectSecrets::Entry> secret) mutable {
          if (!secret) return done(secret.error());
          done(seal_with(*entry, &secret.value(), subject, canonical, plaintext, entropy));
        });
  };
  if (auto entry = cache_.cached_current(key, context)) return with_key(std::move(entry));
  cache_.current(key, context, trace, std::move(with_key));
}

void Sealer::unseal(std::string sealed, const EncryptionContext& context, Id trace, Done done) {
  const auto parts = parse(sealed);
  if (!parts) {
    return done(
        error(Errc::corrupt, "a sealed text is damaged, or is none that this version made"));
  }
  std::string canonical;
  append_canonical(canonical, context);
  // The box is bound to its context itself, so a key that another context unwrapped gives nothing
  // away.
  if (const auto entry = cache_.cached(parts->wrapped)) {
    return done(unseal_with(*entry, *parts, canonical, subjects_));
  }
  const std::string wrapped(parts->wrapped);
  cache_.unwrap(wrapped, context, trace,
                [subjects = subjects_, canonical = std::move(canonical), sealed = std::move(sealed),
                 done = std::move(done)](Result<KeyCache::Shared> entry) mutable {
                  if (!entry) return done(std::move(entry).error());
                  done(unseal_with(*entry.value(), *parse(sealed), canonical, subjects));
                });
}

}  // namespace porteiro::kms
