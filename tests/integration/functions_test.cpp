// Goal: functions in other languages run behind routes as on Lambda, and nothing that one of them
// does — failing, crashing, hanging, flooding, forking — disturbs another or outlives the program.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "integration/process.hpp"

using namespace porteiro;
using namespace porteiro::integration;

namespace {

// Each handler does what the request's body says: {"do": "hello"}.
constexpr const char* node_code = R"(
const { spawn } = require('child_process');
let calls = 0;
exports.handler = async (event, context) => {
  const body = JSON.parse(event.body);
  calls += 1;
  switch (body.do) {
    case 'hello':
      console.log('hello from node for 11144477735');
      return { statusCode: 201, headers: { 'X-Language': 'node' }, cookies: ['a=1'],
               body: JSON.stringify({ calls, pid: process.pid, method: event.requestContext.http.method,
                 path: event.rawPath, name: context.functionName, id: context.awsRequestId,
                 left: context.getRemainingTimeInMillis() > 0 }) };
    case 'plain': return { pid: process.pid };
    case 'error': throw new TypeError('not today');
    case 'crash': process.exit(3);
    case 'hang': return new Promise((done) => setTimeout(done, 600000));
    case 'garbage': return { statusCode: 'garbage' };
    case 'flood':
      for (let i = 0; i < 20000; i++) console.log('line ' + i);
      return 'flooded';
    case 'big': return 'x'.repeat(7 << 20);
    case 'stubborn':
      process.on('SIGTERM', () => {});
      return { pid: process.pid };
    case 'fork': {
      const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
      child.unref();
      return { pid: child.pid };
    }
  }
};
)";

constexpr const char* python_code = R"(
import json, os, sys, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    do = json.loads(event["body"])["do"]
    if do == "hello":
        print("hello from python")
        return {"statusCode": 201, "headers": {"X-Language": "python"},
                "body": json.dumps({"calls": calls, "pid": os.getpid(), "path": event["rawPath"],
                                    "name": context.function_name,
                                    "left": context.get_remaining_time_in_millis() > 0})}
    if do == "error": raise ValueError("not today")
    if do == "crash": os._exit(3)
    if do == "hang": time.sleep(600)
    if do == "garbage": return {"statusCode": 200, "headers": {"a b": "c"}}
    if do == "flood":
        for i in range(20000): print("line", i)
        return "flooded"
    if do == "big": return "x" * (7 << 20)
    if do == "fork":
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(600)
        return {"pid": child}
    return {"pid": os.getpid()}
)";

// Speaks HTTP by itself: what a shell function has to.
constexpr const char* shell_code = R"(#!/usr/bin/env bash
api=/2018-06-01/runtime
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
answer() {
  length=0
  IFS=$'\r' read -r status <&3
  while IFS=$'\r' read -r line <&3 && [ -n "$line" ]; do
    case "${line,,}" in
      content-length:*) length=${line#*: } ;;
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
    esac
  done
  body=
  if [ "$length" -gt 0 ]; then LC_ALL=C read -r -N "$length" body <&3; fi
}
while true; do
  printf 'GET %s/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' $api >&3
  answer
  case "$body" in
    *error*) target=error reply='{"errorType":"Shell.Error","errorMessage":"not today"}' ;;
    *crash*) exit 3 ;;
    *hang*) sleep 600 ;;
    *garbage*) target=response reply='garbage' ;;
    *fork*) setsid sleep 600 >/dev/null 2>&1 & target=response reply="{\"pid\":$!}" ;;
    *) echo "hello from the shell"
       target=response
       reply="{\"statusCode\":201,\"headers\":{\"X-Language\":\"shell\"},\"body\":\"{\\\"pid\\\":$$}\"}" ;;
  esac
  printf 'POST %s/invocation/%s/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n%s' \
    $api "$id" $target ${#reply} "$reply" >&3
  answer
done
)";

// A program of one's own, without any bootstrap: it answers 7 MB, then to nobody, then rightly.
constexpr const char* raw_code = R"(
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    reply = api.getresponse()
    return reply.status, reply.headers, reply.read()
seen = []
while True:
    status, headers, body = ask("GET", "invocation/next")
    place = "invocation/" + headers["Lambda-Runtime-Aws-Request-Id"]
    if b"big" in body:
        seen.append(ask("POST", place + "/response", b"x" * (7 << 20))[0])
        continue
    seen.append(ask("POST", "invocation/7d444840-9dc0-41d1-b245-5ffdce74fad2/response", b"1")[0])
    ask("POST", place + "/response", json.dumps({"seen": seen, "stage": os.environ["STAGE"]}))
)";

bool runs(int pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

struct Languages {
  Languages() {
    for (const char* folder : {"node", "python", "shell"}) {
      std::filesystem::create_directory(directory.path(folder));
    }
    write_file(directory.path("node/index.js"), node_code);
    write_file(directory.path("python/app.py"), python_code);
    write_file(directory.path("shell/bootstrap"), shell_code);
    write_file(directory.path("raw.py"), raw_code);
    ::chmod(directory.path("shell/bootstrap").c_str(), 0755);
    write_file(directory.path("config.json"), config().dump());
    start();
  }
  static json config() {
    json routes = json::array();
    for (const char* language : {"node", "python", "shell", "raw"}) {
      const std::string name = language;
      routes.push_back({{"route", "POST /v1/" + name + "/{word}"},
                        {"event", name + ".asked"},
                        {"via", "fast"},
                        {"to", name},
                        {"reply", "sync"},
                        {"timeout", "25s"}});
    }
    return {{"queues", {{"fast", {{"visibility", "30s"}}}}},
            {"functions",
             {{"node",
               {{"runtime", "nodejs"},
                {"handler", "index.handler"},
                {"code", "node"},
                {"timeout", "2s"}}},
              {"python",
               {{"runtime", "python"},
                {"handler", "app.handler"},
                {"code", "python"},
                {"timeout", "2s"}}},
              {"shell", {{"runtime", "provided"}, {"code", "shell"}, {"timeout", "2s"}}},
              {"raw", {{"command", {"python3", "raw.py"}}, {"environment", {{"STAGE", "test"}}}}}}},
            {"gateway", {{"routes", routes}}}};
  }
  void start() {
    Instance::Setup setup;
    setup.config = directory.path("config.json");
    porteiro = std::make_unique<Instance>(loop, setup);
  }
  Reply ask(const std::string& language, const std::string& what) {
    return porteiro->call("POST", "/v1/" + language + "/x", json{{"do", what}}, {}, "");
  }
  int pid_of(const std::string& language) {
    const Reply reply = ask(language, "hello");
    INFO("reply: ", reply.text, " log: ", porteiro->process().err());
    REQUIRE(reply.status == 201);
    return reply.body["pid"].get<int>();
  }
  bool logged(const std::string& part) {
    return loop.until([&] { return porteiro->process().err().find(part) != std::string::npos; });
  }
  bool gone(int pid) {
    return loop.until([pid] { return !runs(pid); });
  }

  Loop loop;
  TemporaryDirectory directory;
  std::unique_ptr<Instance> porteiro;
};

const std::vector<std::string> all{"node", "python", "shell"};

}  // namespace

TEST_CASE("functions: handlers of three languages answer behind routes, and stay warm") {
  Languages l;
  for (const std::string& language : all) {
    CAPTURE(language);
    const int first = l.pid_of(language);
    CHECK(l.pid_of(language) == first);
    const Reply reply = l.ask(language, "hello");
    CHECK(reply.header("X-Language") == language);
    CHECK(!reply.header("X-Correlation-Id").empty());
    if (language == "shell") continue;
    CHECK(reply.body["calls"] == 3);
    CHECK(reply.body["path"] == "/v1/" + language + "/x");
    CHECK(reply.body["name"] == language);
    CHECK(reply.body["left"] == true);
  }
  CHECK(l.ask("node", "hello").header("Set-Cookie") == "a=1");
  CHECK(l.ask("node", "plain").status == 200);
  CHECK(l.logged("hello from node for ***"));
  CHECK(l.logged("hello from python"));
  CHECK(l.logged("hello from the shell"));
  l.porteiro->stop();
}

TEST_CASE("functions: what fails ends as an error at once, and the next request is served") {
  Languages l;
  for (const std::string& language : all) {
    CAPTURE(language);
    CHECK(l.ask(language, "error").status == 500);
    const int before = l.pid_of(language);
    CHECK(l.ask(language, "crash").status == 503);
    CHECK(l.gone(before));
    CHECK(l.pid_of(language) != before);
    CHECK(l.ask(language, "garbage").status == 500);
    if (language != "shell") {
      CHECK(l.ask(language, "big").status == 500);
      CHECK(l.ask(language, "flood").status == 200);
      CHECK(l.logged("writes more than 500 lines a second"));
    }
    CHECK(l.pid_of(language) > 0);
  }
  CHECK(l.logged("the function failed with TypeError"));
  CHECK(l.logged("the function failed with ValueError"));
  CHECK(l.logged("the function failed with Shell.Error"));
  CHECK(l.logged("its worker has ended: Runtime exited with error: exit status 3"));
  CHECK(l.logged("its answer is not what a route takes"));
  l.porteiro->stop();
}

TEST_CASE("functions: one that hangs is killed at its time-out") {
  Languages l;
  for (const std::string& language : all) {
    CAPTURE(language);
    const int pid = l.pid_of(language);
    CHECK(l.ask(language, "hang").status == 504);
    CHECK(l.gone(pid));
    CHECK(l.pid_of(language) != pid);
  }
  l.porteiro->stop();
}

TEST_CASE("functions: nothing is left after a stop or a kill") {
  for (const bool graceful : {true, false}) {
    CAPTURE(graceful);
    Languages l;
    std::vector<int> pids;
    for (const std::string& language : all) {
      pids.push_back(l.pid_of(language));
      const Reply forked = l.ask(language, "fork");
      REQUIRE(forked.status == 200);
      pids.push_back(forked.body["pid"].get<int>());
    }
    pids.push_back(l.ask("node", "stubborn").body["pid"].get<int>());
    for (const int pid : pids) CHECK(runs(pid));
    if (graceful) {
      l.porteiro->stop();
    } else {
      l.porteiro->kill();
    }
    for (const int pid : pids) CHECK(l.gone(pid));
  }
}

TEST_CASE("functions: a program of one's own hears what it did wrong") {
  Languages l;
  CHECK(l.ask("raw", "big").status == 500);
  CHECK(l.logged("is larger than 6291556"));
  const Reply reply = l.ask("raw", "hello");
  CHECK(reply.status == 200);
  CHECK(reply.body == json{{"seen", {413, 400}}, {"stage", "test"}});
  CHECK(l.logged("the runtime API refused a request: Invalid request ID"));
  l.porteiro->stop();
}

TEST_CASE("functions: check says which file is missing, and up does not start without it") {
  Languages l;
  l.porteiro->stop();
  const std::string file = l.directory.path("bad.json");
  const std::vector<std::pair<std::function<void(json&)>, std::string>> table{
      {[](json& it) { it["node"]["code"] = "nowhere"; },
       "/functions/node/code: there is no folder"},
      {[](json& it) { it["node"]["runtime"] = "nodejz"; }, "did you mean \"nodejs\"?"},
      {[](json& it) { it["python"]["handler"] = "ap.handler"; }, "/functions/python/handler: "},
      {[](json& it) { it["shell"]["code"] = "node"; }, "node/bootstrap; put it there"},
      {[](json& it) { it["raw"]["command"] = {"./raw.py"}; }, "is not executable; run chmod +x"}};
  for (const auto& [change, text] : table) {
    json bad = Languages::config();
    change(bad["functions"]);
    write_file(file, bad.dump());
    const Finished checked =
        run(l.loop, {.arguments = {"check", file}, .environment = {}, .directory = {}});
    CAPTURE(text);
    CAPTURE(checked.err);
    CHECK(checked.code == 3);
    CHECK(checked.err.find(text) != std::string::npos);
  }
  const Finished up =
      run(l.loop, {.arguments = {"up", file, "--public-port", "0", "--inside-port", "0"},
                   .environment = {},
                   .directory = {}});
  CHECK(up.code == 3);
  CHECK(up.err.find("is not executable") != std::string::npos);
}

TEST_CASE("functions: a changed file is used by the next request") {
  Languages l;
  const int before = l.pid_of("python");
  write_file(l.directory.path("python/app.py"),
             "def handler(event, context):\n    return {\"pid\": 7}\n");
  const Reply reply = l.ask("python", "hello");
  CHECK(reply.status == 200);
  CHECK(reply.body["pid"] == 7);
  CHECK(l.gone(before));
  write_file(l.directory.path("python/app.py"), "def handler(event, context)\n");
  CHECK(l.ask("python", "hello").status == 500);
  CHECK(l.logged("Runtime.UserCodeSyntaxError"));
  write_file(l.directory.path("python/app.py"), python_code);
  CHECK(l.pid_of("python") > 0);
  l.porteiro->stop();
}
