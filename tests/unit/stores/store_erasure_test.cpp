// The erasure of a data subject: nothing gives its values back, copies of the files included, and
// nobody else loses anything.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "unit/stores/store_support.hpp"

namespace porteiro::stores::test {
namespace {

namespace fs = std::filesystem;

Collection note() {  // No index by the person.
  return collection("note", R"({"key": "id", "subject": "who", "fields": {
    "id": {"type": "string"}, "who": {"token_of": "cpf"},
    "text": {"type": "string", "class": "restricted"}}})");
}
Collection invoice() {
  return collection("invoice", R"({"key": "id", "subject": "who",
    "retain": {"basis": "LGPD art. 16 I"}, "fields": {
    "id": {"type": "string"}, "who": {"token_of": "cpf"},
    "total": {"type": "int", "class": "restricted"}}})");
}

StoreOptions options_of(const std::string& engine) {
  StoreOptions options = Fixture::options(engine);
  options.collections.push_back(note());
  options.collections.push_back(invoice());
  return options;
}

struct Erasing : StoreFixture {
  std::string directory;

  explicit Erasing(const std::string& kind, bool disk = true) {
    if (disk) {
      std::string pattern = (fs::temp_directory_path() / "erase-XXXXXX").string();
      directory = ::mkdtemp(pattern.data());
    }
    open_real(options_of(kind), directory);
  }
  ~Erasing() {
    store.reset();
    if (!directory.empty()) fs::remove_all(directory);
  }
  void again(const std::string& kind) {
    store.reset();
    keys->clear();
    open_real(options_of(kind), directory);
  }
  void fill(const char* cpf, int number) {
    json one = ana();
    one["cpf"] = cpf;
    REQUIRE(put("person", one).has_value());
    REQUIRE(put("debt", debt_of(cpf, number)).has_value());
    REQUIRE(put("debt", debt_of(cpf, number + 1)).has_value());
    REQUIRE(batch({{write::Append{"trail", cpf, "movements", 1}}, {}}).has_value());
    const std::string id = std::to_string(number);
    REQUIRE(put("note", {{"id", id}, {"who", token(cpf)}, {"text", "Canary"}}).has_value());
    REQUIRE(put("invoice", {{"id", id}, {"who", token(cpf)}, {"total", 77}}).has_value());
  }
  Result<std::vector<Erasure>> erase_person(const char* cpf) {
    return wait<std::vector<Erasure>>(
        [&](auto done) { store->erase_subject("cpf", token(cpf), Id{}, std::move(done)); });
  }
  // An erasure between two writes of the person, and what became of the three.
  struct Between {
    std::shared_ptr<std::optional<Result<Committed>>> before;
    std::optional<Result<std::vector<Erasure>>> erased;
    json last = ana();
  };
  void begin_between(Between& all) {
    json first = ana();
    first["segment"] = "first";
    all.last["segment"] = "last";
    all.before = begin(write::Put{"person", first});
    store->erase_subject("cpf", token(cpf_a), Id{},
                         [&all](auto result) { all.erased.emplace(std::move(result)); });
  }
  bool has(std::string_view name, std::string_view key) {
    const auto got = get(name, key);
    REQUIRE(got.has_value());
    return got.value().has_value();
  }
  std::string all_bytes() const {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }
};

std::map<std::string, std::pair<std::uint64_t, std::string>> by_collection(
    const std::vector<Erasure>& all) {
  std::map<std::string, std::pair<std::uint64_t, std::string>> out;
  for (const Erasure& each : all) out[each.collection] = {each.records, each.basis};
  return out;
}

std::string debt_id(int number) { return debt_of(cpf_a, number)["id"].get<std::string>(); }

TEST_CASE("store erasure: all records of the person go, those of others and retained ones stay") {
  for (const std::string engine : {"memory", "sqlite", "lmdb"}) {
    CAPTURE(engine);
    Erasing f(engine);
    f.fill(cpf_a, 1);
    f.fill(cpf_b, 3);
    const auto before = f.store->last_sequence();
    const auto done = f.erase_person(cpf_a);
    REQUIRE(done.has_value());
    auto counts = by_collection(done.value());
    CHECK(counts.size() == 5);
    CHECK(counts["person"] == std::pair<std::uint64_t, std::string>{1, ""});
    CHECK(counts["debt"] == std::pair<std::uint64_t, std::string>{2, ""});
    CHECK(counts["trail"] == std::pair<std::uint64_t, std::string>{1, ""});
    CHECK(counts["note"] == std::pair<std::uint64_t, std::string>{1, ""});
    CHECK(counts["invoice"] == std::pair<std::uint64_t, std::string>{1, "LGPD art. 16 I"});
    const auto feed = f.store->changes(before, 100);
    REQUIRE(feed.has_value());
    CHECK(feed.value().size() == 5);
    for (const Change& change : feed.value()) CHECK(change.version == 0);
    for (const bool restarted : {false, true}) {
      if (restarted && engine != "memory") f.again(engine);
      CHECK_FALSE(f.has("person", cpf_a));
      CHECK_FALSE(f.has("debt", debt_id(1)));
      CHECK_FALSE(f.has("trail", cpf_a));
      CHECK_FALSE(f.has("note", "1"));
      CHECK(f.read("invoice", "1")["total"] == 77);
      CHECK(f.read("person", cpf_b)["income_cents"] == 512345);
      CHECK(f.read("debt", debt_id(4))["creditor"] == "Banco Canário");
      CHECK(f.read("note", "3")["text"] == "Canary");
    }
    const auto again = f.erase_person(cpf_a);
    REQUIRE(again.has_value());
    CHECK(by_collection(again.value())["person"].first == 0);
    CHECK(by_collection(again.value())["invoice"].first == 1);
  }
}

// Goal: the records' files alone, however many copies were made of them, are worth nothing.
TEST_CASE("store erasure: a copy of the records, put back beside today's keys, stays shut") {
  for (const std::string engine : {"sqlite", "lmdb"}) {
    CAPTURE(engine);
    Erasing f(engine);
    f.fill(cpf_a, 1);
    f.fill(cpf_b, 3);
    f.store.reset();
    fs::copy(f.directory + "/stores", f.directory + "/backup", fs::copy_options::recursive);
    std::ifstream keys(f.directory + "/subjects/A.keys", std::ios::binary);
    const std::string halves(std::istreambuf_iterator<char>(keys), {});
    constexpr std::size_t head = 16, slot = 40;
    REQUIRE(halves.size() == head + 4 * slot);  // Two people; each has one for the retained ones.
    const std::string half = halves.substr(head + 8, 32);
    REQUIRE(f.all_bytes().find(half) != std::string::npos);

    f.again(engine);
    REQUIRE(f.erase_person(cpf_a).has_value());
    f.store.reset();
    CHECK(f.all_bytes().find(half) == std::string::npos);  // In the copy neither.
    fs::remove_all(f.directory + "/stores");
    fs::rename(f.directory + "/backup", f.directory + "/stores");
    f.again(engine);
    CHECK_FALSE(f.has("person", cpf_a));
    CHECK_FALSE(f.has("debt", debt_id(1)));
    CHECK_FALSE(f.has("note", "1"));
    CHECK(f.query("note").value().records.size() == 1);  // The other's.
    CHECK(f.read("invoice", "1")["total"] == 77);
    CHECK(f.read("person", cpf_b)["income_cents"] == 512345);

    json back = ana();  // Who comes back gets a new key.
    back["name"] = "Anew";
    REQUIRE(f.put("person", back).has_value());
    CHECK(f.read("person", cpf_a)["name"] == "Anew");
    f.again(engine);
    CHECK(f.read("person", cpf_a)["name"] == "Anew");
    CHECK(errc_of(f.get("note", "1")) == Errc::corrupt);  // Under a key that has given way.
    REQUIRE(f.erase_person(cpf_a).has_value());  // What came back with the copy goes again.
    CHECK_FALSE(f.has("note", "1"));
  }
}

// The key that the copy's record names is found to be destroyed while the erasure waits.
TEST_CASE("store erasure: a write before it takes no key of the writes behind it") {
  Erasing f("sqlite");
  f.fill(cpf_a, 1);
  f.store.reset();
  fs::copy(f.directory + "/stores", f.directory + "/backup", fs::copy_options::recursive);
  f.again("sqlite");
  REQUIRE(f.erase_person(cpf_a).has_value());
  f.store.reset();
  fs::remove_all(f.directory + "/stores");
  fs::rename(f.directory + "/backup", f.directory + "/stores");
  f.again("sqlite");
  Erasing::Between all;
  f.begin_between(all);
  REQUIRE(f.put("person", all.last).has_value());
  CHECK(errc_of(**all.before) == Errc::unavailable);
  REQUIRE(all.erased.has_value());
  CHECK(all.erased->has_value());
  f.again("sqlite");
  CHECK(f.read("person", cpf_a)["segment"] == "last");
}

TEST_CASE("store erasure: it takes its place among the writes") {
  Erasing f("memory", false);
  f.fill(cpf_a, 1);
  Erasing::Between all;
  f.begin_between(all);
  const auto after = f.begin(write::Put{"person", all.last});
  const auto debt = f.begin(write::Put{"debt", debt_of(cpf_a, 9)});
  f.world.scheduler.run_until_idle();
  REQUIRE((*all.before)->has_value());
  REQUIRE((*after)->has_value());
  REQUIRE((*debt)->has_value());
  REQUIRE(all.erased.has_value());
  REQUIRE(all.erased->has_value());
  CHECK(f.read("person", cpf_a)["segment"] == "last");
  CHECK(f.read("debt", debt_id(9))["creditor"] == "Banco Canário");
  CHECK_FALSE(f.has("debt", debt_id(1)));
  f.keys->clear();
  f.world.scheduler.run_for(6min);  // From what is kept, not from memory.
  CHECK(f.read("person", cpf_a)["segment"] == "last");
}

TEST_CASE("store erasure: a record of nobody's that holds one of the person's stops it whole") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.collections.push_back(collection("receipt", R"({"key": "id", "fields": {
    "id": {"type": "string"}, "debt": {"ref": "debt"}}})"));
  f.open(std::move(options));
  REQUIRE(f.put("person", ana()).has_value());
  REQUIRE(f.put("debt", debt_of(cpf_a)).has_value());
  REQUIRE(f.put("receipt", {{"id", "r"}, {"debt", debt_id(1)}}).has_value());
  const auto erase = [&] {
    return f.wait<std::vector<Erasure>>(
        [&](auto done) { f.store->erase_subject("cpf", f.token(cpf_a), Id{}, std::move(done)); });
  };
  CHECK(errc_of(erase()) == Errc::conflict);
  f.keys->clear();
  f.world.scheduler.run_for(6min);
  CHECK(f.read("person", cpf_a)["income_cents"] == 512345);  // The key is there, too.
  REQUIRE(f.erase("receipt", "r").has_value());
  REQUIRE(erase().has_value());
  CHECK_FALSE(f.get("person", cpf_a).value().has_value());
}

TEST_CASE("store erasure: a reset amid it, and a store that takes no writes") {
  StoreFixture f;
  f.open(Fixture::options(), false);
  std::optional<Result<std::vector<Erasure>>> erased;
  const auto begin = [&] {
    f.store->erase_subject("cpf", f.token(cpf_a), Id{},
                           [&](auto result) { erased.emplace(std::move(result)); });
  };
  f.faults.writes = {{Fault::Kind::error, {}}};
  begin();
  f.world.scheduler.run_until_idle();
  CHECK(errc_of(*erased) == Errc::unavailable);
  erased.reset();
  begin();
  REQUIRE(f.store->reset().has_value());
  f.world.scheduler.run_until_idle();
  REQUIRE(erased.has_value());
  CHECK(errc_of(*erased) == Errc::unavailable);
  CHECK(f.put("person", ana()).has_value());
  CHECK(f.read("person", cpf_a)["segment"] == "retail");
}

TEST_CASE(
    "store erasure: records whose halves of keys are missing, or lay with them, are refused") {
  for (const bool earlier : {false, true}) {
    Erasing f("sqlite");
    f.fill(cpf_a, 1);
    f.store.reset();
    fs::remove_all(f.directory + "/subjects");
    StoreOptions options = options_of("sqlite");
    if (earlier) {  // As the version before this one wrote it.
      EngineOptions engine{"A", f.directory + "/stores"};
      auto opened = open_sqlite(engine, options.collections);
      REQUIRE(opened.has_value());
      const Transaction old{
          {operation::PutBlob{"subject", f.token(cpf_a), "\x01" + std::string(60, 'x')}}, {}, {}};
      REQUIRE(opened.value()->commit({&old, 1}).front().has_value());
    }
    const auto refused =
        Store::open(std::move(options), f.environment, f.dependencies(), f.directory, false);
    CHECK(errc_of(refused) == (earlier ? Errc::invalid : Errc::corrupt));
    const char* why = earlier ? "earlier version" : "`subjects` are missing";
    CHECK(refused.error().detail.find(why) != std::string::npos);
  }
}

TEST_CASE("store erasure: a retained record may not hang on one that is erased") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.collections[1].retained = "LGPD art. 16 I";  // Debts refer to people.
  const auto refused = Store::open(std::move(options), f.environment, f.dependencies(), "", false);
  CHECK(errc_of(refused) == Errc::invalid);
  CHECK(refused.error().at == "collections.debt.fields.cpf");
}

}  // namespace
}  // namespace porteiro::stores::test
