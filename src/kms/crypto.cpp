#include "porteiro/kms/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <climits>

namespace porteiro::kms {
namespace {

constexpr std::size_t iv_bytes = 12;
constexpr std::size_t tag_bytes = 16;
static_assert(iv_bytes + tag_bytes == sealed_overhead_bytes);

// The system's openssl.cnf could load providers dynamically: a static build cannot, and no build
// should behave differently because of it. The tables of names and error texts that are left out
// serve older interfaces than ours, and would cost more than all the rest of a start.
void initialise() {
  static const bool done =
      OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                              OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
                          nullptr) == 1;
  PORTEIRO_ASSERT(done);
}

// The algorithms: each fetched once, when it is first used (a fetch takes up to 0.4 ms). They stay
// until the process ends.
template <auto fetch>
auto* fetched(const char* name) {
  static auto* const algorithm = [name] {
    initialise();
    auto* const found = fetch(nullptr, name, nullptr);
    PORTEIRO_ASSERT(found != nullptr);
    return found;
  }();
  return algorithm;
}

EVP_CIPHER* aes_256_gcm() { return fetched<EVP_CIPHER_fetch>("AES-256-GCM"); }
EVP_MAC* hmac() { return fetched<EVP_MAC_fetch>("HMAC"); }
EVP_MD* sha_256() { return fetched<EVP_MD_fetch>("SHA256"); }

const EVP_MD* method_of(Digest digest) {
  switch (digest) {
    case Digest::sha1:
      return EVP_sha1();
    case Digest::sha224:
      return EVP_sha224();
    case Digest::sha256:
      return sha_256();
    case Digest::sha384:
      return EVP_sha384();
    case Digest::sha512:
      return EVP_sha512();
  }
  return nullptr;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(char* text) { return reinterpret_cast<unsigned char*>(text); }

int length_of(std::string_view text) {
  PORTEIRO_ASSERT(text.size() <= INT_MAX);
  return static_cast<int>(text.size());
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

struct FreeMac {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

Secret::Secret(std::string_view material) {
  PORTEIRO_ASSERT(material.size() == bytes);
  std::copy(material.begin(), material.end(), data_.begin());
}

Secret::~Secret() { OPENSSL_cleanse(data_.data(), data_.size()); }

Secret Secret::random(Entropy& entropy) {
  Secret secret;
  entropy.fill(std::as_writable_bytes(std::span(secret.data_)));
  return secret;
}

SecretBytes::SecretBytes(std::string_view material)
    : data_(material.empty() ? nullptr : new char[material.size()]), size_(material.size()) {
  std::copy(material.begin(), material.end(), data_.get());
}

SecretBytes& SecretBytes::operator=(SecretBytes other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SecretBytes::~SecretBytes() {
  if (data_ != nullptr) OPENSSL_cleanse(data_.get(), size_);
}

SecretBytes SecretBytes::random(Entropy& entropy, std::size_t size) {
  SecretBytes secret;
  secret.data_.reset(new char[size]);
  secret.size_ = size;
  entropy.fill(std::as_writable_bytes(std::span(secret.data_.get(), size)));
  return secret;
}

// One context a direction, made when first needed: most keys are used in one direction only.
struct Cipher::Contexts {
  Secret key;
  CipherContext sealing, opening;

  // A new IV on a context that has its key skips the key schedule: what makes a box cheap.
  EVP_CIPHER_CTX* start(CipherContext& context, bool seal, const unsigned char* iv) {
    const int direction = seal ? 1 : 0;
    if (!context) {
      context.reset(EVP_CIPHER_CTX_new());
      PORTEIRO_ASSERT(context != nullptr);
      PORTEIRO_ASSERT(EVP_CipherInit_ex2(context.get(), aes_256_gcm(), bytes_of(key.view()), iv,
                                         direction, nullptr) == 1);
    } else {
      PORTEIRO_ASSERT(EVP_CipherInit_ex2(context.get(), nullptr, nullptr, iv, direction, nullptr) ==
                      1);
    }
    return context.get();
  }
};

Cipher::Cipher(const Secret& key) : contexts_(new Contexts{key, nullptr, nullptr}) {}
Cipher::~Cipher() = default;
Cipher::Cipher(Cipher&&) noexcept = default;
Cipher& Cipher::operator=(Cipher&&) noexcept = default;

std::string Cipher::seal(std::string_view plaintext, std::string_view aad, Entropy& entropy) {
  std::string sealed;
  seal_to(sealed, plaintext, aad, entropy);
  return sealed;
}

void Cipher::seal_to(std::string& sealed, std::string_view plaintext, std::string_view aad,
                     Entropy& entropy) {
  const std::size_t begin = sealed.size();
  sealed.resize(begin + sealed_overhead_bytes + plaintext.size());
  entropy.fill(std::as_writable_bytes(std::span(sealed.data() + begin, iv_bytes)));
  unsigned char* const out = bytes_of(sealed.data() + begin);
  EVP_CIPHER_CTX* const context = contexts_->start(contexts_->sealing, true, out);
  int done = 0;
  bool good = true;
  if (!aad.empty()) {
    good = EVP_EncryptUpdate(context, nullptr, &done, bytes_of(aad), length_of(aad)) == 1;
  }
  if (good && !plaintext.empty()) {
    good = EVP_EncryptUpdate(context, out + iv_bytes, &done, bytes_of(plaintext),
                             length_of(plaintext)) == 1;
  }
  unsigned char* const tag = out + iv_bytes + plaintext.size();
  good = good && EVP_EncryptFinal_ex(context, tag, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1;
  PORTEIRO_ASSERT(good);
}

Result<std::string> Cipher::open(std::string_view sealed, std::string_view aad) {
  if (sealed.size() < sealed_overhead_bytes) {
    return error(Errc::corrupt, "a sealed box is too short to be one");
  }
  const std::string_view body = sealed.substr(iv_bytes, sealed.size() - sealed_overhead_bytes);
  std::array<unsigned char, tag_bytes> tag;
  std::copy_n(bytes_of(sealed) + iv_bytes + body.size(), tag_bytes, tag.begin());
  std::string plaintext(body.size(), '\0');
  EVP_CIPHER_CTX* const context = contexts_->start(contexts_->opening, false, bytes_of(sealed));
  int done = 0;
  bool good = true;
  if (!aad.empty()) {
    good = EVP_DecryptUpdate(context, nullptr, &done, bytes_of(aad), length_of(aad)) == 1;
  }
  if (good && !body.empty()) {
    good = EVP_DecryptUpdate(context, bytes_of(plaintext.data()), &done, bytes_of(body),
                             length_of(body)) == 1;
  }
  unsigned char rest[EVP_MAX_BLOCK_LENGTH];
  good = good && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context, rest, &done) == 1;
  if (!good) {
    ERR_clear_error();
    wipe(plaintext);  // What was decrypted before the check failed is nobody's to see.
    return error(Errc::corrupt,
                 "a sealed box does not open: it is damaged, or was sealed with "
                 "another key or for another context");
  }
  return plaintext;
}

struct Hmac::Context {
  Secret key;
  std::unique_ptr<EVP_MAC_CTX, FreeMac> mac;
};

Hmac::Hmac(const Secret& key) : context_(new Context{key, nullptr}) {}
Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

std::array<char, 32> Hmac::operator()(std::string_view message) {
  EVP_MAC_CTX* mac = context_->mac.get();
  if (mac == nullptr) {
    context_->mac.reset(mac = EVP_MAC_CTX_new(hmac()));
    PORTEIRO_ASSERT(mac != nullptr);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                     OSSL_PARAM_construct_end()};
    PORTEIRO_ASSERT(EVP_MAC_init(mac, bytes_of(context_->key.view()), Secret::bytes, parameters) ==
                    1);
  } else {
    PORTEIRO_ASSERT(EVP_MAC_init(mac, nullptr, 0, nullptr) == 1);  // The same key once more.
  }
  std::array<char, 32> out;
  std::size_t written = 0;
  PORTEIRO_ASSERT(EVP_MAC_update(mac, bytes_of(message), message.size()) == 1);
  PORTEIRO_ASSERT(EVP_MAC_final(mac, bytes_of(out.data()), &written, out.size()) == 1);
  PORTEIRO_ASSERT(written == out.size());
  return out;
}

std::array<char, 32> sha256(std::string_view message) {
  std::array<char, 32> out;
  PORTEIRO_ASSERT(EVP_Digest(message.data(), message.size(), bytes_of(out.data()), nullptr,
                             sha_256(), nullptr) == 1);
  return out;
}

std::size_t bytes_of(Digest digest) {
  constexpr std::array<std::size_t, 5> sizes{20, 28, 32, 48, 64};
  return sizes[static_cast<std::size_t>(digest)];
}

std::string digest_of(Digest digest, std::string_view message) {
  std::string out(bytes_of(digest), '\0');
  initialise();
  PORTEIRO_ASSERT(EVP_Digest(message.data(), message.size(), bytes_of(out.data()), nullptr,
                             method_of(digest), nullptr) == 1);
  return out;
}

std::string mac_of(Digest digest, const SecretBytes& key, std::string_view message) {
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> mac(EVP_MAC_CTX_new(hmac()));
  PORTEIRO_ASSERT(mac != nullptr);
  std::string name = EVP_MD_get0_name(method_of(digest));
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", name.data(), 0),
                                   OSSL_PARAM_construct_end()};
  std::string out(bytes_of(digest), '\0');
  std::size_t written = 0;
  const std::string_view material = key.view();
  PORTEIRO_ASSERT(EVP_MAC_init(mac.get(), bytes_of(material), material.size(), parameters) == 1 &&
                  EVP_MAC_update(mac.get(), bytes_of(message), message.size()) == 1 &&
                  EVP_MAC_final(mac.get(), bytes_of(out.data()), &written, out.size()) == 1);
  PORTEIRO_ASSERT(written == out.size());
  return out;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Secret derive(std::string_view passphrase, std::string_view salt) {
  constexpr std::uint64_t n = 1U << 15, r = 8, p = 1;
  constexpr std::uint64_t memory_bytes_max = 64U << 20;  // It needs 128 × n × r = 32 MiB and a bit.
  initialise();
  std::array<char, Secret::bytes> out;
  PORTEIRO_ASSERT(EVP_PBE_scrypt(passphrase.data(), passphrase.size(), bytes_of(salt), salt.size(),
                                 n, r, p, memory_bytes_max, bytes_of(out.data()), out.size()) == 1);
  Secret secret(std::string_view(out.data(), out.size()));
  OPENSSL_cleanse(out.data(), out.size());
  return secret;
}

void prepare() { initialise(); }

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace porteiro::kms
