#include "runtime/entropy.hpp"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "porteiro/base/result.hpp"

namespace porteiro::runtime {
namespace {

// From the kernel: OpenSSL's generator would take a fifth of a start to make.
void draw(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t drawn = ::getrandom(out.data(), out.size(), 0);
    PORTEIRO_ASSERT(drawn > 0 || errno == EINTR);
    if (drawn > 0) out = out.subspan(static_cast<std::size_t>(drawn));
  }
}

}  // namespace

SystemEntropy::~SystemEntropy() { OPENSSL_cleanse(block_.data(), block_.size()); }

void SystemEntropy::fill(std::span<std::byte> out) {
  if (out.size() > block_.size()) return draw(out);
  if (block_.size() - used_ < out.size()) {
    draw(block_);
    used_ = 0;
  }
  std::memcpy(out.data(), block_.data() + used_, out.size());
  OPENSSL_cleanse(block_.data() + used_, out.size());
  used_ += out.size();
}

}  // namespace porteiro::runtime
