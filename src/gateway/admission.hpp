// Who asks, what they may, and how often: API keys, scopes, rates. Borrows nothing and reads no
// clock: the time is an argument. Belongs to the loop.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "porteiro/base/id.hpp"
#include "porteiro/gateway/gateway.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::gateway {

// A token bucket in integers: `burst` requests at once, `rate` more a second.
class Bucket {
 public:
  Bucket(std::uint64_t rate_per_second, std::uint64_t burst);
  // Zero: the request may go on. Otherwise how long to wait until one may.
  Duration take(Time now);
  void refill() { level_ = capacity_; }

 private:
  std::uint64_t rate_;      // 0: no limit.
  std::uint64_t capacity_;  // In billionths of a request, as is the level.
  std::uint64_t level_;
  Time at_{};
};

inline constexpr std::size_t anonymous = 0;  // The caller who shows nothing.

// The first half of a digest, to look it up by.
Id half(const std::array<char, 32>& digest);
bool same(const std::array<char, 32>& a, const std::array<char, 32>& b);  // In constant time.

class Admission {
 public:
  // Clients count from 1, in their order. Errors: invalid (an API key that two of them share).
  static Result<Admission> create(const std::vector<Client>& clients, const Limits& limits,
                                  Entropy& entropy);

  // What a credential is kept and compared as: its HMAC under a key of this process, so that the
  // time it takes tells nothing of it.
  using Digest = std::array<char, 32>;
  Digest digest(std::string_view credential) { return hmac_(credential); }
  // The client that has the API key with this digest.
  std::optional<std::size_t> identify(const Digest& digest) const;
  std::optional<std::size_t> identify(std::string_view credential) {
    return identify(digest(credential));
  }

  bool allowed(std::size_t caller, std::string_view scope) const;
  const std::string& name(std::size_t caller) const { return callers_[caller].name; }
  const std::vector<std::string>& scopes(std::size_t caller) const {
    return callers_[caller].scopes;
  }

  // As Bucket::take, from the caller's bucket; all callers who show nothing share one, and so do
  // all with something that is not known (nullopt): who guesses takes nothing from others.
  Duration take(std::optional<std::size_t> caller, Time now) {
    return (caller ? callers_[*caller].bucket : strangers_).take(now);
  }

  void reset();  // All buckets full.

 private:
  struct Caller {
    std::string name;
    std::vector<std::string> scopes;
    Digest digest;
    Bucket bucket;
  };
  Admission(const kms::Secret& key, const Bucket& strangers) : hmac_(key), strangers_(strangers) {}

  kms::Hmac hmac_;
  std::vector<Caller> callers_;
  Bucket strangers_;
  std::unordered_map<Id, std::size_t> by_digest_;  // By the digest's first half.
};

}  // namespace porteiro::gateway
