// What the tests of the engines share: every engine there is, a schema that has one of everything.
#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "porteiro/stores/engine.hpp"
#include "temporary_directory.hpp"

namespace porteiro::stores::engine_test {

using nlohmann::json;

using Open = Result<std::unique_ptr<Engine>> (*)(const EngineOptions&, std::vector<Collection>);

struct Kind {
  std::string name;  // Of the engine and of its files' ending.
  Open open = nullptr;
  bool on_disk = false;
  bool sync = false;
};

inline std::vector<Kind> kinds() {
  return {{"memory", open_memory, false, false}, {"sqlite", open_sqlite, false, false},
          {"lmdb", open_lmdb, false, false},     {"sqlite", open_sqlite, true, false},
          {"lmdb", open_lmdb, true, false},      {"lmdb", open_lmdb, true, true}};
}

inline std::vector<Kind> kinds_on_disk() {
  return {{"sqlite", open_sqlite, true, false}, {"lmdb", open_lmdb, true, false}};
}

template <class T>
std::string text_of(const Result<T>& result) {
  return result ? "" : result.error().at + ": " + result.error().detail;
}

inline std::vector<Collection> collections_of(const json& described) {
  std::vector<Collection> all;
  for (const auto& [name, each] : described.items()) {
    auto collection = collection_from_json(name, each);
    INFO(name, " ", text_of(collection));
    REQUIRE(collection);
    all.push_back(std::move(collection).value());
  }
  return all;
}

inline json schema() {
  return json::parse(R"({
    "person": { "subject": "cpf", "key": "cpf", "indexes": [["city"]], "fields": {
      "cpf": { "type": "string", "format": "cpf", "class": "restricted", "token": "cpf" },
      "name": { "type": "string", "class": "restricted" },
      "city": { "type": "string", "class": "internal" } } },
    "debt": { "subject": "cpf", "key": "id",
      "indexes": [["status", "due_on"], ["amount"], ["price"], ["creditor", "amount"],
                  ["paid", "price", "id"]],
      "fields": {
        "id": { "type": "string" },
        "cpf": { "ref": "person", "on_delete": "cascade" },
        "creditor": { "type": "string", "class": "restricted", "token": "creditor" },
        "amount": { "type": "int" }, "price": { "type": "decimal" },
        "due_on": { "type": "date" }, "paid": { "type": "bool" },
        "status": { "type": "enum", "of": ["open", "paid", "disputed"], "class": "internal" },
        "notes": { "type": "list", "max": 3 }, "more": { "type": "list", "max": 2 },
        "extra": { "type": "json" } } },
    "receipt": { "key": "id", "fields": {
      "id": { "type": "string" }, "debt": { "ref": "debt" },
      "cpf": { "ref": "person", "on_delete": "cascade" } } },
    "part": { "key": "id", "fields": {
      "id": { "type": "string" }, "of": { "ref": "part", "on_delete": "cascade" } } }
  })");
}

inline Time at(std::int64_t seconds) { return Time(std::chrono::seconds(1767225600 + seconds)); }

// An engine of a kind, with a directory of its own when it is on disk.
class Subject {
 public:
  explicit Subject(const Kind& kind, const json& described = schema(), EngineOptions options = {})
      : kind_(kind), options_(std::move(options)) {
    options_.store = std::string("S");
    options_.sync = kind.sync;
    if (kind.on_disk) options_.directory = directory_.path() + "/data/stores";
    open(described);
  }
  Engine& operator*() { return *engine_; }
  Engine* operator->() { return engine_.get(); }

  Result<void> try_open(const json& described) {
    engine_.reset();
    auto opened = kind_.open(options_, collections_of(described));
    if (!opened) return opened.error();
    engine_ = std::move(opened).value();
    return BOOST_OUTCOME_V2_NAMESPACE::success();
  }
  void open(const json& described) {
    const auto opened = try_open(described);
    INFO(text_of(opened));
    REQUIRE(opened);
  }
  void close() { engine_.reset(); }
  std::string file() const { return options_.directory + "/S." + kind_.name; }
  const EngineOptions& options() const { return options_; }

  Result<Committed> run(std::vector<Operation> operations, std::string once_key = {},
                        std::int64_t seconds = 0) {
    const Transaction transaction{std::move(operations), std::move(once_key), at(seconds)};
    auto results = engine_->commit({&transaction, 1});
    REQUIRE(results.size() == 1);
    return std::move(results.front());
  }
  Committed must(std::vector<Operation> operations, std::string once_key = {},
                 std::int64_t seconds = 0) {
    auto done = run(std::move(operations), std::move(once_key), seconds);
    INFO(text_of(done));
    REQUIRE(done);
    return std::move(done).value();
  }
  std::optional<StoredRow> row(std::string_view collection, std::string_view key) {
    auto got = engine_->get(collection, key);
    REQUIRE(got);
    return std::move(got).value();
  }

 private:
  Kind kind_;
  TemporaryDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

inline void on_each(const std::vector<Kind>& all, const std::function<void(const Kind&)>& run) {
  for (const Kind& kind : all) {
    const std::string described =
        kind.name + (kind.on_disk ? " on disk" : " in memory") + (kind.sync ? ", synced" : "");
    INFO("engine ", described);
    run(kind);
  }
}

template <class T>
std::optional<Errc> errc_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

inline Operation put(std::string collection, std::string key, json open, Expect expect = {}) {
  Row row;
  row.key = std::move(key);
  row.open = std::move(open);
  return operation::Put{std::move(collection), std::move(row), expect};
}
inline Operation erase(std::string collection, std::string key, Expect expect = {}) {
  return operation::Erase{std::move(collection), std::move(key), expect};
}
inline Operation append(std::string collection, std::string key, std::string field, json item) {
  return operation::Append{std::move(collection), std::move(key), std::move(field),
                           std::move(item)};
}

inline std::vector<std::string> keys_of(const RowPage& page) {
  std::vector<std::string> keys;
  for (const StoredRow& row : page.rows) keys.push_back(row.key);
  return keys;
}

}  // namespace porteiro::stores::engine_test
