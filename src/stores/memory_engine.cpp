// Engine `memory`: ordered maps in the process's memory. Never fails but for want of memory.
#include <map>

#include "stores/kv_engine.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

using Map = std::map<std::string, std::string, std::less<>>;

class MemoryKv final : public Kv, private KvWriter {
 public:
  Result<void> open_spaces(const std::vector<std::string>& names) override {
    spaces_.resize(names.size());
    return success();
  }
  Result<KvReader*> begin_read() override { return static_cast<KvReader*>(this); }
  void end_read() override {}
  Result<KvWriter*> begin_write() override { return static_cast<KvWriter*>(this); }
  Result<void> commit() override { return success(); }
  void abort() override { failure_.reset(); }
  bool in_memory() const override { return true; }

 private:
  Result<std::optional<std::string_view>> get(Space space, std::string_view key) override {
    const auto found = spaces_[space].find(key);
    if (found == spaces_[space].end()) return std::optional<std::string_view>();
    return std::optional<std::string_view>(found->second);
  }

  Result<void> scan(Space space, std::string_view low, const std::optional<std::string>& high,
                    bool descending, Each each) override {
    const Map& map = spaces_[space];
    if (high && *high <= low) return success();
    const auto first = map.lower_bound(low);
    const auto last = high ? map.lower_bound(*high) : map.end();
    if (!descending) {
      for (auto at = first; at != last && each(at->first, at->second); ++at) continue;
    } else {
      for (auto at = last; at != first;) {
        --at;
        if (!each(at->first, at->second)) break;
      }
    }
    return success();
  }

  Result<void> do_put(Space space, std::string_view key, std::string_view value) override {
    Map& map = spaces_[space];
    const auto at = map.lower_bound(key);
    if (at != map.end() && at->first == key) {
      at->second = value;
    } else {
      map.emplace_hint(at, key, value);
    }
    return success();
  }

  Result<void> do_erase(Space space, std::string_view key) override {
    Map& map = spaces_[space];
    if (const auto at = map.find(key); at != map.end()) map.erase(at);
    return success();
  }

  void clear(Space space) override { spaces_[space].clear(); }

  std::vector<Map> spaces_;
};

}  // namespace

Result<std::unique_ptr<Engine>> open_memory(const EngineOptions& options,
                                            std::vector<Collection> collections) {
  return KvEngine::open(std::make_unique<MemoryKv>(), options, std::move(collections));
}

}  // namespace porteiro::stores
