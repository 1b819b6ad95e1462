// The key hierarchy: who shares a key, when KMS is asked, what a box is bound to, how a key dies.
#include <doctest/doctest.h>

#include "unit/stores/store_support.hpp"

namespace porteiro::stores::test {
namespace {

constexpr const char* cpfs[] = {cpf_a, cpf_b, cpf_c};

json person_with(const char* cpf) { return {{"cpf", cpf}, {"name", "Canary"}}; }

TEST_CASE("store keys: a person and the debts share one subject key, many people one branch key") {
  StoreFixture f;
  f.open();
  for (const char* cpf : cpfs) {
    REQUIRE(f.put("person", person_with(cpf)).has_value());
  }
  REQUIRE(f.put("debt", debt_of(cpf_a, 1)).has_value());
  REQUIRE(f.put("debt", debt_of(cpf_b, 2)).has_value());
  CHECK(f.calls() == 1);  // One branch key: people and debts alike hang on it.
  std::vector<std::string> numbers;
  f.engine->tamper = [&](StoredRow& row) { numbers.push_back(row.restricted_box.substr(1, 8)); };
  f.read("person", cpf_a);
  f.read("debt", debt_of(cpf_a, 1)["id"].get<std::string>());
  f.read("person", cpf_b);
  REQUIRE(numbers.size() == 3);
  CHECK(numbers[0] == numbers[1]);
  CHECK(numbers[0] != numbers[2]);
  CHECK(f.calls() == 1);
}

TEST_CASE("store keys: a branch key serves so many subjects as the key cache allows") {
  kms::CacheOptions cache;
  cache.uses_max = 2;
  StoreFixture f(cache);
  f.open();
  for (const char* cpf : cpfs) REQUIRE(f.put("person", person_with(cpf)).has_value());
  CHECK(f.calls() == 2);
}

TEST_CASE("store keys: kept keys are bounded in number; the branch key brings them back") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.subject_keys_max = 2;
  f.open(std::move(options));
  for (const char* cpf : cpfs) REQUIRE(f.put("person", person_with(cpf)).has_value());
  f.engine->blob_reads = 0;
  f.read("person", cpf_c);
  f.read("person", cpf_b);
  CHECK(f.engine->blob_reads == 0);
  f.read("person", cpf_a);  // Evicted: the oldest.
  CHECK(f.engine->blob_reads == 1);
  f.read("person", cpf_a);
  CHECK(f.engine->blob_reads == 1);
  f.read("person", cpf_c);  // Went for A's.
  CHECK(f.engine->blob_reads == 2);
  CHECK(f.calls() == 1);
  f.keys->clear();
  f.read("person", cpf_b);
  CHECK(f.calls() == 2);  // Decrypt of the branch key.
}

TEST_CASE("store keys: kept keys grow old") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.subject_key_age_max = 5min;
  f.open(std::move(options));
  REQUIRE(f.put("person", person_with(cpf_a)).has_value());
  f.world.scheduler.run_for(4min);
  f.read("person", cpf_a);
  CHECK(f.calls() == 1);
  f.world.scheduler.run_for(2min);
  f.read("person", cpf_a);  // So is the branch key.
  CHECK(f.calls() == 2);
}

TEST_CASE("store keys: without any cache every read asks KMS, and a page ends") {
  kms::CacheOptions cache;
  cache.age_max = Duration::zero();
  StoreFixture f(cache);
  StoreOptions options = Fixture::options();
  options.subject_keys_max = 0;
  f.open(std::move(options));
  for (const char* cpf : cpfs) REQUIRE(f.put("person", person_with(cpf)).has_value());
  const auto before = f.calls();
  f.read("person", cpf_a);
  CHECK(f.calls() == before + 1);
  const auto page = f.query("person");
  REQUIRE(page.has_value());
  CHECK(page.value().records.size() == 3);
  CHECK(f.calls() == before + 4);
}

TEST_CASE("store keys: two writes for the same new subject in one turn share its key") {
  StoreFixture f;
  f.open();
  const auto one = f.begin(write::Put{"person", person_with(cpf_a)});
  const auto two = f.begin(write::Put{"person", ana()});
  f.world.scheduler.run_until_idle();
  REQUIRE(one->has_value());
  REQUIRE(two->has_value());
  CHECK((*one)->has_value());
  CHECK((*two)->has_value());
  CHECK(f.engine->commits == std::vector<std::size_t>{2});
  CHECK(f.calls() == 1);
  f.keys->clear();
  CHECK(f.read("person", cpf_a)["segment"] == "retail");
}

// Goal: a key whose first transaction failed is still carried by the next one.
TEST_CASE("store keys: the key is in the store even if the first write that carried it failed") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.subject_keys_max = 0;
  f.open(std::move(options));
  Expect present;
  present.kind = Expect::Kind::present;
  const auto fails = f.begin(write::Put{"person", person_with(cpf_a), present});
  const auto works = f.begin(write::Put{"person", person_with(cpf_a)});
  f.world.scheduler.run_until_idle();
  CHECK((*works)->has_value());
  CHECK((*fails)->has_value());  // Tried once more after the conflict, and then it was present.
  CHECK(f.read("person", cpf_a)["name"] == "Canary");
}

TEST_CASE("store keys: a repeated batch writes no key, the next one does") {
  StoreFixture f;
  f.open();
  Batch first{{write::Append{"trail", cpf_c, "movements", 1}}, "once"};
  REQUIRE(f.batch(std::move(first)).has_value());
  Batch again{{write::Put{"person", person_with(cpf_a)}}, "once"};
  const auto repeated = f.batch(std::move(again));
  REQUIRE(repeated.has_value());
  CHECK(repeated.value().repeated);
  REQUIRE(f.put("person", person_with(cpf_a)).has_value());
  StoreOptions options = Fixture::options();
  f.engine->blob_reads = 0;
  f.world.scheduler.run_for(6min);  // Forgets the keys.
  CHECK(f.read("person", cpf_a)["name"] == "Canary");
  CHECK(f.engine->blob_reads > 0);
}

TEST_CASE("store keys: boxes moved to another row, collection or class do not open") {
  StoreFixture f;
  f.open();
  REQUIRE(f.put("person", ana()).has_value());
  REQUIRE(f.put("person", {{"cpf", cpf_b}, {"name", "B"}, {"income_cents", 7}}).has_value());
  REQUIRE(f.put("debt", debt_of(cpf_a)).has_value());
  StoredRow a, debt_a;
  f.engine->tamper = [&](StoredRow& row) { a = row; };
  f.read("person", cpf_a);
  f.engine->tamper = [&](StoredRow& row) { debt_a = row; };
  const std::string debt_id = debt_of(cpf_a)["id"].get<std::string>();
  f.read("debt", debt_id);

  const auto read_as = [&](std::string_view name, std::string_view key,
                           std::function<void(StoredRow&)> tamper) {
    f.engine->tamper = std::move(tamper);
    const auto got = f.get(name, key);
    const auto page = f.query(name);
    CHECK(errc_of(page) == errc_of(got));
    return errc_of(got);
  };
  CHECK(read_as("person", cpf_a, [&](StoredRow& row) {
          std::swap(row.sensitive_box, row.restricted_box);
        }) == Errc::corrupt);
  CHECK(read_as("person", cpf_a, [&](StoredRow& row) { row.restricted_box.back() ^= 1; }) ==
        Errc::corrupt);
  CHECK(read_as("person", cpf_a, [&](StoredRow& row) { row.restricted_box.resize(5); }) ==
        Errc::corrupt);
  CHECK(read_as("person", cpf_a, [&](StoredRow& row) { row.restricted_box[0] = 2; }) ==
        Errc::corrupt);
  CHECK(read_as("debt", debt_id, [&](StoredRow& row) { row.restricted_box = a.restricted_box; }) ==
        Errc::corrupt);
  CHECK(read_as("person", cpf_b, [&](StoredRow& row) {  // With the other's key named as well.
          row.subject = a.subject;
          row.sensitive_box = a.sensitive_box;
          row.restricted_box = a.restricted_box;
        }) == Errc::corrupt);
}

TEST_CASE("store keys: erasing the record that names the subject destroys the key") {
  StoreFixture f;
  f.open();
  REQUIRE(f.put("person", ana()).has_value());
  StoredRow backup;
  f.engine->tamper = [&](StoredRow& row) { backup = row; };
  f.read("person", cpf_a);
  f.engine->tamper = nullptr;
  REQUIRE(f.erase("person", cpf_a).has_value());
  CHECK_FALSE(f.engine->blob("subject", f.token(cpf_a)).value().has_value());

  REQUIRE(f.put("person", person_with(cpf_a)).has_value());  // Back, with a new key.
  CHECK(f.read("person", cpf_a)["name"] == "Canary");
  f.engine->tamper = [&](StoredRow& row) { row = backup; };
  CHECK(errc_of(f.get("person", cpf_a)) == Errc::corrupt);  // The old box stays shut.
}

TEST_CASE("store keys: erase and write again in one turn, in one batch, and after a failed erase") {
  StoreFixture f;
  f.open();
  REQUIRE(f.put("person", ana()).has_value());
  const auto number = [&] {
    std::string found;
    f.engine->tamper = [&](StoredRow& row) { found = row.restricted_box.substr(1, 8); };
    f.world.scheduler.run_for(6min);  // From the blob, not from memory.
    f.read("person", cpf_a);
    f.engine->tamper = nullptr;
    return found;
  };
  const std::string first = number();

  const auto erased = f.begin(write::Erase{"person", cpf_a, {}});
  const auto written = f.begin(write::Put{"person", ana()});
  f.world.scheduler.run_until_idle();
  CHECK((*erased)->has_value());
  CHECK((*written)->has_value());
  const std::string second = number();
  CHECK(first != second);

  Batch both;
  both.writes.push_back(write::Erase{"person", cpf_a, {}});
  both.writes.push_back(write::Put{"person", ana()});
  REQUIRE(f.batch(std::move(both)).has_value());
  const std::string third = number();
  CHECK(second != third);

  REQUIRE(f.put("debt", debt_of(cpf_a)).has_value());  // Now the erase is refused.
  const auto refused = f.begin(write::Erase{"person", cpf_a, {}});
  const auto kept = f.begin(write::Put{"person", ana()});
  f.world.scheduler.run_until_idle();
  CHECK(errc_of(**refused) == Errc::conflict);
  CHECK((*kept)->has_value());  // Its new key was refused; tried again with the old one.
  CHECK(number() == third);
  f.read("debt", debt_of(cpf_a)["id"].get<std::string>());
}

TEST_CASE("store keys: a subject with records that do not refer to the erased one keeps the key") {
  StoreFixture f;
  StoreOptions options = Fixture::options();
  options.collections.push_back(
      collection("decision", R"({"key": "id", "subject": "who", "fields": {
    "id": {"type": "string"}, "who": {"token_of": "cpf"},
    "score": {"type": "int", "class": "sensitive"}}})"));
  f.open(std::move(options));
  REQUIRE(f.put("person", ana()).has_value());
  REQUIRE(f.put("decision", {{"id", "d1"}, {"who", f.token(cpf_a)}, {"score", 700}}).has_value());
  REQUIRE(f.erase("person", cpf_a).has_value());
  f.world.scheduler.run_for(6min);
  CHECK(f.read("decision", "d1")["score"] == 700);
}

TEST_CASE("store keys: KMS that fails fails those writes and reads only, and is asked again") {
  constexpr std::size_t refusals = 3;  // What the key cache bears is one less.
  StoreFixture f;
  f.open();
  f.faults.calls.assign(refusals, {Fault::Kind::throttle, {}});
  const auto fails = f.begin(write::Put{"person", person_with(cpf_a)});
  const auto open = f.begin(write::Append{"trail", cpf_a, "movements", 1});
  f.world.scheduler.run_until_idle();
  CHECK(errc_of(**fails) == Errc::unavailable);
  CHECK((*open)->has_value());
  REQUIRE(f.put("person", person_with(cpf_a)).has_value());
  f.world.scheduler.run_for(6min);
  f.faults.calls.assign(refusals, {Fault::Kind::throttle, {}});
  CHECK(errc_of(f.get("person", cpf_a)) == Errc::unavailable);
  CHECK(f.read("person", cpf_a)["name"] == "Canary");
}

// Goal: with boxes off no key is asked for, and no store takes the one form for the other.
TEST_CASE("store keys: with boxes off records are in clear, and are refused with boxes on") {
  StoreFixture f;
  StoreOptions off = Fixture::options();
  off.boxes = false;
  f.open(off);
  REQUIRE(f.put("person", ana()).has_value());
  CHECK(f.read("person", cpf_a) == [] {
    json whole = ana();
    whole["cpf"] = cpf_a;
    return whole;
  }());
  CHECK(f.query("person").value().records.size() == 1);
  CHECK(f.calls() == 0);
  CHECK(f.watch.seen.find("512345") != std::string::npos);
  CHECK_FALSE(f.engine->blob("subject", f.token(cpf_a)).value().has_value());

  const auto reopen = [&](const StoreOptions& options) {
    auto tiered = std::make_unique<TieredStore>(options, f.environment, f.dependencies());
    REQUIRE(tiered->open(f.engine, f.shares).has_value());
    f.store = std::move(tiered);
  };
  reopen(Fixture::options());
  CHECK(errc_of(f.get("person", cpf_a)) == Errc::corrupt);
  CHECK(errc_of(f.query("person")) == Errc::corrupt);
  std::vector<std::string> told;  // Who asks learns little; the log says where.
  f.telemetry.read(0, [&](const telemetry::Record& record) {
    if (record.kind == telemetry::Kind::note)
      told.emplace_back(f.telemetry.note_text(record.extra));
  });
  CHECK(told == std::vector<std::string>(2,
                                         "store A: a record was written with boxes off, and has "
                                         "no seal"));
  REQUIRE(f.put("person", ana()).has_value());  // Sealed now.
  CHECK(f.read("person", cpf_a)["income_cents"] == 512345);
  reopen(off);
  CHECK(errc_of(f.get("person", cpf_a)) == Errc::corrupt);
  CHECK(errc_of(f.query("person")) == Errc::corrupt);
  REQUIRE(f.erase("person", cpf_a).has_value());
  CHECK_FALSE(f.get("person", cpf_a).value().has_value());
}

// Goal: a read that falls between a commit and the loop's knowledge of it finds the new key.
TEST_CASE("store keys: rows under a key that changed meanwhile are read again") {
  StoreFixture f;
  f.open(Fixture::options(), false);
  REQUIRE(f.put("person", ana()).has_value());
  f.read("person", cpf_a);  // The old key is kept.
  const auto erased = f.begin(write::Erase{"person", cpf_a, {}});
  const auto written = f.begin(write::Put{"person", person_with(cpf_a)});
  f.world.scheduler.run_until_idle();
  REQUIRE(f.lane.held.size() == 1);  // The erase is alone, since it takes a key out of use.
  f.lane.run_work();
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  REQUIRE(f.lane.held.size() == 1);
  f.lane.run_work();  // Committed on the lane; the loop does not know yet.
  std::optional<Result<std::optional<Record>>> got;
  f.store->get("person", cpf_a, Id{}, [&](auto result) { got.emplace(std::move(result)); });
  f.world.scheduler.run_until_idle();
  REQUIRE(got.has_value());
  REQUIRE(got->has_value());
  CHECK(json::parse(got->value()->document)["name"] == "Canary");
  f.lane.tell_loop();
  f.world.scheduler.run_until_idle();
  CHECK((*written)->has_value());
  CHECK(f.read("person", cpf_a)["name"] == "Canary");
}

}  // namespace
}  // namespace porteiro::stores::test
