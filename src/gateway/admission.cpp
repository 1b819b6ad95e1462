#include "gateway/admission.hpp"

#include <algorithm>
#include <cstring>

#include "porteiro/identity/digest.hpp"

namespace porteiro::gateway {
namespace {

constexpr std::uint64_t one = 1'000'000'000;  // A request, in the bucket's units.

}  // namespace

Id half(const std::array<char, 32>& digest) {
  Id id;
  std::memcpy(&id.high, digest.data(), sizeof id.high);
  std::memcpy(&id.low, digest.data() + sizeof id.high, sizeof id.low);
  return id;
}

bool same(const std::array<char, 32>& a, const std::array<char, 32>& b) {
  return identity::same_secret({a.data(), a.size()}, {b.data(), b.size()});
}

Bucket::Bucket(std::uint64_t rate_per_second, std::uint64_t burst)
    : rate_(std::min(rate_per_second, one)),
      capacity_(std::clamp<std::uint64_t>(burst, 1, one) * one),
      level_(capacity_) {}

Duration Bucket::take(Time now) {
  if (rate_ == 0) return Duration::zero();
  const auto elapsed = static_cast<std::uint64_t>(std::max<Duration>(now - at_, {}).count());
  at_ = now;
  // A billionth of a request a nanosecond and unit of the rate; what fills the bucket fills it.
  const std::uint64_t missing = capacity_ - level_;
  level_ = elapsed >= missing / rate_ + 1 ? capacity_ : level_ + elapsed * rate_;
  if (level_ > capacity_) level_ = capacity_;
  if (level_ >= one) {
    level_ -= one;
    return Duration::zero();
  }
  return Duration(static_cast<std::int64_t>((one - level_ + rate_ - 1) / rate_));
}

Result<Admission> Admission::create(const std::vector<Client>& clients, const Limits& limits,
                                    Entropy& entropy) {
  const Bucket bucket(limits.rate_per_second, limits.burst);
  Admission admission(kms::Secret::random(entropy), bucket);
  admission.callers_.push_back({"", {}, {}, bucket});
  for (const Client& client : clients) {
    const std::size_t number = admission.callers_.size();
    if (client.api_key.empty()) {
      admission.callers_.push_back({client.name, client.scopes, {}, bucket});
      continue;
    }
    const auto digest = admission.hmac_(client.api_key);
    if (!admission.by_digest_.emplace(half(digest), number).second) {
      return error(Errc::invalid, "the client " + client.name +
                                      " has the API key of another client; give each its own");
    }
    admission.callers_.push_back({client.name, client.scopes, digest, bucket});
  }
  return admission;
}

std::optional<std::size_t> Admission::identify(const Digest& digest) const {
  const auto found = by_digest_.find(half(digest));
  if (found == by_digest_.end() || !same(callers_[found->second].digest, digest)) return {};
  return found->second;
}

bool Admission::allowed(std::size_t caller, std::string_view scope) const {
  const std::vector<std::string>& scopes = callers_[caller].scopes;
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

void Admission::reset() {
  for (Caller& caller : callers_) caller.bucket.refill();
  strangers_.refill();
}

}  // namespace porteiro::gateway
