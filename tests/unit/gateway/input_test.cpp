// What gets into an event, through the gateway: shapes, tokens, seals, queries.
#include "gateway/input.hpp"

#include "fixture.hpp"
#include "gateway/json_shape.hpp"

namespace porteiro::gateway {
namespace {

using virtual_world::World;
const Headers json = with(lender, "Content-Type", "application/json");

std::string body_with(const std::string& member, const std::string& value) {
  return "{\"cpf\":\"111.444.777-35\",\"" + member + "\":" + value + "}";
}

}  // namespace

TEST_CASE("input: what is wrong with a body is named by its place, and not quoted") {
  World world;
  House house(world, example());
  const struct {
    std::string body;
    const char* field;
  } table[] = {
      {"", "body"},
      {"{", "body"},
      {"[]", "body"},
      {"{\"cpf\":\"11144477735\"} x", "body"},
      {std::string(100'000, '['), "body"},
      {"{\"cpf\":\"\xff\"}", "body"},
      {"{}", "body.cpf"},
      {"{\"cpf\":\"11144477736\"}", "body.cpf"},
      {"{\"cpf\":11144477735}", "body.cpf"},
      {body_with("name", "7"), "body.name"},
      {body_with("debts", "[{\"due_on\":\"2026-01-01\"},{\"due_on\":\"2026-13-01\"}]"),
       "body.debts[1].due_on"},
      {body_with("debts", "[{}]"), "body.debts[0].due_on"},
      {"\xef\xbb\xbf{\"cpf\":\"11144477735\"}", "body"},
      {body_with("cpf", "\"11144477735\""), "body.cpf"},
      {body_with("c\\u0070f", "\"11144477735\""), "body.cpf"},
      {body_with("debts", "[{\"due_on\":\"2026-01-01\"},{\"due_on\":1,\"due_on\":2}]"),
       "body.debts[1].due_on"},
  };
  for (const auto& row : table) {
    CAPTURE(row.field);
    CAPTURE(row.body.substr(0, 60));
    const Asked asked = house.ask("POST", "/v1/people", json, row.body);
    CHECK(asked->status() == 400);
    CHECK(asked->response.content_type == "application/problem+json");
    CHECK(asked->text("field") == row.field);
    CHECK(asked->response.body.find("111444777") == std::string::npos);
  }
  CHECK(house.depth("commands") == 0);
  CHECK(house.events->next() == 1);
}

TEST_CASE("input: a member given twice is found wherever it is") {
  const auto repeated = [](std::string_view text) { return shape_of(text).repeated.value_or("-"); };
  CHECK(repeated(R"({"a":1,"b":{"a":1},"c":["a","a",{"a":"b"},{"a":"b"}]})") == "-");
  CHECK(repeated(R"({"a":"x\"","a":2})") == "a");
  CHECK(repeated(R"({"a":{"b":[[],[1,{"c":0,"d":{},"c":1}]]}})") == "a.b[1][1].c");
  CHECK(repeated(R"([{"a":1},{"a":1,"\u0061":2}])") == "[1].a");
  CHECK(repeated(R"({"":1,"":2})") == "");
  CHECK(repeated("{\"x\":{\"" + std::string(65, 'n') + "\":1,\"" + std::string(65, 'n') +
                 "\":1}}") == "x");
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += "\"n" + std::to_string(i) + "\":0,";
  CHECK(repeated("{\"m\":" + many + "\"n1000\":0}}") == "-");
  CHECK(repeated("{\"m\":" + many + "\"n700\":0}}") == "m.n700");
  CHECK(shape_of(std::string(65, '[')).too_deep);
  CHECK_FALSE(shape_of(std::string(64, '[')).too_deep);
  for (const char* broken :
       {"", "]", "}{", "\"", "{\"", "{\"a", "{\"a\\", "{\"\\ux\":1", ",,", "{,"}) {
    shape_of(broken);  // Whatever it gives, it gives something.
  }
}

TEST_CASE("input: path and query tokens replace their values; the first token is the subject") {
  World world;
  House house(world, example());
  const Asked asked =
      house.ask("GET", "/v1/people/111.444.777-35?cpf=52998224725&who=Ana&a=1+%22%2B%22&b", lender);
  house.run();
  const events::Event event = house.serve("fast", replied(200, "{}"));
  const std::string token = house.tokens->make("cpf", cpf).value();
  CHECK(find_member(event.data, "path.cpf") == "\"" + token + "\"");
  CHECK(event.subject == token);
  CHECK(find_member(event.data, "query.cpf") ==
        "\"" + house.tokens->make("cpf", "52998224725").value() + "\"");
  CHECK(string_value(*find_member(event.data, "query.a")) == "1 \"+\"");
  CHECK(string_value(*find_member(event.data, "query.b")) == "");
  CHECK_FALSE(find_member(event.data, "query.who").has_value());  // Not declared: not kept.
  CHECK(event.classification.empty());
  CHECK(event.source == "/porteiro/gateway/v1/people/{cpf}");
  CHECK(event.type == "person.requested");
  CHECK(asked->status() == 200);
}

TEST_CASE("input: an event takes the headers that its route names, and no others") {
  World world;
  Options options = example();
  options.routes[0].headers = {"user-agent", "x-tenant", "accept", "x-absent"};
  House house(world, options);
  const Headers sent =
      with(with(with(with(lender, "User-Agent", "a \"b\""), "X-Tenant", "one"), "x-tenant", "two"),
           "Accept", "\xff");
  const Asked asked = house.ask("GET", "/v1/people/11144477735", sent);
  house.run();
  const events::Event event = house.serve("fast", replied(200, "{}"));
  CHECK(find_member(event.data, "headers") == R"({"user-agent":"a \"b\"","x-tenant":"one,two"})");
  CHECK(asked->status() == 200);
  CHECK(event.data.find("lender-key") == std::string::npos);
}

TEST_CASE("input: headers do not make another request of one under the same idempotency key") {
  World world;
  Options options = example();
  options.routes[2].headers = {"user-agent"};
  House house(world, options);
  const Headers keyed = with(lender, "Idempotency-Key", "k1");
  const Asked first = house.ask("POST", "/v1/people/11144477735/movements",
                                with(keyed, "User-Agent", "a"), R"({"cents":1})");
  const Asked second = house.ask("POST", "/v1/people/11144477735/movements",
                                 with(keyed, "User-Agent", "b"), R"({"cents":1})");
  house.run();
  house.serve("fast", replied(200, "{}"));
  house.run();
  CHECK(first->status() == 200);
  CHECK(second->status() == 200);
}

TEST_CASE("input: a read takes no body, so that nothing a client puts there is kept") {
  World world;
  House house(world, example());
  const Asked asked = house.ask("GET", "/v1/people/11144477735", lender, R"({"note":"x"})");
  CHECK(asked->status() == 400);
  CHECK(asked->text("field") == "body");
}

TEST_CASE("input: a wrong path or query value is named by its place") {
  World world;
  House house(world, example());
  const std::pair<const char*, const char*> table[] = {
      {"/v1/people/11144477736", "path.cpf"},
      {"/v1/people/%31", "path.cpf"},
      {"/v1/people/11144477735?cpf=1", "query.cpf"},
      {"/v1/people/11144477735?x=1&x=2", "query"},
      {"/v1/people/11144477735?x=%zz", "query"},
      {"/v1/people/11144477735?x=%ff", "query"},
      {"/v1/people/%zz", "path"},
  };
  for (const auto& [target, place] : table) {
    CAPTURE(target);
    const Asked asked = house.ask("GET", target, lender);
    CHECK(asked->status() == 400);
    CHECK(asked->text("field") == place);
  }
  std::string many = "/v1/people/11144477735?";
  for (int i = 0; i < 65; ++i) many += "p" + std::to_string(i) + "=1&";
  CHECK(house.ask("GET", many, lender)->status() == 400);
}

// Goal: the seal holds the canonical body in clear, the event outside of it only the token.
TEST_CASE("input: a sealed body keeps its values inside the seal") {
  World world;
  House house(world, example());
  house.ask("POST", "/v1/people", json, body_with("name", "\"Ana\""));
  house.run();
  const events::Event event = house.serve("commands", replied(201, "{}"));
  CHECK(event.subject == house.tokens->make("cpf", cpf).value());
  CHECK(event.classification == "restricted");
  CHECK_FALSE(find_member(event.data, "body").has_value());
  CHECK(event.data.find(cpf) == std::string::npos);
  const auto sealed = from_base64(*string_value(*find_member(event.data, "sealed")));
  REQUIRE(sealed.has_value());
  std::string opened;
  house.sealer->unseal(*sealed, {{"event", "person.registered"}}, {},
                       [&](Result<std::string> body) { opened = body.value(); });
  house.run();
  CHECK(opened == "{\"cpf\":\"11144477735\",\"name\":\"Ana\"}");
}

TEST_CASE("input: a body in clear has tokens in place of restricted values") {
  World world;
  House house(world, example());
  house.ask("POST", "/v1/echo", {}, "{\"cpf\":\"11144477735\",\"n\":1}");
  events::Event event = house.serve("fast", replied(200, "{}"));
  const std::string token = house.tokens->make("cpf", cpf).value();
  CHECK(find_member(event.data, "body.cpf") == "\"" + token + "\"");
  CHECK(event.subject == token);
  CHECK(event.data.find(cpf) == std::string::npos);
  CHECK(house.ask("POST", "/v1/echo", {}, "{\"cpf\":7}")->text("field") == "body.cpf");
  CHECK(house.ask("POST", "/v1/echo", {}, "{\"cpf\":\"7\"}")->text("field") == "body.cpf");
  house.ask("POST", "/v1/echo");
  event = house.serve("fast", replied(200, "{}"));
  CHECK(event.data == "{\"path\":{},\"query\":{}}");
}

TEST_CASE("input: a body without rules is passed on as it came") {
  World world;
  Options options = example();
  options.tokens = {};
  House house(world, options);
  house.ask("POST", "/v1/echo", {}, "{ \"n\" : 1.50 }");
  const events::Event event = house.serve("fast", replied(200, "{}"));
  CHECK(event.data == "{\"path\":{},\"query\":{},\"body\":{ \"n\" : 1.50 }}");
  CHECK(house.ask("POST", "/v1/echo", {}, "{ \"n\" : 1.50 ")->status() == 400);
}

TEST_CASE("input: which bodies are taken: JSON, in UTF-8, not encoded") {
  for (const char* type :
       {"", "application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json",
        "application/json ;x=y", "application/json;charset=\"UTF-8\"", "; charset=utf-8",
        "application/json; ; charset=UTF-8 "}) {
    CAPTURE(type);
    CHECK_FALSE(refused_form(type, "").has_value());
  }
  for (const char* type :
       {"text/plain", "application/xml", "text/json+json2", "json", "application/jsonx",
        "multipart/form-data; boundary=+json", "application/+json",
        "application/json; charset=latin1", "application/json;charset=", "; Charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16"}) {
    CAPTURE(type);
    CHECK(refused_form(type, "").has_value());
  }
  CHECK_FALSE(refused_form("", "Identity").has_value());
  for (const char* encoding : {"gzip", "identity, br", "x"}) CHECK(refused_form("", encoding));
  World world;
  House house(world, example());
  const Headers text = with(lender, "Content-Type", "text/plain");
  CHECK(house.ask("POST", "/v1/people", text, "{}")->status() == 415);
  const Headers packed = with(lender, "Content-Encoding", "gzip");
  CHECK(house.ask("POST", "/v1/people", packed, "{}")->status() == 415);
}

TEST_CASE("input: places of tokens are path, query or body") {
  for (const char* place : {"cpf", "path", "path.", "header.cpf", "body.", "body..a", "body.a."}) {
    CAPTURE(place);
    CHECK_FALSE(token_rules({{place, "cpf"}}).has_value());
  }
  CHECK(token_rules({{"body.person.cpf", "cpf"}}).value().body[0].path.size() == 2);
}

}  // namespace porteiro::gateway
