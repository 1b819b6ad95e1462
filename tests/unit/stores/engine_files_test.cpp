// What engines keep on disk: found again, extended with the schema, and otherwise left as it is.
#include <lmdb.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "porteiro/base/random.hpp"
#include "unit/stores/engine_kit.hpp"

using namespace porteiro;
using namespace porteiro::stores;
using namespace porteiro::stores::engine_test;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

void fill(Subject& subject, int rows) {
  subject.must({put("person", "p", {{"city", "Recife"}})});
  for (int i = 0; i < rows; ++i) {
    operation::Put debt{"debt", {}, {}};
    debt.row.key = "debt " + std::to_string(i);
    debt.row.open = {{"cpf", "p"},
                     {"amount", i},
                     {"price", std::to_string(i) + ".5"},
                     {"extra", std::string(static_cast<std::size_t>(i * 31 % 6000), 'x')}};
    debt.row.hidden = {{"creditor", i % 2 == 0 ? "bank" : "shop"}};
    debt.row.restricted_box = "sealed";
    subject.must({debt, operation::PutBlob{"keys", debt.row.key, "value"}}, debt.row.key);
  }
}

std::size_t count(Subject& subject, std::vector<Filter> filters) {
  Query query{std::move(filters), false, query_limit_max, ""};
  const auto page = subject->query("debt", query);
  INFO(text_of(page));
  REQUIRE(page);
  return page.value().rows.size();
}

using enum Comparison;

}  // namespace

TEST_CASE("engine files: an engine that is opened again has everything") {
  on_each(kinds_on_disk(), [](const Kind& kind) {
    Subject subject(kind);
    fill(subject, 50);
    const auto row = subject.row("debt", "debt 7");
    const auto last = subject->last_sequence();
    subject.open(schema());
    const auto again = subject.row("debt", "debt 7");
    REQUIRE(again);
    CHECK(again->open == row->open);
    CHECK(again->version == row->version);
    CHECK(again->restricted_box == "sealed");
    CHECK(subject->last_sequence() == last);
    CHECK(subject->blob("keys", "debt 3").value() == "value");
    CHECK(subject.must({put("part", "x", json::object())}, "debt 9").repeated);
    CHECK(count(subject, {{"creditor", equal, "bank"}}) == 25);
    CHECK(subject.must({put("part", "x", json::object())}).versions[0] == last + 1);
    struct stat status {};
    REQUIRE(::stat(subject.file().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  });
}

TEST_CASE("engine files: a schema may grow, and new indexes hold the old records") {
  on_each(kinds_on_disk(), [](const Kind& kind) {
    Subject subject(kind);
    fill(subject, 30);
    json grown = schema();
    grown["debt"]["fields"]["kind"] = {{"type", "string"}};
    grown["debt"]["fields"]["collector"] = {
        {"type", "string"}, {"class", "restricted"}, {"token", "creditor"}};
    grown["debt"]["fields"]["guarantor"] = {{"ref", "person"}, {"on_delete", "restrict"}};
    grown["debt"]["fields"]["status"]["of"].push_back("sold");
    grown["debt"]["indexes"].insert(grown["debt"]["indexes"].begin(),
                                    json::array({"kind", "amount"}));
    grown["debt"]["indexes"].push_back(json::array({"cpf", "amount"}));
    grown["debt"]["indexes"].push_back(json::array({"collector"}));
    grown["house"] = {{"key", "id"}, {"fields", {{"id", {{"type", "uuid"}}}}}};
    subject.open(grown);
    CHECK(subject.row("debt", "debt 5")->open.find("\"amount\":5") != std::string::npos);
    CHECK(count(subject, {{"cpf", equal, "p"}, {"amount", less, 10}}) == 10);
    CHECK(count(subject, {{"creditor", equal, "shop"}}) == 15);
    CHECK(count(subject, {{"collector", equal, "none"}}) == 0);
    subject.must({put("house", "h", json::object()),
                  put("debt", "new",
                      {{"kind", "loan"}, {"status", "sold"}, {"amount", 1}, {"guarantor", "p"}})});
    CHECK(count(subject, {{"kind", equal, "loan"}}) == 1);
    CHECK(errc_of(subject.run({erase("person", "p")})) == Errc::conflict);
    subject.must({erase("debt", "new"), erase("person", "p")});
    CHECK(count(subject, {}) == 0);
    subject.open(grown);
  });
}

TEST_CASE("engine files: any other change of the schema is refused and changes nothing") {
  const auto changed = [](const std::function<void(json&)>& change) {
    json described = schema();
    change(described);
    return described;
  };
  using Changes = std::vector<std::pair<std::string, json>>;
  const Changes changes{
      {"part", changed([](json& s) { s.erase("part"); })},
      {"debt.fields.extra", changed([](json& s) { s["debt"]["fields"].erase("extra"); })},
      {"debt.fields.amount",
       changed([](json& s) { s["debt"]["fields"]["amount"]["type"] = "string"; })},
      {"debt.fields.due_on",
       changed([](json& s) { s["debt"]["fields"]["due_on"]["class"] = "internal"; })},
      {"debt.fields.due_on",
       changed([](json& s) { s["debt"]["fields"]["due_on"]["required"] = true; })},
      {"debt.fields.new", changed([](json& s) {
         s["debt"]["fields"]["new"] = {{"type", "int"}, {"required", true}};
       })},
      {"debt.fields.creditor",
       changed([](json& s) { s["debt"]["fields"]["creditor"]["token"] = "other"; })},
      {"debt.fields.status", changed([](json& s) {
         s["debt"]["fields"]["status"]["of"] = {"open", "paid"};
       })},
      {"receipt.fields.debt",
       changed([](json& s) { s["receipt"]["fields"]["debt"]["on_delete"] = "cascade"; })},
      {"debt.indexes", changed([](json& s) { s["debt"]["indexes"].erase(1); })},
      {"debt.key", changed([](json& s) { s["debt"]["key"] = "due_on"; })},
      {"person.fields.cpf",
       changed([](json& s) { s["person"]["fields"]["cpf"].erase("format"); })}};
  on_each(kinds_on_disk(), [&](const Kind& kind) {
    Subject subject(kind);
    fill(subject, 5);
    for (const auto& [place, described] : changes) {
      INFO(place);
      const auto refused = subject.try_open(described);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == Errc::invalid);
      CHECK(refused.error().at == place);
      CHECK(refused.error().detail.find("move the data directory away") != std::string::npos);
    }
    subject.open(schema());
    CHECK(count(subject, {{"amount", greater_equal, 0}}) == 5);
  });
}

TEST_CASE("engine files: a new index on a protected field without tokens is refused") {
  on_each(kinds_on_disk(), [](const Kind& kind) {
    json without = schema();
    without["debt"]["indexes"].erase(3);
    Subject subject(kind, without);
    const auto refused = subject.try_open(schema());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().at == "debt.indexes");
  });
}

TEST_CASE("engine files: a file of something else is refused and stays as it is") {
  const auto foreign_sqlite = [](const std::string& path) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, "CREATE TABLE t (a)", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  };
  const auto foreign_lmdb = [](const std::string& path) {
    MDB_env* environment = nullptr;
    MDB_txn* transaction = nullptr;
    MDB_dbi main = 0;
    MDB_val text{1, const_cast<char*>("x")};
    REQUIRE(mdb_env_create(&environment) == 0);
    REQUIRE(mdb_env_open(environment, path.c_str(), MDB_NOSUBDIR | MDB_NOLOCK, 0600) == 0);
    REQUIRE(mdb_txn_begin(environment, nullptr, 0, &transaction) == 0);
    REQUIRE(mdb_dbi_open(transaction, nullptr, 0, &main) == 0);
    REQUIRE(mdb_put(transaction, main, &text, &text, 0) == 0);
    REQUIRE(mdb_txn_commit(transaction) == 0);
    mdb_env_close(environment);
  };
  on_each(kinds_on_disk(), [&](const Kind& kind) {
    for (const std::string content :
         {"x", "a text that somebody keeps here", "SQLite format 3", "", "database"}) {
      INFO(content);
      Subject subject(kind);
      subject.close();
      std::filesystem::remove(subject.file());
      std::string before = content.empty() ? std::string(20000, 'z') : content;
      if (content == "database") {
        (kind.name == "sqlite" ? std::function<void(const std::string&)>(foreign_sqlite)
                               : foreign_lmdb)(subject.file());
        before = read_file(subject.file());
      } else {
        write_file(subject.file(), before);
      }
      const auto refused = subject.try_open(schema());
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == Errc::corrupt);
      CHECK(read_file(subject.file()) == before);
    }
  });
}

TEST_CASE("engine files: another engine's store is not taken for an empty one") {
  Subject subject({"lmdb", open_lmdb, true, false});
  subject.close();
  const auto refused = open_sqlite(subject.options(), collections_of(schema()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid);
  EngineOptions options = subject.options();
  options.store = "../S";
  CHECK(errc_of(open_lmdb(options, collections_of(schema()))) == Errc::invalid);
  options.store = "T";
  options.directory = "/dev/null/here";
  CHECK(errc_of(open_sqlite(options, collections_of(schema()))) == Errc::unavailable);
  CHECK(errc_of(open_lmdb(options, collections_of(schema()))) == Errc::unavailable);
}

TEST_CASE("engine files: damage is found when the file is opened, and nothing is changed") {
  on_each(kinds_on_disk(), [](const Kind& kind) {
    Subject subject(kind);
    fill(subject, 300);
    subject.close();
    const std::string sound = read_file(subject.file());
    REQUIRE(sound.size() > 100'000);
    const auto refused = [&](const std::string& damaged) {
      write_file(subject.file(), damaged);
      const auto opened = subject.try_open(schema());
      subject.close();
      REQUIRE_FALSE(opened);
      CHECK(opened.error().code == Errc::corrupt);
      CHECK(read_file(subject.file()) == damaged);
    };
    refused(sound.substr(0, sound.size() / 2));
    refused(sound.substr(0, 5000));
    std::string overwritten = sound;
    overwritten.replace(2 * 4096, sound.size() - 2 * 4096, sound.size() - 2 * 4096, '\x5a');
    refused(overwritten);
    write_file(subject.file(), sound);
    subject.open(schema());
    CHECK(count(subject, {{"creditor", equal, "bank"}}) == 150);
  });
}

// Goal: whatever bytes are in the file, the process lives: the file is refused, or read without
// more harm than errors and wrong values.
TEST_CASE("engine files: random damage never ends the process") {
  on_each(kinds_on_disk(), [](const Kind& kind) {
    Subject subject(kind);
    fill(subject, 120);
    subject.close();
    const std::string sound = read_file(subject.file());
    Random random(7);
    int refused = 0;
    for (int round = 0; round < 150; ++round) {
      std::string damaged = sound;
      for (int bytes = 0; bytes < 8; ++bytes) {
        // Half of the damage at the beginning of a page, where its structure is.
        const std::size_t page = random.below(sound.size() / 4096) * 4096;
        const std::size_t place = page + random.below(bytes % 2 == 0 ? 64 : 4096);
        damaged[place] = static_cast<char>(random.below(256));
      }
      write_file(subject.file(), damaged);
      std::filesystem::remove(subject.file() + "-wal");
      std::filesystem::remove(subject.file() + "-shm");
      INFO("round ", round);
      const auto opened = subject.try_open(schema());
      if (!opened) {
        ++refused;
        continue;
      }
      const auto page = subject->query("debt", {{}, false, query_limit_max, ""});
      const auto walked = subject->query("debt", {{{"creditor", equal, "bank"}}, true, 500, ""});
      if (page && walked) CHECK(walked.value().rows.size() <= 120);
      subject.close();
    }
    CHECK(refused > 75);
  });
}

// The child is killed in the middle of its commits; what it had reported has to be there.
TEST_CASE("engine files: a killed process leaves every commit that was acknowledged") {
  on_each(kinds_on_disk(), [](const Kind& kind) {
    Subject subject(kind);
    subject.close();
    int acknowledged = 0;
    for (const int wanted : {1, 20, 300}) {
      int pipes[2];
      REQUIRE(::pipe(pipes) == 0);
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        auto engine = kind.open(subject.options(), collections_of(schema()));
        for (int i = acknowledged; engine; ++i) {
          const Transaction next{
              {append("debt", "k", "notes", i), put("part", std::to_string(i), json::object())},
              "",
              at(i)};
          if (!engine.value()->commit({&next, 1})[0]) break;
          if (::write(pipes[1], "+", 1) != 1) break;
        }
        ::_exit(1);
      }
      ::close(pipes[1]);
      char byte = 0;
      for (int i = 0; i < wanted; ++i) REQUIRE(::read(pipes[0], &byte, 1) == 1);
      ::kill(child, SIGKILL);
      acknowledged += wanted;
      while (::read(pipes[0], &byte, 1) == 1) ++acknowledged;
      ::waitpid(child, nullptr, 0);
      ::close(pipes[0]);
      subject.open(schema());
      CHECK(subject.row("part", std::to_string(acknowledged - 1)));
      const auto last = subject->last_sequence();
      CHECK(last >= 2 * static_cast<std::uint64_t>(acknowledged));
      CHECK(last <= 2 * static_cast<std::uint64_t>(acknowledged) + 2);
      acknowledged = static_cast<int>(last / 2);
      subject.close();
    }
  });
}

TEST_CASE("engine files: an engine in memory says so and keeps nothing") {
  for (const Kind& kind : kinds()) {
    Subject subject(kind);
    fill(subject, 3);
    CHECK(subject->in_memory() == !kind.on_disk);
    if (kind.on_disk) continue;
    subject.open(schema());
    CHECK(subject->last_sequence() == 0);
  }
}
