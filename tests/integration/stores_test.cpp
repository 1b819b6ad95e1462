// Goal: real workers in Node, Python and the shell reach the stores through the clients that ship,
// as far as the role of their function allows, and what they hold stays out of the log.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "integration/process.hpp"

namespace porteiro::integration {
namespace {

constexpr const char* maria = "11144477735";

// Both do the calls of the body one after another: {"store", "call", "args", "options"}.
constexpr const char* node_code = R"(
const { store, once, DataError } = require('porteiro');
console.log('the token is ' + process.env.PORTEIRO_DATA_TOKEN);
let failed = false;
async function call(event, { store: name, call, args, options }) {
  if (options.once) options.once = once(event, options.once);
  const result = store(name)[call](...args, options);
  if (call !== 'all') return (await result) ?? null;
  const records = [];
  for await (const record of result) records.push(record);
  return records;
}
exports.handler = async (event) => {
  const body = JSON.parse(event.body);
  if (body.do === 'token') return { token: process.env.PORTEIRO_DATA_TOKEN };
  if (body.do === 'wait') {
    const b = store('B');
    const { next } = await b.changes({ after: 'latest' });
    const [seen] = await Promise.all([b.changes({ after: next, wait: 15 }),
                                      b.put('profile', 'waited', { age: 1 })]);
    return seen.changes;
  }
  if (body.do === 'register') {
    const b = store('B');
    const { key } = await store('A').put('person', body.cpf, { name: body.name }, { once: once(event) });
    const { next } = await b.changes({ after: 'latest' });
    await Promise.all([b.changes({ after: next, wait: 5 }),
                       b.append('profile', key, 'tags', 'node', { once: once(event, 'tag') })]);
    return {};
  }
  if (body.do === 'fail once') {
    await store('B').append('profile', 'again', 'tags', 'x', { once: once(event) });
    if (!failed) { failed = true; throw new Error('after the effect'); }
    return store('B').get('profile', 'again');
  }
  const results = [];
  for (const each of body) {
    try {
      results.push(await call(event, each));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      results.push({ status: error.status, code: error.code, field: error.field });
    }
  }
  return results;
};
)";

constexpr const char* module_code = R"(
import { createRequire } from 'node:module';
const { store } = createRequire(import.meta.url)('porteiro');
const profile = await store('B').get('profile', 'nobody'); // While it starts.
export const handler = async () => ({ profile });
)";

constexpr const char* python_code = R"(
import json, os
from porteiro import store, once, DataError
print("the token is " + os.environ["PORTEIRO_DATA_TOKEN"])
failed = False
def call(event, it):
    options = it["options"]
    if "once" in options:
        options["once"] = once(event, options["once"])
    result = getattr(store(it["store"]), it["call"])(*it["args"], **options)
    return list(result) if it["call"] == "all" else result
def denial(what):
    try:
        what()
    except DataError as error:
        return error
def handler(event, context):
    global failed
    body = json.loads(event["body"])
    if body == {"do": "token"}:
        return {"token": os.environ["PORTEIRO_DATA_TOKEN"]}
    if type(body) is dict and body["do"] == "register":
        person = {"cpf": body["cpf"], "name": body["name"]}
        store("A").batch([{"put": "person", "document": person}], once=once(event))
        found = store("A").query("person", where={"cpf": body["cpf"]})["records"][0]
        store("B").append("profile", found["key"], "tags", "python", once=once(event, "tag"))
        print("the denial:", denial(lambda: store("A").get("person", body["cpf"])))
        return {}
    if body == {"do": "fail once"}:
        store("B").append("profile", "again", "tags", "x", once=once(event))
        if not failed:
            failed = True
            raise ValueError("after the effect")
        return store("B").get("profile", "again")
    results = []
    for each in body:
        try:
            results.append(call(event, each))
        except DataError as error:
            refused = {"status": error.status, "code": error.code}
            results.append({**refused, "field": error.field} if error.field else refused)
    return results
)";

// The statuses of what docs/data.md shows.
constexpr const char* shell_code = R"(#!/usr/bin/env bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
A="Authorization: Bearer $PORTEIRO_DATA_TOKEN"; U=$PORTEIRO_DATA_URL
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
while true; do
  curl -s -D "$headers" -o /dev/null "$api/next" || exit 1
  id=$(tr -d '\r' < "$headers" | sed -n 's/^lambda-runtime-aws-request-id: *//Ip')
  list=$(status -H "$A" -X PUT -H 'If-None-Match: *' -d '{"age":41}' $U/B/profile/7)
  list=$list,$(status -H "$A" $U/B/profile/7)
  list=$list,$(status -H "$A" -X PUT -H 'If-Match: "9999"' -d '{"age":42}' $U/B/profile/7)
  list=$list,$(status -H "$A" -H 'Idempotency-Key: 8f6d-1' -d '"x"' $U/B/profile/7/tags)
  list=$list,$(status -H "$A" -d '{"where":{"age":41}}' $U/B/profile/query)
  list=$list,$(status -H "$A" -d '{"writes":[{"erase":"profile","key":"7"}]}' $U/B/batch)
  list=$list,$(status -H "$A" "$U/B/changes?after=0")
  list=$list,$(status -H "$A" $U/A/person/11144477735)
  list=$list,$(status $U/B/profile/7)
  curl -s -o /dev/null -d "[$list]" "$api/$id/response"
done
)";

json config(const std::string& layer) {
  const json text{{"type", "string"}};
  json routes = json::array();
  json functions;
  for (const char* name : {"node", "module", "python", "shell", "other"}) {
    routes.push_back({{"route", std::string("POST /v1/") + name},
                      {"event", std::string(name) + ".asked"},
                      {"via", "fast"},
                      {"to", name},
                      {"timeout", "25s"}});
    functions[name] = {{"code", name},     {"layers", {layer}}, {"role", "worker"},
                       {"timeout", "20s"}, {"retries", 1},      {"retry_delay", "1ms"}};
  }
  const auto runs = [&functions](const char* name, const char* runtime, const char* handler) {
    functions[name]["runtime"] = runtime;
    if (handler != nullptr) functions[name]["handler"] = handler;
  };
  runs("node", "nodejs", "index.handler");
  runs("module", "nodejs", "index.handler");
  runs("python", "python", "app.handler");
  runs("shell", "provided", nullptr);
  runs("other", "python", "app.handler");
  functions["other"]["code"] = "python";
  functions["other"].erase("role");
  return {
      {"keys", {{"vault", json::object()}, {"mac", {{"spec", "HMAC_256"}}}}},
      {"tokens", {{"cpf", {{"key", "mac"}, {"format", "cpf"}}}}},
      {"stores",
       {{"A",
         {{"key", "vault"},
          {"collections",
           {{"person",
             {{"key", "cpf"},
              {"subject", "cpf"},
              {"fields",
               {{"cpf",
                 {{"type", "string"},
                  {"format", "cpf"},
                  {"class", "restricted"},
                  {"token", "cpf"}}},
                {"name", {{"type", "string"}, {"class", "restricted"}}}}}}}}}}},
        {"B",
         {{"engine", "sqlite"},
          {"collections",
           {{"profile",
             {{"key", "id"},
              {"fields", {{"id", text}, {"age", {{"type", "int"}}}, {"tags", {{"type", "list"}}}}},
              {"indexes", {{"age"}}}}}}}}}}},
      {"roles",
       {{"worker",
         {{"allow",
           {{{"do", "store:*"}, {"on", "B/*"}},
            {{"do", "store:put"}, {"on", "A/person"}},
            {{"do", "store:query"}, {"on", "A/person"}}}}}}}},
      {"queues", {{"fast", json::object()}}},
      {"functions", functions},
      {"gateway", {{"routes", routes}}}};
}

json call(const char* store, const char* name, json args, json options = json::object()) {
  return {{"store", store}, {"call", name}, {"args", std::move(args)}, {"options", options}};
}

struct Workers {
  Workers() {
    for (const char* folder : {"node", "module", "python", "shell"}) {
      std::filesystem::create_directory(directory.path(folder));
    }
    write_file(directory.path("node/index.js"), node_code);
    write_file(directory.path("module/index.mjs"), module_code);
    write_file(directory.path("python/app.py"), python_code);
    write_file(directory.path("shell/bootstrap"), shell_code);
    ::chmod(directory.path("shell/bootstrap").c_str(), 0755);
    // A copy: Python keeps what it compiles beside it.
    std::filesystem::copy("layers/porteiro", directory.path("layer"),
                          std::filesystem::copy_options::recursive);
    write_file(directory.path("config.json"), config("layer").dump());
    Instance::Setup setup;
    setup.config = directory.path("config.json");
    porteiro = std::make_unique<Instance>(loop, setup);
  }
  json ask(const std::string& function, const json& body) {
    const Reply reply = porteiro->call("POST", "/v1/" + function, body, {}, "");
    INFO(function, ": ", reply.text, " log: ", porteiro->process().err());
    REQUIRE(reply.status == 200);
    return reply.body;
  }
  bool logged(const std::string& part) {
    return loop.until([&] { return porteiro->process().err().find(part) != std::string::npos; });
  }

  Loop loop;
  TemporaryDirectory directory;
  std::unique_ptr<Instance> porteiro;
};

}  // namespace

TEST_CASE("stores: workers in Node and Python read, write, query and follow") {
  Workers w;
  for (const std::string language : {"node", "python"}) {
    CAPTURE(language);
    const auto key = [&](int i) { return language + std::to_string(i); };
    const json made = w.ask(
        language, {call("B", "get", {"profile", key(1)}),
                   call("B", "put", {"profile", key(1), {{"age", 41}}}, {{"expect", "absent"}}),
                   call("B", "put", {"profile", key(1), {{"age", 42}}}, {{"expect", "absent"}}),
                   call("B", "put", {"profile", key(2), {{"age", 42}}}, {{"once", "put"}}),
                   call("B", "put", {"profile", key(2), {{"age", 43}}}, {{"once", "put"}}),
                   call("B", "append", {"profile", key(2), "tags", {{"é", 1}}}),
                   call("B", "get", {"profile", key(2)})});
    CHECK(made[0].is_null());
    CHECK(made[1]["key"] == key(1));
    CHECK(made[2] == json{{"status", 412}, {"code", "conflict"}, {"field", "profile"}});
    CHECK(made[4] == json{{"repeated", true}});
    CHECK(made[6] == json{{"id", key(2)}, {"age", 42}, {"tags", {{{"é", 1}}}}});

    const json version = made[1]["version"];
    const json found =
        w.ask(language,
              {call("B", "put", {"profile", key(1), {{"age", 50}}}, {{"expect", version}}),
               call("B", "put", {"profile", key(1), {{"age", 51}}}, {{"expect", version}}),
               call("B", "query", json::array({"profile"}), {{"where", {{"age", {{"gte", 50}}}}}}),
               call("B", "all", json::array({"profile"}), {{"limit", 1}}),
               call("B", "batch",
                    json::array({{{{"put", "profile"}, {"document", {{"id", key(3)}, {"age", 9}}}},
                                  {{"erase", "profile"}, {"key", key(1)}}}}),
                    {{"once", "all"}}),
               call("B", "erase", {"profile", key(2)}), call("B", "get", {"profile", key(2)}),
               call("B", "put", {"profile", key(1), {{"age", "old"}}}),
               call("B", "query", json::array({"profile"}), {{"limit", 0}})});
    CHECK(found[1]["status"] == 412);
    REQUIRE(found[2]["records"].size() == 1);
    CHECK(found[2]["records"][0]["document"]["age"] == 50);
    CHECK(found[2]["next"].is_null());
    CHECK(found[3].size() >= 2);
    CHECK(found[4]["repeated"] == false);
    CHECK(found[4]["versions"][1] == 0);
    CHECK(found[6].is_null());
    CHECK(found[7] == json{{"status", 400}, {"code", "invalid"}, {"field", "profile.age"}});
    CHECK(found[8]["field"] == "limit");

    const json changes =
        w.ask(language, json::array({call("B", "changes", json::array(), {{"limit", 1000}})}));
    REQUIRE(changes[0]["changes"].size() >= 6);
    CHECK(changes[0]["changes"].back()["key"] == key(2));
    CHECK(changes[0]["next"] == changes[0]["changes"].back()["sequence"]);
  }
  const json seen = w.ask("node", {{"do", "wait"}});
  REQUIRE(seen.size() == 1);
  CHECK(seen[0]["key"] == "waited");
  CHECK(w.ask("module", json::object()) == json{{"profile", nullptr}});
  w.porteiro->stop();
}

TEST_CASE("stores: curl does what a shell function needs") {
  Workers w;
  CHECK(w.ask("shell", json::object()) == json({201, 200, 412, 201, 200, 200, 200, 403, 401}));
  w.porteiro->stop();
}

TEST_CASE("stores: what the role does not allow is denied, and told without what was asked") {
  Workers w;
  for (const std::string language : {"node", "python"}) {
    CAPTURE(language);
    const json results =
        w.ask(language, {call("A", "put", {"person", maria, {{"name", "Maria das Dores"}}}),
                         call("A", "query", json::array({"person"}), {{"where", {{"cpf", maria}}}}),
                         call("A", "get", {"person", maria})});
    CHECK(results[1]["records"][0]["document"] ==
          json{{"cpf", maria}, {"name", "Maria das Dores"}});
    CHECK(results[0]["key"] == results[1]["records"][0]["key"]);
    CHECK(results[0]["key"] != maria);
    CHECK(results[2] == json{{"status", 403}, {"code", "denied"}});
    const std::string token = w.ask(language, {{"do", "token"}})["token"];
    CHECK(token.size() == 43);
    CHECK(w.logged("denied: the function " + language +
                   " may not do store:get on A/person: its role worker allows that action on "
                   "other resources only"));
    CHECK(w.logged("the token is ***"));
    CHECK(w.porteiro->process().err().find(token) == std::string::npos);
  }
  CHECK(w.ask("other", json::array({call("B", "get", {"profile", "x"})}))[0]["status"] == 403);
  CHECK(w.logged("other may not do store:get on B/profile: it has no role"));
  CHECK(w.porteiro->process().err().find(maria) == std::string::npos);
  CHECK(w.porteiro->ask("/_porteiro/metrics")
            .text.find("porteiro_access_denied_total{principal=\"other\"} 1") != std::string::npos);
  w.porteiro->stop();
}

TEST_CASE("stores: an effect with the event's key happens once, though the event comes again") {
  Workers w;
  CHECK(w.ask("node", {{"do", "fail once"}})["tags"] == json({"x"}));
  CHECK(w.ask("python", {{"do", "fail once"}})["tags"] == json({"x", "x"}));
  w.porteiro->stop();
}

TEST_CASE(
    "stores: in virtual time the same comes again, and what is restricted gets nowhere else") {
  Workers w;
  w.porteiro->stop();
  json sealed = config("layer");
  for (json& route : sealed["gateway"]["routes"]) route["seal"] = "vault";
  sealed["roles"]["worker"]["allow"].push_back({{"do", "kms:Decrypt"}, {"on", "vault"}});
  write_file(w.directory.path("sealed.json"), sealed.dump());
  json traffic = json::array(), expect = json::array(), ids = json::array();
  for (const std::string language : {"node", "python"}) {
    ids.push_back(language);
    const json body = {{"do", "register"}, {"cpf", "{{cpf}}"}, {"name", "{{name}}"}};
    traffic.push_back(
        {{"id", language},
         {"count", 10},
         {"arrival", {{"poisson", "5/s"}}},
         {"request", {{"method", "POST"}, {"path", "/v1/" + language}, {"body", body}}}});
    expect.push_back({{"check", "http.ratio"}, {"of", language}, {"status", "200"}, {"min", 1.0}});
  }
  expect.push_back({{"check", "secrets.no_plaintext"},
                    {"class", "restricted"},
                    {"in", {"disk", "queue", "logs", "traces", "report"}}});
  const json canary{{"class", "restricted"}, {"canary", true}};
  json cpf = canary, name = canary;
  cpf["gen"] = "cpf";
  name["gen"] = "name";
  const json scenario{{"name", "a test"},
                      {"config", "sealed.json"},
                      {"limits", {{"wall", "5m"}}},
                      {"data", {{"cpf", cpf}, {"name", name}}},
                      {"traffic", traffic},
                      {"steps", {{{"run", ids}}, {{"advance", "idle"}, {"max", "5m"}}}},
                      {"expect", expect}};
  write_file(w.directory.path("scenario.json"), scenario.dump());
  const Finished done = run(w.loop,
                            {.arguments = {"run", w.directory.path("scenario.json"), "--seeds",
                                           "1-2", "--check-determinism"},
                             .environment = {},
                             .directory = {}},
                            120s);
  INFO(done.out, done.err);
  CHECK(done.code == 0);
}

}  // namespace porteiro::integration
