// Read models: what projections fill from the stores' change feeds and GET routes serve. Each keeps
// one small JSON document a key, in memory, bounded, with the time of the last change it holds.
// Rebuilt from the stores at start. Never holds restricted fields. Belongs to the loop.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "porteiro/base/environment.hpp"
#include "porteiro/stores/store.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::readmodels {

struct Selection {
  std::string name;        // In the model's document.
  std::string collection;  // "profile"
  std::string field;       // "age"; a dotted path goes into a json field.
  enum class Kind : std::uint8_t {
    value,
    count,
    last
  } kind = Kind::value;  // count(f), last(f): of a list.
};
struct Options {
  std::string name;
  struct Source {
    std::string store, collection;
  };
  std::vector<Source> from;  // "B/profile"
  std::string key;           // The field all sources share; it must be the key of each.
  std::vector<Selection> select;
  std::size_t entries_max = 1'000'000;  // More: the oldest used entry goes.
};

struct View {
  std::string document;   // JSON.
  Duration age;           // Since the model was last known to be level with its stores.
  std::uint64_t applied;  // Changes applied so far.
};

class ReadModels {
 public:
  ReadModels(Environment& environment, stores::Stores& stores, telemetry::Telemetry& telemetry);
  ~ReadModels();
  // Errors: invalid (an unknown source, a restricted field, keys that differ).
  Result<void> create(Options options);
  // Reads the sources from the beginning and then follows them.
  void start(UniqueFunction<void(Result<void>)> done);
  // `masked`: for who may not see protected values whole; those without a mask are left out.
  // Errors: not_found (no such model).
  Result<std::optional<View>> get(std::string_view model, std::string_view key,
                                  bool masked = false) const;
  // True when every model holds the last change of its sources.
  bool level() const;
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::readmodels
