// Goal: what no rule allows is denied, and each denial leaves who, what, where and why.
#include "porteiro/access/access.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::access;
using namespace std::chrono_literals;

namespace {

struct Bench {
  Result<void> ask(const Principal& who, std::string_view action, std::string_view resource,
                   Id trace = {}) {
    return guard.check({.principal = who.name,
                        .role = who.role,
                        .zone = who.zone,
                        .action = action,
                        .resource = resource,
                        .trace = trace},
                       Zone::data_zone);
  }
  std::vector<std::string> notes() const {
    std::vector<std::string> out;
    telemetry.read(0, [&](const telemetry::Record& record) {
      if (record.kind == telemetry::Kind::note) {
        out.emplace_back(telemetry.note_text(record.extra));
      }
    });
    return out;
  }
  std::vector<nlohmann::json> denials() const {
    std::vector<nlohmann::json> out;
    telemetry.read(0, [&](const telemetry::Record& record) {
      if (record.kind == telemetry::Kind::access_denied) {
        out.push_back(nlohmann::json::parse(to_json(telemetry, record)));
      }
    });
    return out;
  }

  virtual_world::World world;
  telemetry::Telemetry telemetry{world.scheduler, {}};
  Guard guard{{{"reader", {{"store:get", "B/profile"}}}}, world.scheduler, telemetry};
};

}  // namespace

TEST_CASE("access: a role allows what one of its rules fits, and nothing else") {
  const Role role{"r",
                  {{"store:get", "B/profile"}, {"store:query", "A/*"}, {"store:*", "C/trail"}}};
  const auto is = [&](Reason reason, std::string_view action, std::string_view resource) {
    CAPTURE(action);
    CAPTURE(resource);
    CHECK(decide(&role, action, resource) == reason);
  };
  is(Reason::allowed, action::store_get, "B/profile");
  is(Reason::resource, action::store_get, "B/profiles");
  is(Reason::resource, action::store_get, "B/prof");
  is(Reason::resource, action::store_get, "AB/profile");
  is(Reason::resource, action::store_changes, "B/profile");
  is(Reason::resource, action::store_put, "B/profile");
  is(Reason::allowed, action::store_query, "A/person");
  is(Reason::resource, action::store_query, "AA/person");
  is(Reason::resource, action::store_get, "A/person");
  is(Reason::allowed, action::store_erase, "C/trail");
  is(Reason::action, "kms:Decrypt", "C/trail");
}

TEST_CASE("access: the default is deny; a star alone allows everything") {
  CHECK(decide(nullptr, action::store_get, "A/x") == Reason::no_role);
  const Role empty{"empty", {}};
  CHECK(decide(&empty, action::store_get, "A/x") == Reason::action);
  const Role all{"all", {{"store:*", "*"}}};
  CHECK(decide(&all, action::store_erase, "A/x") == Reason::allowed);
  CHECK(decide(&all, "storex:get", "A/x") == Reason::action);
}

TEST_CASE("access: a denial is a record, a counter and a line, with all that is known") {
  Bench b;
  CHECK(b.ask({"score", "reader"}, action::store_get, "B/profile").has_value());
  CHECK(b.denials().empty());
  const Result<void> denied = b.ask({"score", "reader"}, action::store_put, "B/profile", Id{1, 2});
  REQUIRE_FALSE(denied.has_value());
  CHECK(denied.error().code == Errc::denied);
  CHECK(denied.error().detail == "this is not allowed; the log says why");
  REQUIRE(b.denials().size() == 1);
  const nlohmann::json record = b.denials()[0];
  CHECK(record["kind"] == "access.denied");
  CHECK(record["name"] == "score");
  CHECK(record["action"] == "store:put");
  CHECK(record["resource"] == "B/profile");
  CHECK(record["trace"] == to_text(Id{1, 2}));
  CHECK(b.notes() ==
        std::vector<std::string>{
            R"(denied: the function score may not do store:put on B/profile: its role reader does )"
            R"(not allow that action; add { "do": "store:put", "on": "B/profile" } to it)"});
  CHECK(b.telemetry.metrics().find("porteiro_access_denied_total{principal=\"score\"} 1") !=
        std::string::npos);
}

TEST_CASE("access: what is switched off is told by the names of the config") {
  CHECK(switched_off({}).empty());
  Layers layers;
  layers.sealing = layers.key_cache = false;
  CHECK(switched_off(layers) == std::vector<std::string_view>{"sealing", "key-cache"});
}

TEST_CASE("access: the reasons are told apart") {
  Bench b;
  const auto why = [&](const Principal& who, std::string_view resource) {
    CHECK_FALSE(b.ask(who, action::store_get, resource).has_value());
    return b.notes().back();
  };
  const auto has = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  has(why({"f", ""}, "B/profile"), "it has no role in the configuration; name one as its \"role\"");
  has(why({"f", "unknown"}, "B/profile"), R"({ "do": "store:get", "on": "B/profile" })");
  has(why({"f", "reader"}, "B/decision"), "allows that action on other resources only; add {");
}

TEST_CASE("access: with the layer off everything is allowed") {
  Bench b;
  Guard open{{}, b.world.scheduler, b.telemetry, {.roles = false}};
  CHECK(open.check({.principal = "f", .action = action::store_erase, .resource = "A/person"},
                   Zone::data_zone)
            .has_value());
  CHECK(open.right("", action::store_erase, "A/person").always());
  CHECK(b.denials().empty());
}

TEST_CASE("access: nothing public reaches the private zone or the data zone") {
  for (const Zone to : {Zone::private_zone, Zone::data_zone}) {
    CHECK_FALSE(reaches(Zone::public_zone, to));
    CHECK(reaches(Zone::private_zone, to));
  }
  CHECK(reaches(Zone::public_zone, Zone::public_zone));
}

TEST_CASE("access: a right is the rules that fit, and is unconditional only without conditions") {
  Bench b;
  Guard guard{{{"r",
                {{"store:get", "A/person", {"name"}, {"credit"}},
                 {"store:*", "B/*"},
                 {"kms:Decrypt", "vault", {}, {}, {{"event", "x"}}}}}},
              b.world.scheduler,
              b.telemetry};
  CHECK_FALSE(guard.right("r", action::store_get, "A/person").always());
  CHECK(guard.right("r", action::store_get, "A/person").rules.size() == 1);
  CHECK(guard.right("r", action::store_get, "B/profile").always());
  // Whoever names no purpose and no context is not let through on them.
  const auto decide = [&](std::string_view action, std::string_view resource) {
    const Decision asked{.principal = "f", .role = "r", .action = action, .resource = resource};
    return guard.decide(asked, Zone::data_zone);
  };
  CHECK(decide(action::kms_decrypt, "vault") == Reason::context);
  CHECK(decide(action::store_get, "A/person") == Reason::purpose);
  CHECK(decide(action::store_get, "B/profile") == Reason::allowed);
  CHECK_FALSE(guard.right("r", action::kms_decrypt, "vault").always());
  const Right none = guard.right("r", action::store_put, "A/person");
  CHECK(none.reason == Reason::resource);
  CHECK(none.rules.empty());
  CHECK(guard.right("x", action::store_put, "A/person").reason == Reason::no_role);
}

TEST_CASE("access: a rule fits with its purpose, its context, and from a zone that reaches it") {
  Bench b;
  Guard guard{{{"r",
                {{"queue:send", "orders", {}, {"sale"}},
                 {"kms:Decrypt", "vault", {}, {}, {{"event", "x"}}},
                 {"store:get", "A/person", {"name"}}}}},
              b.world.scheduler,
              b.telemetry};
  const auto why = [&](const Decision& asked, const Context* context = nullptr) -> std::string {
    if (guard.check(asked, Zone::private_zone, context)) return "allowed";
    return b.notes().back();
  };
  const auto has = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  Decision asked{.principal = "f", .role = "r", .action = action::queue_send, .resource = "orders"};
  has(why(asked), "give its route a \"purpose\" that the role r allows");
  asked.purpose = "theft";
  has(why(asked), "does not allow it for the purpose theft");
  asked.purpose = "sale";
  CHECK(why(asked) == "allowed");
  asked.zone = Zone::public_zone;
  has(why(asked), "it stands in the zone public");
  asked.zone = Zone::private_zone;

  asked.action = action::kms_decrypt;
  asked.resource = "vault";
  const Context wrong{{"event", "y"}}, right{{"event", "x"}, {"more", "z"}};
  has(why(asked), "does not allow that encryption context");
  has(why(asked, &wrong), "does not allow that encryption context");
  CHECK(why(asked, &right) == "allowed");

  asked.action = action::store_get;  // Fields are for those to look at who have them.
  asked.resource = "A/person";
  CHECK(why(asked) != "allowed");
}

TEST_CASE("access: a flood of denials is counted, and logged up to a bound") {
  Bench b;
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(b.ask({"f", ""}, action::store_get, "B/profile").has_value());
  }
  CHECK(b.denials().size() == 50);
  CHECK(b.notes().size() == Guard::notes_per_second_max);
  b.world.scheduler.run_for(1s);
  CHECK_FALSE(b.ask({"f", ""}, action::store_get, "B/profile").has_value());
  REQUIRE(b.notes().size() == Guard::notes_per_second_max + 1);
  CHECK(b.notes().back().ends_with("; 30 other denials were not logged"));
}
