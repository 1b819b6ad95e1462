// Random transactions on every engine and on a plain model of what an engine promises: the same
// answers, the same rows, the same pages. The seed is in the output of a failure.
#include <algorithm>
#include <map>

#include "porteiro/base/random.hpp"
#include "unit/stores/engine_kit.hpp"

using namespace porteiro;
using namespace porteiro::stores;
using namespace porteiro::stores::engine_test;

namespace {

struct ModelRow {
  std::uint64_t version = 0;
  std::string subject, box;
  json open = json::object();
  json tokens = json::object();  // By field.
};
using ModelTable = std::map<std::string, ModelRow>;

struct Model {
  std::map<std::string, ModelTable> tables;
  std::map<std::string, std::string> blobs;
  std::map<std::string, std::int64_t> once;
  std::uint64_t sequence = 0;
};

const std::vector<std::vector<std::string>> debt_indexes{
    {"status", "due_on"},    {"amount"}, {"price"}, {"creditor", "amount"},
    {"paid", "price", "id"}, {"cpf"}};

// Drives the model. Written for its plainness: every question is answered by looking at all rows.
class Reference {
 public:
  std::optional<Errc> run(const Transaction& transaction, std::vector<std::uint64_t>& versions) {
    if (const auto seen = model_.once.find(transaction.once_key);
        !transaction.once_key.empty() && seen != model_.once.end()) {
      return std::nullopt;
    }
    const Model before = model_;
    for (const Operation& operation : transaction.operations) {
      const auto failed =
          std::visit([&](const auto& each) { return apply(each, versions); }, operation);
      if (!failed) continue;
      model_ = before;
      return failed;
    }
    if (!transaction.once_key.empty()) model_.once[transaction.once_key] = 0;
    return std::nullopt;
  }
  Model& model() { return model_; }

 private:
  std::optional<Errc> expected(const Expect& expect, std::uint64_t version) {
    const bool fine = expect.kind == Expect::Kind::anything ||
                      (expect.kind == Expect::Kind::absent && version == 0) ||
                      (expect.kind == Expect::Kind::present && version != 0) ||
                      (expect.kind == Expect::Kind::version && version == expect.version);
    return fine ? std::nullopt : std::optional(Errc::conflict);
  }
  std::uint64_t version_of(const std::string& table, const std::string& key) {
    const auto found = model_.tables[table].find(key);
    return found == model_.tables[table].end() ? 0 : found->second.version;
  }

  std::optional<Errc> apply(const operation::Put& put, std::vector<std::uint64_t>& versions) {
    if (const auto failed = expected(put.expect, version_of(put.collection, put.row.key))) {
      return failed;
    }
    const auto before = model_.tables[put.collection].find(put.row.key);
    if (before != model_.tables[put.collection].end() && !before->second.subject.empty() &&
        before->second.subject != put.row.subject) {
      return Errc::conflict;
    }
    for (const auto& [field, target] : references_of(put.collection)) {
      if (!put.row.open.contains(field)) continue;
      const std::string key = put.row.open[field];
      const bool itself = target == put.collection && key == put.row.key;
      if (!itself && version_of(target, key) == 0) return Errc::conflict;
    }
    ModelRow& row = model_.tables[put.collection][put.row.key];
    row = {++model_.sequence, put.row.subject, put.row.restricted_box, put.row.open, {}};
    for (const auto& [field, token] : put.row.hidden) row.tokens[field] = token;
    versions.push_back(row.version);
    return std::nullopt;
  }
  std::optional<Errc> apply(const operation::Append& append, std::vector<std::uint64_t>& versions) {
    ModelRow& row = model_.tables[append.collection][append.key];
    row.version = ++model_.sequence;
    json& list = row.open[append.field];
    if (list.is_null()) list = json::array();
    list.push_back(append.item);
    while (list.size() > (append.field == "notes" ? 3U : 2U)) list.erase(0);
    versions.push_back(row.version);
    return std::nullopt;
  }
  std::optional<Errc> apply(const operation::Erase& erase, std::vector<std::uint64_t>& versions) {
    const std::uint64_t version = version_of(erase.collection, erase.key);
    if (const auto failed = expected(erase.expect, version)) return failed;
    versions.push_back(0);
    if (version == 0) return std::nullopt;
    std::map<std::string, std::map<std::string, bool>> doomed;
    doomed[erase.collection][erase.key] = true;
    for (bool grown = true; grown;) {
      grown = false;
      each_reference([&](auto& table, auto& key, auto& target, auto& to, bool cascade) {
        if (!cascade || !doomed[target].contains(to) || doomed[table].contains(key)) return;
        doomed[table][key] = grown = true;
      });
    }
    bool in_the_way = false;
    each_reference([&](auto& table, auto& key, auto& target, auto& to, bool) {
      in_the_way = in_the_way || (doomed[target].contains(to) && !doomed[table].contains(key));
    });
    if (in_the_way) return Errc::conflict;
    for (const auto& [table, keys] : doomed) {
      for (const auto& [key, yes] : keys) {
        model_.tables[table].erase(key);
        ++model_.sequence;
      }
    }
    return std::nullopt;
  }
  std::optional<Errc> apply(const operation::PutBlob& put, std::vector<std::uint64_t>& versions) {
    const auto there = model_.blobs.find(put.name);
    const bool differs = there != model_.blobs.end() && there->second != put.value;
    if (put.absent && differs) return Errc::conflict;
    model_.blobs[put.name] = put.value;
    versions.push_back(0);
    return std::nullopt;
  }
  std::optional<Errc> apply(const operation::EraseBlob& each,
                            std::vector<std::uint64_t>& versions) {
    model_.blobs.erase(each.name);
    versions.push_back(0);
    return std::nullopt;
  }

  static std::vector<std::pair<std::string, std::string>> references_of(const std::string& table) {
    if (table == "debt") return {{"cpf", "person"}};
    if (table == "receipt") return {{"cpf", "person"}, {"debt", "debt"}};
    if (table == "part") return {{"of", "part"}};
    return {};
  }
  template <class Each>
  void each_reference(const Each& each) {
    for (const auto& [table, rows] : model_.tables) {
      for (const auto& [key, row] : rows) {
        for (const auto& [field, target] : references_of(table)) {
          if (!row.open.contains(field)) continue;
          const std::string to = row.open[field];
          each(table, key, target, to, field != "debt");
        }
      }
    }
  }

  Model model_;
};

class Generator {
 public:
  Generator(std::uint64_t seed, Model& model) : random_(seed), model_(model) {}

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(bound)); }
  bool chance(std::size_t in) { return below(in) == 0; }
  template <class T>
  T one_of(std::vector<T> all) {
    return all[below(all.size())];
  }

  std::string key() { return one_of<std::string>({"a", "b", "c", "d", "\u00e9", "a b", "zz"}); }
  json value(const std::string& field) {
    if (field == "amount") return static_cast<std::int64_t>(below(7)) - 3;
    if (field == "price") return one_of<json>({"-1.5", "-10", "0", "0.05", "2", "2.0", "10.25"});
    if (field == "due_on") return one_of<json>({"2026-01-01", "2026-01-02", "2026-11-01"});
    if (field == "paid") return chance(2);
    if (field == "status") return one_of<json>({"open", "paid", "disputed"});
    if (field == "creditor") return one_of<json>({"bank", "shop", "shops"});
    return key();
  }

  Operation operation() {
    switch (below(10)) {
      case 0:
        return append("debt", key(), one_of<std::string>({"notes", "more"}),
                      one_of<json>({1, "x\",[", {{"y", {1, 2}}}}));
      case 1:
        return operation::PutBlob{"space", key(), key(), chance(2)};
      case 2:
        return operation::EraseBlob{"space", key()};
      case 3:
      case 4:
        return erase(collection(), key(), expect());
      default:
        return put_of(collection());
    }
  }

 private:
  std::string collection() {
    return one_of<std::string>({"person", "debt", "debt", "debt", "receipt", "part"});
  }
  Expect expect() {
    Expect made;
    if (!chance(4)) return made;
    made.kind =
        one_of<Expect::Kind>({Expect::Kind::absent, Expect::Kind::present, Expect::Kind::version});
    made.version = model_.sequence - std::min<std::uint64_t>(below(4), model_.sequence);
    return made;
  }
  Operation put_of(const std::string& table) {
    operation::Put made{table, {}, expect()};
    made.row.key = key();
    made.row.open = json::object();
    std::vector<std::string> fields{"city"};
    if (table == "debt") fields = {"amount", "price", "due_on", "paid", "status", "cpf", "notes"};
    if (table == "receipt") fields = {"debt", "cpf"};
    if (table == "part") fields = {"of"};
    for (const std::string& field : fields) {
      if (chance(4)) continue;
      made.row.open[field] = field == "notes" ? json::array({1, "two"}) : value(field);
    }
    if (table == "debt") {
      made.row.subject = chance(4) ? key() : "someone";
      if (!chance(4)) made.row.hidden = {{"creditor", value("creditor")}};
      if (chance(2)) made.row.restricted_box = "box " + made.row.key;
    }
    return made;
  }

  Random random_;
  Model& model_;
};

// The comparisons of the model know nothing of encodings: numbers are compared as numbers.
int compare(const std::string& field, const json& a, const json& b) {
  if (a.is_null() || b.is_null())
    return static_cast<int>(b.is_null()) - static_cast<int>(a.is_null());
  if (field == "price") {
    const double x = std::stod(a.get<std::string>()), y = std::stod(b.get<std::string>());
    return x < y ? -1 : static_cast<int>(x > y);
  }
  return a < b ? -1 : static_cast<int>(b < a);
}

json field_of(const std::string& key, const ModelRow& row, const std::string& field) {
  if (field == "id") return key;
  const json& from = field == "creditor" ? row.tokens : row.open;
  return from.contains(field) ? from[field] : json();
}

bool passes(const Filter& filter, const std::string& key, const ModelRow& row) {
  const json value = field_of(key, row, filter.field);
  if (value.is_null()) return false;
  const int order = compare(filter.field, value, filter.value);
  switch (filter.comparison) {
    case Comparison::equal:
      return order == 0;
    case Comparison::less:
      return order < 0;
    case Comparison::less_equal:
      return order <= 0;
    case Comparison::greater:
      return order > 0;
    case Comparison::greater_equal:
      return order >= 0;
  }
  return false;
}

struct Asked {
  Query query;
  std::vector<std::string> order;
};

Asked random_query(Generator& generator) {
  Asked asked;
  asked.order = generator.one_of(debt_indexes);
  if (generator.chance(5)) asked.order = {"id"};
  const std::size_t equal = generator.below(asked.order.size() + 1);
  for (std::size_t i = 0; i < equal; ++i) {
    asked.query.filters.push_back(
        {asked.order[i], Comparison::equal, generator.value(asked.order[i])});
  }
  if (equal < asked.order.size()) {
    const std::string& ranged = asked.order[equal];
    if (generator.chance(2)) {
      const auto low =
          generator.one_of<Comparison>({Comparison::greater, Comparison::greater_equal});
      asked.query.filters.push_back({ranged, low, generator.value(ranged)});
    }
    if (generator.chance(2)) {
      const auto high = generator.one_of<Comparison>({Comparison::less, Comparison::less_equal});
      asked.query.filters.push_back({ranged, high, generator.value(ranged)});
    }
  }
  if (asked.query.filters.empty()) asked.order = {"id"};
  asked.query.descending = generator.chance(2);
  asked.query.limit = 1 + generator.below(4);
  return asked;
}

std::vector<std::string> answer(const ModelTable& table, const Asked& asked) {
  std::vector<std::string> keys;
  for (const auto& [key, row] : table) {
    const auto& filters = asked.query.filters;
    const bool all = std::all_of(
        filters.begin(), filters.end(),
        [&, &key = key, &row = row](const Filter& filter) { return passes(filter, key, row); });
    if (all) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end(), [&](const std::string& a, const std::string& b) {
    for (const std::string& field : asked.order) {
      const int order =
          compare(field, field_of(a, table.at(a), field), field_of(b, table.at(b), field));
      if (order != 0) return order < 0;
    }
    return a < b;
  });
  if (asked.query.descending) std::reverse(keys.begin(), keys.end());
  return keys;
}

void check_queries(Subject& subject, Generator& generator, Model& model) {
  for (int i = 0; i < 4; ++i) {
    Asked asked = random_query(generator);
    std::vector<std::string> keys;
    do {
      auto page = subject->query("debt", asked.query);
      INFO(text_of(page));
      REQUIRE(page);
      for (std::string& key : keys_of(page.value())) keys.push_back(std::move(key));
      asked.query.after = page.value().next;
    } while (!asked.query.after.empty());
    CHECK(keys == answer(model.tables["debt"], asked));
  }
}

void check_rows(Subject& subject, Model& model) {
  for (const char* table : {"person", "debt", "receipt", "part"}) {
    const auto page = subject->query(table, {{}, false, query_limit_max, ""});
    REQUIRE(page);
    const ModelTable& rows = model.tables[table];
    REQUIRE(page.value().rows.size() == rows.size());
    auto expected = rows.begin();
    for (const StoredRow& row : page.value().rows) {
      CHECK(row.key == expected->first);
      CHECK(row.version == expected->second.version);
      CHECK(row.subject == expected->second.subject);
      CHECK(row.restricted_box == expected->second.box);
      CHECK(row.open == expected->second.open.dump());
      ++expected;
    }
  }
  for (const char* name : {"a", "b", "zz"}) {
    const auto blob = model.blobs.find(name);
    const auto stored = subject->blob("space", name);
    REQUIRE(stored);
    CHECK(stored.value().has_value() == (blob != model.blobs.end()));
    if (stored.value() && blob != model.blobs.end()) CHECK(*stored.value() == blob->second);
  }
  CHECK(subject->last_sequence() == model.sequence);
}

void run_seed(const Kind& kind, std::uint64_t seed) {
  INFO("seed ", seed);
  Subject subject(kind);
  Reference reference;
  Generator generator(seed, reference.model());
  for (int commit = 0; commit < 60; ++commit) {
    std::vector<Transaction> transactions(1 + generator.below(3));
    for (Transaction& transaction : transactions) {
      for (std::size_t left = 1 + generator.below(4); left > 0; --left) {
        transaction.operations.push_back(generator.operation());
      }
      if (generator.chance(3)) transaction.once_key = "once " + std::to_string(generator.below(40));
      transaction.at = at(commit);
    }
    const auto results = subject->commit(transactions);
    REQUIRE(results.size() == transactions.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      std::vector<std::uint64_t> versions;
      const auto failed = reference.run(transactions[i], versions);
      INFO(text_of(results[i]));
      CHECK(errc_of(results[i]) == failed);
      if (results[i] && !failed) CHECK(results[i].value().versions == versions);
    }
    if (kind.on_disk && generator.chance(15)) subject.open(schema());
    check_queries(subject, generator, reference.model());
    check_rows(subject, reference.model());
  }
}

}  // namespace

TEST_CASE("engine: random transactions and queries answer as a plain model does") {
  on_each(kinds(), [](const Kind& kind) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) run_seed(kind, seed);
  });
}
