#include "runtime/entropy.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "porteiro/base/result.hpp"

namespace porteiro::runtime {
namespace {

void draw(std::span<std::byte> out) {
  const int drawn =
      RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  PORTEIRO_ASSERT(drawn == 1);
}

}  // namespace

SystemEntropy::~SystemEntropy() { OPENSSL_cleanse(block_.data(), block_.size()); }

void SystemEntropy::fill(std::span<std::byte> out) {
  if (out.size() > block_.size()) {
    constexpr std::size_t piece_max = 1U << 30;  // OpenSSL counts in int.
    while (!out.empty()) {
      const std::size_t piece = std::min(out.size(), piece_max);
      draw(out.first(piece));
      out = out.subspan(piece);
    }
    return;
  }
  if (block_.size() - used_ < out.size()) {
    draw(block_);
    used_ = 0;
  }
  std::memcpy(out.data(), block_.data() + used_, out.size());
  OPENSSL_cleanse(block_.data() + used_, out.size());
  used_ += out.size();
}

}  // namespace porteiro::runtime
