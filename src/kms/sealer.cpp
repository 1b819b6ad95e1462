#include <optional>

#include "porteiro/base/bytes.hpp"
#include "porteiro/kms/key_cache.hpp"

namespace porteiro::kms {
namespace {

constexpr char format_version = 1;

std::string seal_with(KeyCache::Entry& entry, std::string_view context, std::string_view plaintext,
                      Entropy& entropy) {
  std::string sealed;
  sealed.reserve(1 + 4 + entry.wrapped.size() + sealed_overhead_bytes + plaintext.size());
  sealed += format_version;
  append_sized(sealed, entry.wrapped);
  std::string aad;
  aad.reserve(sealed.size() + context.size());
  aad.append(sealed).append(context);
  sealed += entry.cipher.seal(plaintext, aad, entropy);
  return sealed;
}

struct Parts {
  std::string_view header, wrapped, box;
};

std::optional<Parts> parse(std::string_view sealed) {
  if (sealed.empty() || sealed.front() != format_version) return std::nullopt;
  ByteReader reader(sealed.substr(1));
  const auto wrapped = reader.sized();
  if (!wrapped) return std::nullopt;
  const std::string_view box = reader.rest();
  return Parts{sealed.substr(0, sealed.size() - box.size()), *wrapped, box};
}

Result<std::string> unseal_with(KeyCache::Entry& entry, const Parts& parts,
                                std::string_view context) {
  std::string aad;
  aad.reserve(parts.header.size() + context.size());
  aad.append(parts.header).append(context);
  return entry.cipher.open(parts.box, aad);
}

}  // namespace

void Sealer::seal(std::string_view key, const EncryptionContext& context, std::string plaintext,
                  Id trace, Done done) {
  std::string canonical;
  append_canonical(canonical, context);
  if (const auto entry = cache_.cached_current(key, context)) {
    return done(seal_with(*entry, canonical, plaintext, environment_.entropy));
  }
  cache_.current(key, context, trace,
                 [&entropy = environment_.entropy, canonical = std::move(canonical),
                  plaintext = std::move(plaintext),
                  done = std::move(done)](Result<KeyCache::Shared> entry) mutable {
                   if (!entry) return done(std::move(entry).error());
                   done(seal_with(*entry.value(), canonical, plaintext, entropy));
                 });
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
    return done(unseal_with(*entry, *parts, canonical));
  }
  const std::string wrapped(parts->wrapped);
  cache_.unwrap(wrapped, context, trace,
                [canonical = std::move(canonical), sealed = std::move(sealed),
                 done = std::move(done)](Result<KeyCache::Shared> entry) mutable {
                  if (!entry) return done(std::move(entry).error());
                  done(unseal_with(*entry.value(), *parse(sealed), canonical));
                });
}

}  // namespace porteiro::kms
