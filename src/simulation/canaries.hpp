// Canaries: unique restricted values that are looked for in everything that is written. Each is
// searched raw, JSON-escaped, percent-encoded, in hexadecimal (both cases) and in base64 at its
// three alignments (both alphabets). Hashed, compressed or sealed copies are not found: that is the
// point of sealing, and the limit of the check.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/witness.hpp"

namespace porteiro::simulation {

class Canaries final : public Witness {
 public:
  Canaries();
  void add(std::string_view value);  // At least 11 bytes; shorter ones would be found by chance.
  std::size_t count() const { return count_; }

  void wrote(Place place, std::string_view bytes) override;

  struct Tally {
    std::uint64_t writes = 0, bytes = 0, leaks = 0;
    std::string first;  // The form and the surroundings' length of the first leak; not the value.
  };
  const Tally& tally(Place place) const { return tallies_[static_cast<std::size_t>(place)]; }

 private:
  struct Needle {
    std::string text;
    const char* form;
    bool digits;  // Only a run of digits of exactly this length is a match.
  };
  // A needle is found by any of its first four 8-byte words, so that only every fourth position of
  // what is written has to be looked at.
  struct Head {
    std::uint32_t tag = 0;          // The hash's upper half; the needle itself decides.
    std::uint32_t needle : 30 = 0;  // Its number from 1 on; 0: the place is free.
    std::uint32_t offset : 2 = 0;
  };
  void add_needle(std::string text, const char* form);
  void add_head(const Head& head);
  void grow();
  const Needle* match(std::uint64_t hash, std::string_view bytes, std::size_t at) const;

  std::size_t count_ = 0;
  std::vector<Needle> needles_;
  std::vector<std::uint64_t> filter_;  // Two bits of one word for each head's hash.
  // An open-addressing table, at most half full: hundreds of thousands of heads are added in a run.
  std::vector<Head> heads_;
  unsigned heads_log2_;
  std::size_t heads_used_ = 0;
  std::array<Tally, static_cast<std::size_t>(Place::count_)> tallies_;
};

}  // namespace porteiro::simulation
