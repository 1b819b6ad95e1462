// Who has failed too often to show who he is: for a time he is not even looked at. Counts by name,
// such as an address; an empty name is nobody's, and never counted. Reads no clock. Belongs to the
// loop.
#pragma once
#include <string>
#include <string_view>

#include "porteiro/base/bytes.hpp"
#include "porteiro/gateway/gateway.hpp"

namespace porteiro::gateway {

class Lockout {
 public:
  // Names that are counted at once. One more takes the place of one that has done the least.
  static constexpr std::size_t names_max = 4096;

  explicit Lockout(LockoutOptions options) : options_(options) {}

  // Nobody has failed of late: a request needs no look at who it is from.
  bool quiet() const { return entries_.empty(); }
  // How long this name is still locked out; zero: it is not.
  Duration remaining(std::string_view name, Time now);
  // Counts a failure. True: the lock-out begins with it.
  bool failed(std::string_view name, Time now);
  void reset() { entries_.clear(); }

 private:
  struct Entry {
    Time begin{};  // Of the time in which failures are counted together.
    std::uint64_t failures = 0;
    Time until{};  // Of the lock-out.
  };
  bool over(const Entry& entry, Time now) const;
  void make_room(Time now);

  LockoutOptions options_;
  StringMap<Entry> entries_;
};

// The name of a peer: the address of "127.0.0.1:50612" without its port; of IPv6 the network of 64
// bits, since a host has all of its addresses. Empty of "unix": those who come over a socket of
// this machine have nothing that tells them apart, and none is to lock out the others.
std::string peer_name(std::string_view peer);

}  // namespace porteiro::gateway
