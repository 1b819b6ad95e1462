// The code that clients upload: each zip file is kept under its SHA-256, beside the folder it was
// unpacked to. What is reported as stored is whole on the disk: a crash leaves no half of it.
// Belongs to the loop; files are read and written off it, one request after the other.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "porteiro/base/environment.hpp"
#include "porteiro/lambda/catalogue.hpp"

namespace porteiro::lambda {

struct CodeStoreOptions {
  // Of this store alone: what it does not know there, it removes. Empty: it takes nothing.
  std::string directory{};
  bool power = false;                             // Stored means: survives a loss of power.
  std::uint64_t zip_bytes_max = 50u << 20;        // AWS Lambda: 50 MB, zipped, direct upload.
  std::uint64_t unpacked_bytes_max = 250u << 20;  // AWS Lambda: 250 MB.
};

class CodeStore {
 public:
  // Borrows `environment`. `wanted` says on the loop, whenever something could be removed, whether
  // a function refers to it. Makes nothing before the first put().
  CodeStore(Environment& environment, CodeStoreOptions options,
            std::function<bool(std::string_view sha256)> wanted);
  ~CodeStore();  // Completions that are due do not run.

  // Errors: invalid (not base64; not a zip file that may be unpacked), limit_exceeded (its size),
  // unavailable. Who then wants it refers to it before `done` returns; else it is removed.
  using Stored = UniqueFunction<void(Result<Code>)>;
  void put(std::string base64, Stored done);

  // The zip file. Errors: not_found, unavailable.
  void read(std::string_view sha256, UniqueFunction<void(Result<std::string>)> done);

  // To be called when functions or versions have gone.
  void collect(const std::set<std::string>& candidates);

  // At start-up: what nobody wants is removed, and `codes` are unpacked where their folder is
  // missing. Gives those that cannot be had. Errors: unavailable.
  void restore(std::set<std::string> codes,
               UniqueFunction<void(Result<std::set<std::string>>)> done);

  std::string folder(std::string_view sha256) const;  // Where the unpacked code is.

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace porteiro::lambda
