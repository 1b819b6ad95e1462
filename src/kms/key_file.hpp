// The key ring under a data directory: the file `keys` and the root key that seals it.
// docs/kms-format.md describes the bytes. Belongs to the loop, but for write().
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/kms/keyring.hpp"

namespace porteiro::kms {

struct KeyFileContent {
  std::vector<KeyData> keys;
  std::map<std::string, Alias, std::less<>> aliases;  // None of the config's.
};

class KeyFile {
 public:
  // Reads what the directory holds; without `keys`, makes a root key if there is none. Errors: as
  // of Kms::open.
  static Result<KeyFile> open(const std::string& directory, std::string_view passphrase,
                              Environment& environment);

  KeyFileContent content;  // Taken by whoever opened the file.
  bool outdated = false;   // It is not there, or in an older format: to be written anew.

  // The file's next content, to be written by write() off the loop. Draws the IV.
  struct Draft {
    SecretBytes plain;
    std::string iv;
  };
  Draft draft(const std::vector<const KeyData*>& keys,
              const std::map<std::string, Alias, std::less<>>& aliases,
              Environment& environment) const;
  // The old or the new content is there after. May run on any thread.
  Result<void> write(const Draft& draft, Files& files) const;

 private:
  KeyFile(std::string path, std::string header, const Secret& root)
      : path_(std::move(path)), header_(std::move(header)), root_(root) {}

  std::string path_;
  std::string header_;  // Of the file: everything before the box, which it is bound to.
  Secret root_;
};

// The content of the box, in the present format; reads that of version 1, too, which has neither
// ids nor dates: they are made here. nullopt: damaged.
std::string pack(const std::vector<const KeyData*>& keys,
                 const std::map<std::string, Alias, std::less<>>& aliases);
std::optional<KeyFileContent> unpack(std::string_view content);
std::optional<KeyFileContent> unpack_version_1(std::string_view content, Entropy& entropy,
                                               Time now);

}  // namespace porteiro::kms
