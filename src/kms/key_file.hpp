// The key material under a data directory: the file `keys` and the root key that seals it.
// docs/kms-format.md describes the bytes. Belongs to the loop; used at start-up only.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/kms/kms.hpp"

namespace porteiro::kms {

struct KeyVersion {
  std::uint32_t number = 1;
  Secret material;
};

struct StoredKey {
  std::string name;
  KeySpec spec = KeySpec::symmetric_default;
  std::vector<KeyVersion> versions;  // By ascending number, never empty; the last one seals.
};

class KeyFile {
 public:
  // Reads what the directory holds; without `keys`, makes a root key if there is none. Errors: as
  // of Kms::open.
  static Result<KeyFile> open(const std::string& directory, std::string_view passphrase,
                              Environment& environment);

  std::vector<StoredKey> keys;

  Result<void> save(Environment& environment) const;  // The old or the new content is there after.

 private:
  KeyFile(std::string path, std::string header, const Secret& root)
      : path_(std::move(path)), header_(std::move(header)), root_(root) {}

  std::string path_;
  std::string header_;  // Of the file: everything before the box, which it is bound to.
  Secret root_;
};

}  // namespace porteiro::kms
