#include "queue/deduplication.hpp"

#include <algorithm>

namespace porteiro::queue {

const Deduplication::First* Deduplication::find(std::string_view key, Time now) {
  forget(now);
  const auto found = firsts_.find(key);
  if (found == firsts_.end()) return nullptr;
  // After a replay one may still be here that is too old, behind one that was renewed.
  return found->second.sent + deduplication_interval > now ? &found->second : nullptr;
}

void Deduplication::remember(std::string key, First first) {
  const auto [at, fresh] = firsts_.insert_or_assign(std::move(key), first);
  if (fresh) keys_.push_back(&at->first);
}

void Deduplication::forget(Time now) {
  while (!keys_.empty()) {
    const auto oldest = firsts_.find(*keys_.front());
    if (oldest->second.sent + deduplication_interval > now) return;
    firsts_.erase(oldest);
    keys_.pop_front();
  }
}

void Deduplication::clear() {
  firsts_.clear();
  keys_.clear();
}

void Deduplication::append_to(std::string& out) const {
  const auto kept = std::count_if(firsts_.begin(), firsts_.end(),
                                  [](const auto& each) { return !each.second.ephemeral; });
  append_u32(out, static_cast<std::uint32_t>(kept));
  for (const std::string* key : keys_) {
    const First& first = firsts_.find(*key)->second;
    if (first.ephemeral) continue;
    append_sized(out, *key);
    append_u64(out, first.id.high);
    append_u64(out, first.id.low);
    append_u64(out, first.number);
    append_u64(out, static_cast<std::uint64_t>(first.sent.time_since_epoch().count()));
  }
}

bool Deduplication::read(ByteReader& reader) {
  const auto count = reader.u32();
  if (!count) return false;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto key = reader.sized();
    const auto high = reader.u64(), low = reader.u64(), number = reader.u64(), sent = reader.u64();
    if (!key || !sent) return false;
    remember(std::string(*key),
             {{*high, *low}, *number, Time(Duration(static_cast<std::int64_t>(*sent))), false});
  }
  return true;
}

}  // namespace porteiro::queue
