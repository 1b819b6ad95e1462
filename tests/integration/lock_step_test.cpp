// Goal: real workers in virtual time. The same seed gives the same history, what functions print
// included; nobody waits for ever; and a function that lets the machine speak is told on.
#include <doctest/doctest.h>

#include <filesystem>

#include "integration/process.hpp"

using namespace porteiro;
using namespace porteiro::integration;

namespace {

// Does what the event says, and prints what is the machine's and what is not.
constexpr const char* node_code = R"(
const http = require('http');
const call = (path, headers, body) => new Promise((resolve, reject) => {
  const request = http.request(new URL(path, process.env.AWS_ENDPOINT_URL), { method: 'POST', headers },
    (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString() || 'null')));
    });
  request.on('error', reject);
  request.end(JSON.stringify(body));
});
const sqs = (action, body) => call('/', { 'X-Amz-Target': 'AmazonSQS.' + action },
  { QueueUrl: process.env.AWS_ENDPOINT_URL + '/000000000000/letters', ...body });

exports.handler = async (event, context) => {
  const { what, n } = event.body ? JSON.parse(event.body) : event;
  console.log(what, n, context.nowMs, context.seed, context.getRemainingTimeInMillis());
  console.error('api', process.env.AWS_LAMBDA_RUNTIME_API);
  switch (what) {
    case 'nest':  // Each waits for the next one, which is another worker.
      if (n > 0) {
        const inner = await call('/2015-03-31/functions/node/invocations', {}, { what, n: n - 1 });
        if (JSON.parse(inner.body).n !== n - 1) throw new Error('the next one said ' + inner.body);
      }
      return { statusCode: 200, body: JSON.stringify({ n }) };
    case 'letters': {  // Several at a time, and one who waits for them.
      const waiting = sqs('ReceiveMessage', { WaitTimeSeconds: 20 });
      const sent = [3, 1, 2].map((each) => sqs('SendMessage', { MessageBody: `${n}/${each}`, DelaySeconds: each }));
      await Promise.all(sent);
      const got = (await waiting).Messages;
      console.log('got', got.map((each) => each.Body));
      return { statusCode: 200 };
    }
    case 'chance':
      console.log(Math.random());
      return { statusCode: 200 };
    case 'dies': process.exit(7);
  }
};
)";

constexpr const char* python_code = R"(
import json, os, subprocess, sys, threading
def handler(event, context):
    body = json.loads(event["body"])
    print({"a", "b", "c", "d", "e"}, context.seed, flush=True)
    if body["what"] == "hangs":
        while True: pass
    if body["what"] == "floods":
        while True: print("x" * 1000)
    if body["what"] == "threads":
        told = []
        def work(k): told.append(subprocess.run(["sh", "-c", "sleep 0.0%d; echo %d" % (k, k)],
                                                capture_output=True, text=True).stdout)
        threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
        for each in threads: each.start()
        for each in threads: each.join()
        print(sorted(told), file=sys.stderr)
    return {"statusCode": 200}
)";

struct Folder {
  Folder() {
    for (const char* name : {"node", "python"})
      std::filesystem::create_directory(directory.path(name));
    write_file(directory.path("node/index.js"), node_code);
    write_file(directory.path("python/app.py"), python_code);
    json routes = json::array();
    for (const std::string name : {"node", "python"}) {
      routes.push_back({{"route", "POST /" + name},
                        {"event", name + ".asked"},
                        {"via", "asked"},
                        {"to", name},
                        {"reply", "sync"},
                        {"timeout", "25s"},
                        {"body", {{"what", {{"type", "string"}}}, {"n", {{"type", "int"}}}}}});
    }
    const json model = {{"cold", "cold"}, {"warm", "warm"}};
    const json rules = {{{"do", "queue:*"}, {"on", "letters"}},
                        {{"do", "function:invoke"}, {"on", "node"}}};
    const json config = {
        {"roles", {{"writer", {{"allow", rules}}}}},
        {"queues", {{"asked", {{"visibility", "60s"}}}, {"letters", json::object()}}},
        {"functions",
         {{"node",
           {{"runtime", "nodejs"},
            {"role", "writer"},
            {"handler", "index.handler"},
            {"code", "node"},
            {"timeout", "22s"},
            {"retries", 0},
            {"idle", "2s"},
            {"model", model}}},
          {"python",
           {{"runtime", "python"},
            {"handler", "app.handler"},
            {"code", "python"},
            {"timeout", "4s"},
            {"retries", 0},
            {"model", model}}}}},
        {"gateway", {{"routes", routes}}},
        {"latency",
         {{"calls",
           {{"cold", {{"p50", "100ms"}, {"p99", "1s"}, {"source", "a test"}}},
            {"warm", {{"p50", "5ms"}, {"p99", "50ms"}, {"source", "a test"}}}}}}}};
    write_file(directory.path("config.json"), config.dump());
  }

  // So many requests of a kind, at so many a second.
  static json traffic(const std::string& what, const std::string& function, int count,
                      const std::string& rate) {
    return {{"id", what},
            {"count", count},
            {"arrival", {{"poisson", rate}}},
            {"request",
             {{"method", "POST"}, {"path", "/" + function}, {"body", {{"what", what}, {"n", 2}}}}}};
  }
  Finished run(const json& traffic, const json& expect, const std::string& seeds,
               json faults = json::array(), const std::string& hang = "30s") {
    json ids = json::array();
    for (const json& each : traffic) ids.push_back(each["id"]);
    json scenario = {{"name", "a test"},
                     {"config", "config.json"},
                     {"limits", {{"hang", hang}, {"wall", "5m"}}},
                     {"traffic", traffic},
                     {"steps", {{{"run", ids}}, {{"advance", "idle"}, {"max", "5m"}}}},
                     {"expect", expect}};
    scenario["faults"] = std::move(faults);
    write_file(directory.path("scenario.json"), scenario.dump());
    return integration::run(loop,
                            {.arguments = {"run", directory.path("scenario.json"), "--seeds", seeds,
                                           "--check-determinism"},
                             .environment = {},
                             .directory = {}},
                            120s);
  }

  Loop loop;
  TemporaryDirectory directory;
};

json ratio(const std::string& of, const std::string& status) {
  return {{"check", "http.ratio"}, {"of", of}, {"status", status}, {"min", 1.0}};
}

}  // namespace

TEST_CASE("lock step: functions that invoke, wait for messages and work in threads come again") {
  Folder folder;
  const Finished done = folder.run(
      {Folder::traffic("nest", "node", 8, "2/s"), Folder::traffic("letters", "node", 4, "1/s"),
       Folder::traffic("threads", "python", 6, "2/s")},
      {ratio("nest", "200"), ratio("letters", "200"), ratio("threads", "200")}, "1-2");
  INFO(done.out, done.err);
  CHECK(done.code == 0);
}

TEST_CASE("lock step: what hangs or dies ends as its time-out or at once, in virtual time") {
  Folder folder;
  const Finished done = folder.run(
      {Folder::traffic("hangs", "python", 1, "1/s"), Folder::traffic("floods", "python", 1, "1/s"),
       Folder::traffic("dies", "node", 3, "1/s")},
      {ratio("hangs", "504"),
       ratio("floods", "504"),
       ratio("dies", "503"),
       {{"check", "latency"}, {"of", "hangs"}, {"p50", "6s"}},
       {{"check", "latency"}, {"of", "dies"}, {"max", "3s"}}},
      "1", json::array(), "4s");
  INFO(done.out, done.err);
  CHECK(done.code == 0);
}

TEST_CASE("lock step: what a function prints by the machine's chance is found") {
  Folder folder;
  const Finished done = folder.run(json::array({Folder::traffic("chance", "node", 2, "1/s")}),
                                   json::array({ratio("chance", "200")}), "1");
  INFO(done.out, done.err);
  CHECK(done.code == 6);
  CHECK(done.out.find("two runs differ from record") != std::string::npos);
  CHECK(done.out.find("INFO\\t0.") != std::string::npos);
}

TEST_CASE("lock step: each fault strikes functions outside, and they come again all the same") {
  Folder folder;
  const json add = {{"p50", "100ms"}, {"p99", "1s"}};
  json faults = json::array(), expect = {ratio("threads", "200")};
  expect[0]["min"] = 0.2;
  int n = 1;
  for (const std::string fault :
       {"crash", "pause", "slow", "error", "timeout", "garbage", "cold_start"}) {
    json one = {{"id", fault}, {"fault", "worker." + fault}, {"when", {{"nth", {n++}}}}};
    if (fault == "pause" || fault == "slow") one["add"] = add;
    faults.push_back(one);
    expect.push_back({{"check", "reached"}, {"point", "fault:" + fault}, {"min", 1}});
  }
  const Finished done = folder.run(json::array({Folder::traffic("threads", "python", 12, "1/s")}),
                                   expect, "1", faults);
  INFO(done.out, done.err);
  CHECK(done.code == 0);
}
