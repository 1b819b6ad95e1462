// The ciphertexts that the ring's symmetric keys make (docs/kms-format.md).
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "porteiro/kms/keyring.hpp"

namespace porteiro::kms {
namespace {

constexpr char named_blob = 1;  // The versions of the ciphertext's format.
constexpr char id_blob = 2;

struct Blob {
  std::string_view key, header, sealed;
  std::optional<Id> id;  // Else `key` is a name.
  std::uint32_t version;
};

std::string blob_header(const Key& key) {
  std::string header;
  header.reserve(21 + key.name.size());
  if (key.declared()) {
    header += named_blob;
    append_sized(header, key.name);
  } else {
    header += id_blob;
    append_u64(header, key.id.high);
    append_u64(header, key.id.low);
  }
  append_u32(header, key.current().number);
  return header;
}

std::optional<Blob> parse_blob(std::string_view blob) {
  if (blob.empty()) return std::nullopt;
  ByteReader reader(blob.substr(1));
  Blob parsed;
  if (blob.front() == named_blob) {
    const auto key = reader.sized();
    if (!key) return std::nullopt;
    parsed.key = *key;
  } else if (blob.front() == id_blob) {
    const auto high = reader.u64(), low = reader.u64();
    if (!high || !low) return std::nullopt;
    parsed.id = Id{*high, *low};
  } else {
    return std::nullopt;
  }
  const auto version = reader.u32();
  if (!version) return std::nullopt;
  parsed.version = *version;
  parsed.sealed = reader.rest();
  parsed.header = blob.substr(0, blob.size() - parsed.sealed.size());
  return parsed;
}

Error bad_ciphertext() {
  return error(Errc::corrupt,
               "the ciphertext is damaged, was not made here, or belongs to another encryption "
               "context");
}

}  // namespace

void append_canonical(std::string& out, const EncryptionContext& context) {
  append_u32(out, static_cast<std::uint32_t>(context.size()));
  for (const auto& [name, value] : context) {
    append_sized(out, name);
    append_sized(out, value);
  }
}

Cipher& Key::cipher(const KeyVersion& version) {
  auto found = ciphers_.find(version.number);
  if (found == ciphers_.end()) {
    const Secret secret(version.material.view());
    found = ciphers_.emplace(version.number, Cipher(secret)).first;
  }
  return found->second;
}

std::string Keyring::seal(Key& key, std::string_view plaintext, const EncryptionContext& context) {
  rotate_if_due(key);
  std::string blob = blob_header(key);
  std::string aad;
  aad.reserve(blob.size() + 64);
  aad.append(blob);
  append_canonical(aad, context);
  blob.reserve(blob.size() + sealed_overhead_bytes + plaintext.size());
  key.cipher(key.current()).seal_to(blob, plaintext, aad, environment_.entropy);
  return blob;
}

std::optional<Key*> Keyring::key_of(std::string_view text) {
  const auto blob = parse_blob(text);
  if (!blob) return std::nullopt;
  return blob->id ? find(*blob->id) : find_named(blob->key);
}

Result<std::string> Keyring::open(Key& key, std::string_view text, const EncryptionContext& context,
                                  std::uint32_t* number) {
  const auto blob = parse_blob(text);
  if (!blob) return bad_ciphertext();
  const bool ours =
      blob->id ? *blob->id == key.id && !key.declared() : key.declared() && blob->key == key.name;
  const KeyVersion* const version = ours ? key.version(blob->version) : nullptr;
  if (version == nullptr || key.spec != KeySpec::symmetric_default) return bad_ciphertext();
  std::string aad(blob->header);
  append_canonical(aad, context);
  auto plaintext = key.cipher(*version).open(blob->sealed, aad);
  if (!plaintext) return bad_ciphertext();
  if (number != nullptr) *number = version->number;
  return plaintext;
}

}  // namespace porteiro::kms
