// The kernel's entropy (getrandom), drawn in blocks.
#pragma once
#include <array>

#include "porteiro/base/random.hpp"

namespace porteiro::runtime {

class SystemEntropy final : public Entropy {
 public:
  SystemEntropy() = default;
  SystemEntropy(const SystemEntropy&) = delete;
  SystemEntropy& operator=(const SystemEntropy&) = delete;
  ~SystemEntropy() override;
  void fill(std::span<std::byte> out) override;

 private:
  std::array<std::byte, 4096> block_;
  std::size_t used_ = 4096;  // Bytes of the block that were given out, and are wiped.
};

}  // namespace porteiro::runtime
