// What a store promises whatever its engine: documents in, rows and boxes kept, documents out.
#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>

#include "unit/stores/store_support.hpp"

namespace porteiro::stores::test {
namespace {

// Runs `check` over each engine, in memory and on disk.
void on_each_engine(const std::function<void(StoreFixture&)>& check) {
  for (const char* engine : {"memory", "sqlite", "lmdb"}) {
    for (const bool disk : {false, true}) {
      if (disk && std::string_view(engine) == "memory") continue;
      CAPTURE(engine);
      CAPTURE(disk);
      std::string directory;
      if (disk) {
        std::string pattern = (std::filesystem::temp_directory_path() / "store-XXXXXX").string();
        directory = ::mkdtemp(pattern.data());
      }
      {
        StoreFixture fixture;
        fixture.open_real(Fixture::options(engine), directory);
        check(fixture);
      }
      if (disk) std::filesystem::remove_all(directory);
    }
  }
}

Filter equal(std::string field, json value) {
  return {std::move(field), Comparison::equal, std::move(value)};
}

TEST_CASE("store: a protected record comes back whole, found by its key in clear or as a token") {
  on_each_engine([](StoreFixture& f) {
    const auto written = f.put("person", ana());
    REQUIRE(written.has_value());
    CHECK(written.value().versions == std::vector<std::uint64_t>{1});
    for (const std::string& key :
         {std::string(cpf_a), std::string("111.444.777-35"), f.token(cpf_a)}) {
      const auto got = f.get("person", key);
      REQUIRE(got.has_value());
      REQUIRE(got.value().has_value());
      CHECK(got.value()->key == f.token(cpf_a));
      CHECK(got.value()->version == 1);
      CHECK(
          got.value()->document.starts_with("{\"cpf\":\"11144477735\","));  // The key comes first.
      json expected = ana();
      expected["cpf"] = cpf_a;
      CHECK(json::parse(got.value()->document) == expected);
    }
    const auto none = f.get("person", cpf_b);
    REQUIRE(none.has_value());
    CHECK_FALSE(none.value().has_value());
    CHECK(errc_of(f.get("person", "11144477736")) == Errc::invalid);  // No CPF.
    CHECK(errc_of(f.get("people", cpf_a)) == Errc::invalid);
  });
}

TEST_CASE("store: records of every shape are spliced into well-formed documents") {
  on_each_engine([](StoreFixture& f) {
    const std::vector<json> shapes{{{"cpf", cpf_a}},
                                   {{"cpf", cpf_a}, {"segment", "x"}},
                                   {{"cpf", cpf_a}, {"income_cents", 1}},
                                   {{"cpf", cpf_a}, {"name", "A,}{"}, {"segment", "\u2028\""}},
                                   {{"cpf", cpf_a}, {"name", "A"}, {"income_cents", 0}}};
    for (const json& shape : shapes) {
      REQUIRE(f.put("person", shape).has_value());
      CHECK(f.read("person", cpf_a) == shape);
    }
    REQUIRE(f.put("trail", {{"person_token", cpf_b}}).has_value());
    const auto trail = f.get("trail", f.token(cpf_b));
    REQUIRE(trail.has_value());
    REQUIRE(trail.value().has_value());
    CHECK(trail.value()->document == "{\"person_token\":\"" + f.token(cpf_b) + "\"}");
  });
}

TEST_CASE("store: references hold tokens, and queries take values in clear or as tokens") {
  on_each_engine([](StoreFixture& f) {
    Batch batch;
    batch.writes.push_back(write::Put{"person", ana()});
    batch.writes.push_back(write::Put{"debt", debt_of("111.444.777-35", 1)});
    batch.writes.push_back(write::Put{"debt", debt_of(f.token(cpf_a), 2)});
    const auto written = f.batch(std::move(batch));
    REQUIRE(written.has_value());
    CHECK(written.value().versions.size() == 3);  // Of the writes only.
    for (const std::string& cpf : {std::string(cpf_a), f.token(cpf_a)}) {
      Query query;
      query.filters = {equal("cpf", cpf)};
      const auto page = f.query("debt", query);
      REQUIRE(page.has_value());
      REQUIRE(page.value().records.size() == 2);
      const json first = json::parse(page.value().records[0].document);
      CHECK(first["cpf"] == f.token(cpf_a));
      CHECK(first["creditor"] == "Banco Canário");
    }
    Query by_status;
    by_status.filters = {equal("status", "open"),
                         {"due_on", Comparison::greater, json("2026-01-01")}};
    const auto late = f.query("debt", by_status);
    REQUIRE(late.has_value());
    CHECK(late.value().records.size() == 1);
    Query by_email;
    by_email.filters = {equal("email", "ana@example.com")};
    const auto found = f.query("person", by_email);
    REQUIRE(found.has_value());
    CHECK(found.value().records.size() == 1);
    by_email.filters[0].comparison = Comparison::less;
    CHECK(errc_of(f.query("person", by_email)) == Errc::invalid);        // Tokens have no order.
    CHECK(errc_of(f.put("debt", debt_of(cpf_b, 3))) == Errc::conflict);  // No such person.
  });
}

TEST_CASE("store: pages go on where the last one ended") {
  on_each_engine([](StoreFixture& f) {
    REQUIRE(f.put("person", ana()).has_value());
    for (int i = 1; i <= 5; ++i) REQUIRE(f.put("debt", debt_of(cpf_a, i)).has_value());
    Query query;
    query.limit = 2;
    std::vector<std::string> keys;
    do {
      const auto page = f.query("debt", query);
      REQUIRE(page.has_value());
      for (const Record& record : page.value().records) keys.push_back(record.key);
      query.after = page.value().next;
    } while (!query.after.empty());
    CHECK(keys.size() == 5);
    CHECK(std::is_sorted(keys.begin(), keys.end()));
  });
}

TEST_CASE("store: appends to open lists, erases, once-keys") {
  on_each_engine([](StoreFixture& f) {
    const auto append = [&](int item, std::string once) {
      Batch batch;
      batch.writes.push_back(write::Append{"trail", cpf_a, "movements", json{{"n", item}}});
      batch.once_key = std::move(once);
      return f.batch(std::move(batch));
    };
    for (int i = 1; i <= 4; ++i) REQUIRE(append(i, "once-" + std::to_string(i)).has_value());
    const auto again = append(4, "once-4");
    REQUIRE(again.has_value());
    CHECK(again.value().repeated);
    const json trail = f.read("trail", cpf_a);
    CHECK(trail["movements"] == json::parse(R"([{"n":2},{"n":3},{"n":4}])"));
    REQUIRE(f.erase("trail", cpf_a).has_value());
    CHECK_FALSE(f.get("trail", cpf_a).value().has_value());
    const auto wrong = f.batch({{write::Append{"person", cpf_a, "name", "x"}}, {}});
    CHECK(errc_of(wrong) == Errc::invalid);
  });
}

TEST_CASE("store: changes reach followers in order and can be read again") {
  on_each_engine([](StoreFixture& f) {
    std::vector<std::string> told;
    auto follower =
        f.store->follow([&](const Change& change) { told.push_back(change.collection); });
    REQUIRE(f.put("person", ana()).has_value());
    REQUIRE(f.put("debt", debt_of(cpf_a)).has_value());
    CHECK(told == std::vector<std::string>{"person", "debt"});
    follower.reset();
    REQUIRE(f.put("trail", {{"person_token", cpf_a}}).has_value());
    CHECK(told.size() == 2);
    const auto changes = f.store->changes(0, 10);
    REQUIRE(changes.has_value());
    REQUIRE(changes.value().size() == 3);
    CHECK(changes.value()[0].key == f.token(cpf_a));
    CHECK(changes.value()[2].sequence == f.store->last_sequence());
  });
}

// Goal: nothing that leaves for the engine holds what is restricted or sensitive.
TEST_CASE("store: no protected value is in clear in rows, blobs, feed or files") {
  on_each_engine([](StoreFixture& f) {
    Batch batch;
    batch.writes.push_back(write::Put{"person", ana()});
    batch.writes.push_back(write::Put{"debt", debt_of(cpf_a)});
    REQUIRE(f.batch(std::move(batch)).has_value());
    std::string seen = f.watch.seen;
    CHECK(seen.find("retail") != seen.npos);  // It does see the open columns.
    const auto changes = f.store->changes(0, 10);
    REQUIRE(changes.has_value());
    for (const Change& change : changes.value()) seen += change.key + "\n";
    for (const char* clear : {cpf_a, "777-35", "Can", "ana@", "512345"}) {
      CAPTURE(clear);
      CHECK(seen.find(clear) == seen.npos);
    }
  });
}

TEST_CASE("store: what is on disk is read by the next process, without clear text in any file") {
  for (const char* engine : {"sqlite", "lmdb"}) {
    CAPTURE(engine);
    std::string pattern = (std::filesystem::temp_directory_path() / "store-XXXXXX").string();
    const std::string directory = ::mkdtemp(pattern.data());
    StoreFixture f;
    f.open_real(Fixture::options(engine), directory);
    REQUIRE(f.put("person", ana()).has_value());
    f.store.reset();
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      ++files;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)), {});
      for (const char* clear : {cpf_a, "777-35", "Can\xc3\xa1rio", "ana@", "512345"}) {
        CHECK(bytes.find(clear) == bytes.npos);
      }
    }
    CHECK(files > 0);
    f.keys->clear();  // Another process knows no key.
    f.open_real(Fixture::options(engine), directory);
    CHECK(f.read("person", cpf_a)["name"] == "Ana \"Canário\" Silva");
    f.store.reset();
    std::filesystem::remove_all(directory);
  }
}

TEST_CASE("store: documents that do not fit are refused with the place and without the value") {
  StoreFixture f;
  f.open();
  const auto refused = [&](json document, const std::string& at) {
    CAPTURE(at);
    const auto written = f.put("person", std::move(document));
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().code == Errc::invalid);
    CHECK(written.error().at == at);
    CHECK(written.error().detail.find("Secret") == std::string::npos);
  };
  refused({{"cpf", "11144477736"}}, "person.cpf");
  refused({{"name", "Secret"}}, "person.cpf");
  refused({{"cpf", f.token(cpf_a)}, {"name", "Secret"}}, "person.cpf");  // Needed in clear.
  refused({{"cpf", cpf_a}, {"nick", "Secret"}}, "person.nick");
  refused({{"cpf", cpf_a}, {"income_cents", "Secret"}}, "person.income_cents");
  refused({{"cpf", cpf_a}, {"name", "Secret\xff"}}, "person.name");
  refused({{"cpf", cpf_a}, {"segment", "Secret\xff"}}, "person.segment");
  CHECK(errc_of(f.put("people", ana())) == Errc::invalid);
  CHECK(f.engine->commits.empty());
}

TEST_CASE("store: schemas that cannot be kept safe are refused at open") {
  const auto refused = [](const std::function<void(StoreOptions&)>& change) {
    Fixture f;
    StoreOptions options = Fixture::options();
    change(options);
    const auto opened = Store::open(std::move(options), f.environment, f.dependencies(), "", false);
    return errc_of(opened) == Errc::invalid;
  };
  CHECK_FALSE(refused([](StoreOptions&) {}));
  CHECK(refused([](StoreOptions& o) { o.key.clear(); }));
  CHECK(refused([](StoreOptions& o) { o.engine = "paper"; }));
  CHECK(refused([](StoreOptions& o) { o.collections[0].subject.clear(); }));
  CHECK(refused([](StoreOptions& o) { o.collections[0].fields[0].token.clear(); }));
  CHECK(refused([](StoreOptions& o) { o.collections[0].indexes = {{"name"}}; }));
  CHECK(refused([](StoreOptions& o) { o.collections.erase(o.collections.begin()); }));  // A ref.
}

}  // namespace
}  // namespace porteiro::stores::test
