// One half of each key that can be destroyed. A key is split in two: the other half is sealed and
// kept with the records, so that it is in every copy of them; this one is 32 bytes in a file of its
// own, and destroyed by overwriting them where they stand. See docs/box-format.md.
//
// The file is never rewritten and its slots never used again, so no piece of a destroyed half can
// be left elsewhere in it. What takes a share out of use is noted beside it first, so that a crash
// between the commit of the records and the overwriting is made good at the next start.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/result.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::stores {

inline constexpr std::size_t key_number_bytes = 8;

struct KeyShare {
  std::uint64_t slot = 0;
  std::string number;  // Of the key; key_number_bytes random bytes.
  kms::Secret half;
};

// A share whose key is to go with a commit, and where its other half is kept.
struct Doomed {
  std::string space, name;  // Of the blob.
  std::uint64_t slot = 0;
};

// `empty`, `has`, `allocate` and `read` are called on the loop, all others by one thread at a time
// (the store's lane, or the loop when no work is on the lane).
class KeyShares {
 public:
  // `path` empty: in memory. Makes the file, and the directory it is in. `sync`: each append is
  // synced; a destruction always is. Errors: corrupt (not a file of ours), unavailable.
  static Result<std::unique_ptr<KeyShares>> open(std::string path, bool sync);
  ~KeyShares();
  KeyShares(const KeyShares&) = delete;
  KeyShares& operator=(const KeyShares&) = delete;

  bool empty() const { return next_ == 0; }  // No share was ever made here.
  bool has(std::uint64_t slot) const { return slot < next_; }
  std::uint64_t allocate() { return next_++; }
  // Writes them down; one that is there already is written again. Errors: unavailable.
  Result<void> append(std::vector<KeyShare> shares);
  // nullopt: it has been destroyed, or is another key's. Errors: corrupt (the file does not have
  // this slot: it is older than the records), unavailable.
  Result<std::optional<kms::Secret>> read(std::uint64_t slot, std::string_view number) const;

  // Once, after open(): what the last run condemned and did not come to destroy is destroyed, but
  // for those still in use. Errors: unavailable, those of `in_use`.
  Result<void> recover(const std::function<Result<bool>(const Doomed&)>& in_use);
  // Before the commit that takes these out of use. Each has to be there. Errors: unavailable.
  Result<void> condemn(std::vector<Doomed> doomed);
  void spare();  // The commit has failed.
  // Overwrites what is condemned. Errors: unavailable; the next call tries again.
  Result<void> destroy();

  // Destroys all; slots count from 0 again. Errors: unavailable.
  Result<void> clear();

 private:
  KeyShares(std::string path, bool sync) : path_(std::move(path)), sync_(sync) {}
  Result<void> open_file();
  Result<void> read_condemned();
  Result<void> note_condemned();
  Result<void> write(std::uint64_t at, std::string_view bytes);
  Result<void> sync_file(int file) const;

  std::string path_;
  bool sync_;
  int file_ = -1, notes_ = -1;
  std::string memory_;  // The file's bytes, when there is none.
  std::uint64_t next_ = 0;
  std::vector<Doomed> doomed_;
  std::size_t firm_ = 0;  // So many of them are out of use for certain.
};

}  // namespace porteiro::stores
