#include "gateway/lockout.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

namespace porteiro::gateway {
namespace {

std::string address_of(std::string_view peer) {
  const std::size_t colon = peer.rfind(':');
  if (colon == std::string_view::npos) return std::string(peer);
  std::string address(peer.substr(0, colon));
  if (!address.starts_with('[') || !address.ends_with(']')) return address;
  address = address.substr(1, address.size() - 2);
  address.resize(std::min(address.find('%'), address.size()));  // A zone of this machine.
  in6_addr parsed{};
  if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return address;
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) return address;  // Each is an address of its own.
  constexpr std::size_t network_bytes = 8;
  std::fill(std::begin(parsed.s6_addr) + network_bytes, std::end(parsed.s6_addr), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &parsed, text.data(), text.size());
  return text.data();
}

}  // namespace

Duration Lockout::remaining(std::string_view name, Time now) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return Duration::zero();
  if (now < found->second.until) return found->second.until - now;
  if (over(found->second, now)) entries_.erase(found);
  return Duration::zero();
}

bool Lockout::over(const Entry& entry, Time now) const {
  return now >= entry.until && now - entry.begin >= options_.within;
}

// Whoever fails makes the look: it costs him who guesses, and nobody else.
void Lockout::make_room(Time now) {
  std::erase_if(entries_, [&](const auto& each) { return over(each.second, now); });
  if (entries_.size() < names_max) return;
  const auto least =
      std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second.until, a.second.failures) <
               std::pair(b.second.until, b.second.failures);
      });
  entries_.erase(least);
}

bool Lockout::failed(std::string_view name, Time now) {
  if (options_.failures == 0 || name.empty()) return false;
  auto found = entries_.find(name);
  if (found == entries_.end()) {
    make_room(now);
    found = entries_.emplace(std::string(name), Entry{now, 0, {}}).first;
  }
  Entry& entry = found->second;
  if (now - entry.begin >= options_.within) entry = {now, 0, entry.until};
  if (++entry.failures < options_.failures || now < entry.until) return false;
  entry = {now, 0, now + options_.time};
  return true;
}

std::string peer_name(std::string_view peer) {
  return peer == "unix" ? std::string() : "peer " + address_of(peer);
}

}  // namespace porteiro::gateway
