#include "protocols/aws/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "porteiro/base/result.hpp"

namespace porteiro::protocols::aws {
namespace {

// Fetched once, when first used, and kept; openssl.cnf is not read (see kms).
EVP_MD* md5() {
  static EVP_MD* const algorithm = [] {
    PORTEIRO_ASSERT(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1);
    EVP_MD* const found = EVP_MD_fetch(nullptr, "MD5", nullptr);
    PORTEIRO_ASSERT(found != nullptr);
    return found;
  }();
  return algorithm;
}

}  // namespace

struct Md5::Context {
  EVP_MD_CTX* digest = nullptr;
  bool open = false;  // Something was added.

  void start() {
    if (digest == nullptr) digest = EVP_MD_CTX_new();
    PORTEIRO_ASSERT(digest != nullptr);
    PORTEIRO_ASSERT(EVP_DigestInit_ex2(digest, md5(), nullptr) == 1);
    open = true;
  }
  ~Context() { EVP_MD_CTX_free(digest); }
};

Md5::Md5() : context_(std::make_unique<Context>()) {}
Md5::~Md5() = default;

void Md5::add(std::string_view bytes) {
  if (!context_->open) context_->start();
  PORTEIRO_ASSERT(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()) == 1);
}

Md5Text Md5::finish() {
  if (!context_->open) context_->start();
  std::array<unsigned char, 16> bytes;
  unsigned size = 0;
  PORTEIRO_ASSERT(EVP_DigestFinal_ex(context_->digest, bytes.data(), &size) == 1);
  PORTEIRO_ASSERT(size == bytes.size());
  context_->open = false;
  constexpr char digits[] = "0123456789abcdef";
  Md5Text text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace porteiro::protocols::aws
