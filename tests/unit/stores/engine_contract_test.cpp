// What every engine promises, tried on each of them in memory and on disk.
#include "unit/stores/engine_kit.hpp"

using namespace porteiro;
using namespace porteiro::stores;
using namespace porteiro::stores::engine_test;

namespace {

using Keys = std::vector<std::string>;

// Filters as [field, "=", value, …]; the keys of all pages of `limit`, joined.
Keys all_keys(Engine& engine, const std::string& collection, const json& filters,
              bool descending = false, std::size_t limit = 2) {
  Query query;
  query.descending = descending;
  query.limit = limit;
  for (std::size_t i = 0; i < filters.size(); i += 3) {
    const std::string sign = filters[i + 1];
    const auto comparison = sign == "="    ? Comparison::equal
                            : sign == "<"  ? Comparison::less
                            : sign == "<=" ? Comparison::less_equal
                            : sign == ">"  ? Comparison::greater
                                           : Comparison::greater_equal;
    query.filters.push_back({filters[i], comparison, filters[i + 2]});
  }
  Keys keys;
  do {
    auto page = engine.query(collection, query);
    INFO(text_of(page));
    REQUIRE(page);
    CHECK(page.value().rows.size() <= limit);
    for (std::string& key : keys_of(page.value())) keys.push_back(std::move(key));
    query.after = page.value().next;
  } while (!query.after.empty());
  return keys;
}

void put_debts(Subject& subject) {
  subject.must({put("person", "p1", {{"city", "Recife"}}), put("person", "p2", json::object())});
  const auto debt = [](std::string key, json open, std::string creditor) {
    auto operation = put("debt", std::move(key), std::move(open));
    if (!creditor.empty()) {
      std::get<operation::Put>(operation).row.hidden = {{"creditor", creditor}};
    }
    return operation;
  };
  subject.must({
      debt("a",
           {{"cpf", "p1"},
            {"amount", -5},
            {"price", "9.9"},
            {"status", "open"},
            {"due_on", "2026-01-05"},
            {"paid", true}},
           "bank"),
      debt("b",
           {{"cpf", "p1"},
            {"amount", 300},
            {"price", "10.00"},
            {"status", "open"},
            {"due_on", "2026-01-02"},
            {"paid", false}},
           "shop"),
      debt("c",
           {{"cpf", "p2"},
            {"amount", 40},
            {"price", "-3"},
            {"status", "paid"},
            {"due_on", "2026-03-01"},
            {"paid", true}},
           "bank"),
      debt("d", {{"cpf", "p2"}, {"amount", 40}, {"price", "10"}, {"status", "open"}}, "bank"),
      debt("e", {{"cpf", "p1"}, {"price", "0.001"}}, ""),
  });
}

}  // namespace

TEST_CASE("engine: what is put is read, and its version grows") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    Row row;
    row.key = "token-of-a-cpf";
    row.subject = "someone";
    row.open = {{"city", "Olinda \"\u00e9\" \n"}};
    row.restricted_box = std::string("\x00\x01\xff sealed", 10);
    const auto first = subject.must({operation::Put{"person", row, {}}}, "", 7);
    REQUIRE(first.versions.size() == 1);
    REQUIRE(first.changes.size() == 1);
    CHECK(first.changes[0].collection == "person");
    CHECK(first.changes[0].key == row.key);
    CHECK(first.changes[0].version == first.versions[0]);
    CHECK(first.changes[0].at == at(7));
    auto read = subject.row("person", row.key);
    REQUIRE(read);
    CHECK(read->key == row.key);
    CHECK(read->subject == "someone");
    CHECK(read->version == first.versions[0]);
    CHECK(json::parse(read->open) == row.open);
    CHECK(read->sensitive_box.empty());
    CHECK(read->restricted_box == row.restricted_box);

    row.open = json::object();
    row.restricted_box.clear();
    const auto second = subject.must({operation::Put{"person", row, {}}});
    CHECK(second.versions[0] > first.versions[0]);
    read = subject.row("person", row.key);
    CHECK(read->open == "{}");
    CHECK(read->restricted_box.empty());
    CHECK_FALSE(subject.row("person", "another"));
    CHECK_FALSE(subject.row("person", ""));
  });
}

TEST_CASE("engine: values of every type come back as they were, in the same text everywhere") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const json open{{"amount", -9223372036854775807LL},
                    {"price", "12.50"},
                    {"paid", false},
                    {"due_on", "2026-02-28"},
                    {"status", "open"},
                    {"creditor", nullptr},
                    {"notes", {1, "two", {{"three", 3.5}}}},
                    {"more", json::array()},
                    {"extra", {{"deep", {{"er", {nullptr, true}}}}}}};
    json clean = open;
    clean.erase("creditor");
    CHECK(errc_of(subject.run({put("debt", "k", open)})) == Errc::invalid);  // In the box only.
    subject.must({put("debt", "k", clean)});
    const auto row = subject.row("debt", "k");
    REQUIRE(row);
    CHECK(row->open ==
          R"({"amount":-9223372036854775807,"due_on":"2026-02-28",)"
          R"("extra":{"deep":{"er":[null,true]}},"more":[],"notes":[1,"two",{"three":3.5}],)"
          R"("paid":false,"price":"12.50",)"
          R"("status":"open"})");
    subject.must({put("debt", "k", {{"amount", nullptr}, {"extra", nullptr}})});
    CHECK(subject.row("debt", "k")->open == "{}");
  });
}

TEST_CASE("engine: what does not fit the schema is refused") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const auto refused = [&](Operation operation) {
      return errc_of(subject.run({std::move(operation)})) == Errc::invalid;
    };
    CHECK(refused(put("nowhere", "k", json::object())));
    CHECK(refused(put("debt", "", json::object())));
    CHECK(refused(put("debt", std::string(key_bytes_max + 1, 'k'), json::object())));
    CHECK(refused(put("debt", "k", {{"unknown", 1}})));
    CHECK(refused(put("debt", "k", {{"id", "k"}})));
    CHECK(refused(put("debt", "k", {{"amount", "1"}})));
    CHECK(refused(put("debt", "k", {{"amount", 9223372036854775808ULL}})));
    CHECK(refused(put("debt", "k", {{"price", 1.5}})));
    CHECK(refused(put("debt", "k", {{"price", "1e3"}})));
    CHECK(refused(put("debt", "k", {{"notes", "none"}})));
    CHECK(refused(put("debt", "k", json::array())));
    CHECK(refused(put("person", "k", {{"city", std::string(index_bytes_max, 'x')}})));
    CHECK(refused(append("debt", "k", "extra", 1)));
    CHECK(refused(append("debt", "k", "unknown", 1)));
    CHECK(refused(append("nowhere", "k", "notes", 1)));
    CHECK(refused(erase("nowhere", "k")));
    CHECK(refused(operation::PutBlob{"", "n", "v"}));
    CHECK(refused(operation::PutBlob{"s", std::string(key_bytes_max + 1, 'n'), "v"}));
    CHECK(errc_of(subject.run({}, std::string(key_bytes_max + 1, 'o'))) == Errc::invalid);
    CHECK(errc_of(subject->get("nowhere", "k")) == Errc::invalid);
    CHECK(errc_of(subject->query("nowhere", {})) == Errc::invalid);
    CHECK(subject->last_sequence() == 0);
    const std::string longest(key_bytes_max, '\0'), odd(100, '\0');
    subject.must({put("part", longest, json::object())});
    subject.must({put("part", odd, {{"of", odd}})});
    CHECK(subject.row("part", longest)->key == longest);
    CHECK(all_keys(*subject, "part", {"of", "=", odd}) == Keys{odd});
  });
}

TEST_CASE("engine: expectations decide, and a failed transaction leaves nothing") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const Expect absent{Expect::Kind::absent, 0}, present{Expect::Kind::present, 0};
    const auto of_version = [](std::uint64_t v) { return Expect{Expect::Kind::version, v}; };
    CHECK(errc_of(subject.run({put("part", "k", json::object(), present)})) == Errc::conflict);
    CHECK(errc_of(subject.run({put("part", "k", json::object(), of_version(1))})) ==
          Errc::conflict);
    const auto version = subject.must({put("part", "k", json::object(), absent)}).versions[0];
    CHECK(errc_of(subject.run({put("part", "k", json::object(), absent)})) == Errc::conflict);
    CHECK(errc_of(subject.run({erase("part", "k", of_version(version + 1))})) == Errc::conflict);
    subject.must({put("part", "k", json::object(), of_version(version))});
    subject.must({put("part", "k", json::object(), present)});

    const auto before = subject->last_sequence();
    const auto failed =
        subject.run({put("part", "new", json::object()), put("person", "p", {{"city", "here"}}),
                     operation::PutBlob{"s", "n", "v"}, append("debt", "d", "notes", 1),
                     erase("part", "k"), erase("part", "gone", present)},
                    "once");
    CHECK(errc_of(failed) == Errc::conflict);
    CHECK(subject->last_sequence() == before);
    CHECK_FALSE(subject.row("part", "new"));
    CHECK_FALSE(subject.row("person", "p"));
    CHECK_FALSE(subject.row("debt", "d"));
    CHECK(subject.row("part", "k"));
    CHECK_FALSE(subject->blob("s", "n").value());
    CHECK(all_keys(*subject, "person", {"city", "=", "here"}).empty());
    CHECK_FALSE(subject.must({put("part", "new", json::object())}, "once").repeated);

    const auto gone = subject.must({erase("part", "k"), erase("part", "k"), erase("part", "none")});
    CHECK(gone.versions == std::vector<std::uint64_t>{0, 0, 0});
    REQUIRE(gone.changes.size() == 1);
    CHECK(gone.changes[0].version == 0);
    const auto again = subject.must({put("part", "k", json::object(), absent)});
    CHECK(again.versions[0] > version);  // No version returns.
  });
}

TEST_CASE("engine: a record stays with its data subject") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const auto of = [](const std::string& whose, const std::string& status) {
      operation::Put made = std::get<operation::Put>(put("debt", "d", {{"status", status}}));
      made.row.subject = whose;
      return made;
    };
    subject.must({append("debt", "d", "notes", 1)});  // Nobody's, as yet.
    const auto first = subject.must({of("ana", "open")}).versions[0];
    const auto before = subject->last_sequence();
    for (const std::string whose : {"bento", ""}) {
      CHECK(errc_of(subject.run({of(whose, "paid")})) == Errc::conflict);
      operation::Put expected = of(whose, "paid");
      expected.expect = {Expect::Kind::version, first};
      CHECK(errc_of(subject.run({expected})) == Errc::conflict);
    }
    CHECK(subject->last_sequence() == before);
    CHECK(subject.row("debt", "d")->subject == "ana");
    CHECK(all_keys(*subject, "debt", {"status", "=", "open"}) == std::vector<std::string>{"d"});
    subject.must({of("ana", "paid"), append("debt", "d", "notes", 2)});
    subject.must({erase("debt", "d"), of("bento", "open")});
    CHECK(subject.row("debt", "d")->subject == "bento");
  });
}

TEST_CASE("engine: transactions of one commit stand for themselves, later ones see earlier ones") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const Expect absent{Expect::Kind::absent, 0};
    const std::vector<Transaction> all{
        {{put("part", "a", json::object(), absent)}, "", at(0)},
        {{put("part", "b", json::object()), put("part", "a", json::object(), absent)}, "", at(0)},
        {{put("part", "c", {{"of", "a"}})}, "", at(0)}};
    const auto results = subject->commit(all);
    REQUIRE(results.size() == 3);
    CHECK(results[0]);
    CHECK(errc_of(results[1]) == Errc::conflict);
    CHECK(results[2]);
    CHECK_FALSE(subject.row("part", "b"));
    CHECK(subject.row("part", "c"));
    CHECK(subject->last_sequence() == 2);
    CHECK(subject->commit({}).empty());
  });
}

TEST_CASE("engine: append makes the record, keeps the order and drops the oldest items") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const auto made = subject.must({append("debt", "k", "notes", {{"n", 1}})});
    auto row = subject.row("debt", "k");
    REQUIRE(row);
    CHECK(row->version == made.versions[0]);
    CHECK(row->subject.empty());
    CHECK(row->open == R"({"notes":[{"n":1}]})");
    subject.must({append("debt", "k", "more", "x,\"]"), append("debt", "k", "notes", "[{,")});
    subject.must({append("debt", "k", "notes", {1, {2, 3}}), append("debt", "k", "more", nullptr)});
    CHECK(subject.row("debt", "k")->open ==
          R"({"more":["x,\"]",null],"notes":[{"n":1},"[{,",[1,[2,3]]]})");
    const auto last =
        subject.must({append("debt", "k", "more", 7), append("debt", "k", "notes", 8)});
    row = subject.row("debt", "k");
    CHECK(row->open == R"({"more":[null,7],"notes":["[{,",[1,[2,3]],8]})");
    CHECK(row->version == last.versions[1]);
    CHECK(last.changes.size() == 2);

    // Beside other fields, with boxes and index entries kept; an empty list; a list too long.
    Row full;
    full.key = "f";
    full.subject = "someone";
    full.open = {
        {"amount", 4}, {"more", json::array()}, {"status", "open"}, {"notes", {1, 2, 3, 4}}};
    full.hidden = {{"creditor", "bank"}};
    full.restricted_box = "box";
    subject.must({operation::Put{"debt", full, {}}});
    subject.must({append("debt", "f", "more", 1), append("debt", "f", "notes", 5)});
    row = subject.row("debt", "f");
    CHECK(row->open == R"({"amount":4,"more":[1],"notes":[3,4,5],"status":"open"})");
    CHECK(row->subject == "someone");
    CHECK(row->restricted_box == "box");
    CHECK(all_keys(*subject, "debt", {"creditor", "=", "bank"}) == Keys{"f"});
  });
}

TEST_CASE("engine: references hold, cascade or are in the way") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    CHECK(errc_of(subject.run({put("debt", "d", {{"cpf", "p1"}})})) == Errc::conflict);
    CHECK(errc_of(subject.run({put("debt", "d", {{"cpf", ""}})})) == Errc::conflict);
    put_debts(subject);
    subject.must({put("receipt", "r1", {{"debt", "c"}, {"cpf", "p2"}}),
                  put("receipt", "r2", {{"debt", "a"}})});
    const auto refused = subject.run({erase("person", "p1")});
    CHECK(errc_of(refused) == Errc::conflict);  // r2 would stay without its debt.
    CHECK(refused.error().at == "person.cpf");
    CHECK(errc_of(subject.run({erase("debt", "c")})) == Errc::conflict);
    CHECK(all_keys(*subject, "debt", json::array()) == Keys{"a", "b", "c", "d", "e"});

    // r1 refers to a debt that goes, but goes with it.
    const auto gone = subject.must({erase("person", "p2")});
    std::vector<std::string> changed;
    for (const Change& change : gone.changes) {
      CHECK(change.version == 0);
      changed.push_back(change.collection + "/" + change.key);
    }
    CHECK(changed == Keys{"person/p2", "debt/c", "debt/d", "receipt/r1"});
    CHECK(all_keys(*subject, "debt", json::array()) == Keys{"a", "b", "e"});
    CHECK(all_keys(*subject, "debt", {"creditor", "=", "bank"}) == Keys{"a"});
    CHECK_FALSE(subject.row("receipt", "r1"));
    subject.must({erase("receipt", "r2"), erase("person", "p1")});
    CHECK(all_keys(*subject, "debt", json::array()).empty());
  });
}

TEST_CASE("engine: a chain and a ring of cascading references go as a whole") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    subject.must({put("part", "0", {{"of", "0"}})});
    std::vector<Operation> chain;
    for (int i = 1; i <= 2000; ++i) {
      chain.push_back(put("part", std::to_string(i), {{"of", std::to_string(i - 1)}}));
    }
    subject.must(std::move(chain));
    subject.must({put("part", "0", {{"of", "2000"}})});
    CHECK(subject.must({erase("part", "1000")}).changes.size() == 2001);
    CHECK(all_keys(*subject, "part", json::array()).empty());
  });
}

TEST_CASE("engine: queries go along an index, both ways, page by page") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    put_debts(subject);
    Engine& engine = *subject;
    const auto both = [&](const json& filters, const Keys& expected) {
      INFO(filters.dump());
      for (const std::size_t limit : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
        CHECK(all_keys(engine, "debt", filters, false, limit) == expected);
        CHECK(all_keys(engine, "debt", filters, true, limit) ==
              Keys(expected.rbegin(), expected.rend()));
      }
    };
    both(json::array(), {"a", "b", "c", "d", "e"});
    both({"id", "=", "c"}, {"c"});
    both({"id", ">", "b"}, {"c", "d", "e"});
    both({"id", ">=", "b", "id", "<", "d"}, {"b", "c"});
    both({"cpf", "=", "p1"}, {"a", "b", "e"});
    both({"status", "=", "open"}, {"d", "b", "a"});  // d has no date: it comes first.
    both({"status", "=", "open", "due_on", "<=", "2026-01-05"}, {"b", "a"});
    both({"status", "=", "open", "due_on", ">", "2026-01-02"}, {"a"});
    both({"due_on", "<", "2026-01-05", "due_on", ">=", "2026-01-02", "status", "=", "open"}, {"b"});
    both({"status", "<", "paid"}, {"d", "b", "a"});
    both({"amount", ">", -6}, {"a", "c", "d", "b"});
    both({"amount", ">", -5, "amount", "<=", 40}, {"c", "d"});
    both({"amount", "<", 9223372036854775807LL}, {"a", "c", "d", "b"});  // Not e, without amount.
    both({"price", ">", "-3.000"}, {"e", "a", "b", "d"});
    both({"price", "=", "10.0"}, {"b", "d"});
    both({"price", "<", "9.95"}, {"c", "e", "a"});
    both({"creditor", "=", "bank"}, {"a", "c", "d"});
    both({"creditor", "=", "bank", "amount", "=", 40}, {"c", "d"});
    both({"paid", "=", true}, {"c", "a"});
    both({"paid", "=", true, "price", "=", "9.90", "id", ">", ""}, {"a"});
    both({"paid", "=", false, "price", ">", "10"}, {});
    both({"amount", ">", 40, "amount", "<", 0}, {});
    both({"status", "=", std::string(900, 'x')}, {});
    both({"id", ">", std::string(900, 'x')}, {});
  });
}

TEST_CASE("engine: a query that no index serves is refused, as is another query's page") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    put_debts(subject);
    const auto asked = [&](std::vector<Filter> filters, std::size_t limit = 10,
                           const std::string& after = {}) {
      return errc_of(subject->query("debt", {std::move(filters), false, limit, after}));
    };
    using enum Comparison;
    CHECK(asked({{"extra", equal, 1}}) == Errc::invalid);
    CHECK(asked({{"due_on", equal, "2026-01-05"}}) == Errc::invalid);
    CHECK(asked({{"status", greater, "a"}, {"due_on", equal, "2026-01-05"}}) == Errc::invalid);
    CHECK(asked({{"amount", equal, 1}, {"amount", equal, 2}}) == Errc::invalid);
    CHECK(asked({{"amount", greater, 1}, {"amount", greater_equal, 2}}) == Errc::invalid);
    CHECK(asked({{"amount", equal, "1"}}) == Errc::invalid);
    CHECK(asked({{"price", less, 1}}) == Errc::invalid);
    CHECK(asked({{"id", equal, 1}}) == Errc::invalid);
    CHECK(asked({{"creditor", equal, nullptr}}) == Errc::invalid);
    CHECK(asked({}, 0) == Errc::invalid);
    CHECK(asked({}, query_limit_max + 1) == Errc::invalid);
    CHECK(asked({}, 10, "?") == Errc::invalid);
    const Query first{{{"amount", greater, 0}}, false, 1, ""};
    const std::string next = subject->query("debt", first).value().next;
    REQUIRE_FALSE(next.empty());
    CHECK(asked({{"amount", greater, 0}}, 1, next) == std::nullopt);
    CHECK(asked({{"amount", greater, 40}}, 1, next) == Errc::invalid);
    CHECK(asked({{"status", equal, "open"}}, 1, next) == Errc::invalid);
  });
}

TEST_CASE("engine: an index follows the row") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    put_debts(subject);
    subject.must({put("debt", "a", {{"amount", 41}, {"status", "paid"}})});
    CHECK(all_keys(*subject, "debt", {"amount", ">", 0}) == Keys{"c", "d", "a", "b"});
    CHECK(all_keys(*subject, "debt", {"status", "=", "open"}) == Keys{"d", "b"});
    CHECK(all_keys(*subject, "debt", {"creditor", "=", "bank"}) == Keys{"c", "d"});
    CHECK(all_keys(*subject, "debt", {"cpf", "=", "p1"}) == Keys{"b", "e"});
    subject.must({erase("debt", "c")});
    CHECK(all_keys(*subject, "debt", {"amount", ">", 0}) == Keys{"d", "a", "b"});
  });
}

TEST_CASE("engine: a once-key's second transaction does nothing, until the key is too old") {
  on_each(kinds(), [](const Kind& kind) {
    EngineOptions options;
    options.once_age_max = std::chrono::seconds(100);
    Subject subject(kind, schema(), options);
    const auto add = [&](const std::string& once, std::int64_t seconds) {
      return subject.must({append("debt", "k", "notes", seconds)}, once, seconds).repeated;
    };
    CHECK_FALSE(add("one", 0));
    CHECK(add("one", 50));
    CHECK_FALSE(add("two", 50));
    CHECK(add("one", 100));
    CHECK_FALSE(add("one", 101));
    CHECK(add("one", 201));
    CHECK_FALSE(add("three", 202));
    CHECK_FALSE(add("two", 202));
    CHECK_FALSE(add("one", 202));
    const auto repeated = subject.must({put("part", "x", json::object())}, "one", 203);
    CHECK(repeated.repeated);
    CHECK(repeated.versions.empty());
    CHECK(repeated.changes.empty());
    CHECK_FALSE(subject.row("part", "x"));
    const std::vector<Transaction> twice{{{put("part", "y", json::object())}, "same", at(300)},
                                         {{put("part", "z", json::object())}, "same", at(300)}};
    const auto results = subject->commit(twice);
    CHECK_FALSE(results[0].value().repeated);
    CHECK(results[1].value().repeated);
  });
}

TEST_CASE("engine: blobs are kept beside the rows and are no changes") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    const std::string bytes("\x00\xff value", 8);
    const auto done = subject.must(
        {operation::PutBlob{"keys", "a", bytes}, operation::PutBlob{"keysa", "b", "2"}});
    CHECK(done.versions == std::vector<std::uint64_t>{0, 0});
    CHECK(done.changes.empty());
    CHECK(subject->blob("keys", "a").value() == bytes);
    CHECK(subject->blob("keysa", "b").value() == "2");
    CHECK_FALSE(subject->blob("keys", "ab").value());
    CHECK(errc_of(subject.run({operation::PutBlob{"keys", "a", "other", true}})) == Errc::conflict);
    subject.must({operation::PutBlob{"keys", "a", bytes, true},
                  operation::PutBlob{"keys", "new", "", true}});
    CHECK(subject->blob("keys", "new").value() == "");
    subject.must({operation::PutBlob{"keys", "a", "other"}, operation::EraseBlob{"keys", "new"},
                  operation::EraseBlob{"keys", "none"}});
    CHECK(subject->blob("keys", "a").value() == "other");
    CHECK_FALSE(subject->blob("keys", "new").value());
  });
}

TEST_CASE("engine: the feed gives all changes in order, as far back as it goes") {
  on_each(kinds(), [](const Kind& kind) {
    EngineOptions options;
    options.feed_max = 4;
    Subject subject(kind, schema(), options);
    CHECK(subject->changes(0, 10).value().empty());
    CHECK(errc_of(subject->changes(1, 10)) == Errc::stale);
    subject.must({put("part", "a", json::object()), put("part", "b", json::object())}, "", 5);
    auto changes = subject->changes(0, 10).value();
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].sequence == 1);
    CHECK(changes[1].key == "b");
    CHECK(changes[1].version == 2);
    CHECK(changes[1].at == at(5));
    CHECK(subject->changes(0, 1).value().size() == 1);
    CHECK(subject->changes(0, 0).value().empty());
    CHECK(subject->changes(2, 10).value().empty());
    subject.must({erase("part", "a"), erase("part", "b"), put("part", "c", json::object())});
    CHECK(subject->last_sequence() == 5);
    CHECK(errc_of(subject->changes(0, 10)) == Errc::stale);
    changes = subject->changes(1, 10).value();
    REQUIRE(changes.size() == 4);
    CHECK(changes[1].sequence == 3);
    CHECK(changes[1].version == 0);
    CHECK(errc_of(subject->changes(6, 10)) == Errc::stale);
  });
}

TEST_CASE("engine: clear leaves an engine as after the first start") {
  on_each(kinds(), [](const Kind& kind) {
    Subject subject(kind);
    put_debts(subject);
    subject.must({operation::PutBlob{"s", "n", "v"}}, "once");
    REQUIRE(subject->clear());
    CHECK(subject->last_sequence() == 0);
    CHECK(subject->changes(0, 10).value().empty());
    CHECK_FALSE(subject->blob("s", "n").value());
    CHECK(all_keys(*subject, "debt", json::array()).empty());
    CHECK(all_keys(*subject, "debt", {"amount", ">", 0}).empty());
    const auto done = subject.must({put("part", "a", json::object())}, "once");
    CHECK_FALSE(done.repeated);
    CHECK(done.versions[0] == 1);
  });
}
