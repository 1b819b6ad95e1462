#include "porteiro/readmodels/read_models.hpp"

#include <algorithm>

#include "readmodels/model.hpp"
#include "readmodels/projection.hpp"

namespace porteiro::readmodels {

namespace {

struct Entry {
  Entry(Options options, std::vector<Origin> origins, bool show_key)
      : model(std::move(options), std::move(origins), show_key) {}
  Model model;
  std::vector<std::unique_ptr<Projection>> projections;  // One a source.

  Duration age(Time now) const {
    Duration oldest{0};
    for (const auto& projection : projections) {
      const auto since = projection->behind_since();
      if (since) oldest = std::max(oldest, now - *since);
    }
    return oldest;
  }
  bool level() const {
    return std::all_of(projections.begin(), projections.end(),
                       [](const auto& each) { return each->level(); });
  }
};

Error wrong(const Options& options, const std::string& at, std::string detail) {
  return error(Errc::invalid, std::move(detail), "read_models." + options.name + at);
}

struct Source {
  stores::Store* store;
  const stores::Collection* collection;
};

// The sources by name, with the key they share.
Result<std::vector<Source>> find_sources(const Options& options, stores::Stores& stores) {
  std::vector<Source> found;
  if (options.from.empty()) return wrong(options, ".from", "a read model needs a source");
  for (const auto& [store_name, collection_name] : options.from) {
    const auto store = stores.find(store_name);
    const auto* collection =
        store == stores.end() ? nullptr : store->second->collection(collection_name);
    if (collection == nullptr) {
      return wrong(options, ".from",
                   "there is no collection " + store_name + "/" + collection_name);
    }
    if (collection->key != options.key) {
      return wrong(options, ".key",
                   "it must be the key of each source; that of " + store_name + "/" +
                       collection_name + " is " + collection->key);
    }
    const bool same_token = found.empty() || found.front().collection->key_field().token ==
                                                 collection->key_field().token;
    if (!same_token) {
      return wrong(options, ".key", "the sources' keys hold tokens of different names");
    }
    found.push_back({store->second.get(), collection});
  }
  return found;
}

// Where `selection` is taken from.
Result<Origin> check_selection(const Options& options, const Selection& selection,
                               const std::vector<Source>& sources) {
  const std::string at = ".select." + selection.name;
  const auto is_it = [&](const Source& each) {
    return each.collection->name == selection.collection;
  };
  const auto source = std::find_if(sources.begin(), sources.end(), is_it);
  if (std::count_if(sources.begin(), sources.end(), is_it) != 1) {
    return wrong(options, at,
                 source == sources.end()
                     ? "it is taken from a collection that is none of the sources"
                     : "two sources have a collection of that name: one model takes from one");
  }
  const std::string_view path = selection.field;
  const auto* field = source->collection->field(path.substr(0, path.find('.')));
  if (field == nullptr) return wrong(options, at, "the collection has no such field");
  if (field->field_class > stores::Class::sensitive) {
    return wrong(options, at, "a read model never holds a restricted field");
  }
  const bool has_parts = field->type == stores::Type::json;
  if (path.find('.') != path.npos && !has_parts) {
    return wrong(options, at, "a path goes into json fields only");
  }
  if (selection.kind != Selection::Kind::value && !has_parts && field->type != stores::Type::list) {
    return wrong(options, at, "count and last are taken of a list");
  }
  return Origin{static_cast<std::size_t>(source - sources.begin()), is_protected(*field),
                field->mask};
}

}  // namespace

struct ReadModels::State {
  Environment& environment;
  stores::Stores& stores;
  telemetry::Telemetry& telemetry;
  StringMap<std::unique_ptr<Entry>> models;
  std::vector<Entry*> order;  // As created.
  std::size_t starting = 0;   // Sources that have not read everything yet.
  UniqueFunction<void(Result<void>)> started;
  std::shared_ptr<int> alive = std::make_shared<int>();

  // A source is there, or will not be.
  void ready(const Result<void>& result) {
    --starting;
    if (!started || (result && starting > 0)) return;
    std::exchange(started, nullptr)(result);
  }

  void add_gauges(const Entry& entry) {
    const std::string labels = "model=\"" + entry.model.options().name + "\"";
    telemetry.gauge("porteiro_read_model_entries", labels,
                    [&entry, still = std::weak_ptr<int>(alive)] {
                      return still.expired() ? 0.0 : static_cast<double>(entry.model.entries());
                    });
    telemetry.gauge("porteiro_read_model_lag_seconds", labels,
                    [&entry, still = std::weak_ptr<int>(alive), &clock = environment.scheduler] {
                      if (still.expired()) return 0.0;
                      return std::chrono::duration<double>(entry.age(clock.now())).count();
                    });
  }
};

ReadModels::ReadModels(Environment& environment, stores::Stores& stores,
                       telemetry::Telemetry& telemetry)
    : state_(new State{environment, stores, telemetry, {}, {}, 0, nullptr}) {}

ReadModels::~ReadModels() = default;

Result<void> ReadModels::create(Options options) {
  if (state_->models.contains(options.name)) {
    return wrong(options, "", "there is a read model of that name already");
  }
  if (options.entries_max == 0) return wrong(options, ".entries_max", "it must be at least 1");
  PORTEIRO_TRY(const auto sources, find_sources(options, state_->stores));
  std::vector<Origin> origins;
  for (const Selection& selection : options.select) {
    PORTEIRO_TRY(auto origin, check_selection(options, selection, sources));
    origins.push_back(std::move(origin));
  }
  const std::string name = options.name;
  const bool show_key = !is_protected(sources.front().collection->key_field());
  auto owned = std::make_unique<Entry>(std::move(options), std::move(origins), show_key);
  Entry* entry = owned.get();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    entry->projections.push_back(std::make_unique<Projection>(
        state_->environment, state_->telemetry, *sources[i].store, sources[i].collection->name,
        entry->model, i, [entry, i](std::string_view key) {
          for (std::size_t other = 0; other < entry->projections.size(); ++other) {
            if (other != i) entry->projections[other]->want(key);
          }
        }));
  }
  state_->add_gauges(*entry);
  state_->order.push_back(entry);
  state_->models.emplace(name, std::move(owned));
  return ok();
}

void ReadModels::start(UniqueFunction<void(Result<void>)> done) {
  State& state = *state_;
  state.started = std::move(done);
  state.starting = 1;  // Until all are asked.
  for (Entry* entry : state.order) {
    for (const auto& projection : entry->projections) {
      ++state.starting;
      projection->start([&state](Result<void> result) { state.ready(result); });
    }
  }
  state.environment.scheduler.post([&state, still = std::weak_ptr<int>(state.alive)] {
    if (!still.expired()) state.ready(ok());
  });
}

Result<std::optional<View>> ReadModels::get(std::string_view model, std::string_view key,
                                            bool masked) const {
  const auto found = state_->models.find(model);
  if (found == state_->models.end()) {
    return error(Errc::not_found, "there is no read model of that name");
  }
  Entry& entry = *found->second;
  auto document = entry.model.document(key, masked);
  if (!document) return std::optional<View>();
  return std::optional<View>(View{
      std::move(*document), entry.age(state_->environment.scheduler.now()), entry.model.applied});
}

bool ReadModels::level() const {
  return std::all_of(state_->order.begin(), state_->order.end(),
                     [](const Entry* each) { return each->level(); });
}

void ReadModels::reset() {
  for (Entry* entry : state_->order) {
    entry->model.clear();
    for (const auto& projection : entry->projections) projection->restart();
  }
}

}  // namespace porteiro::readmodels
