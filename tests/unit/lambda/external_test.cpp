// Functions outside, over children and ports in virtual time: what starts, and what a worker's
// conversation makes of an invocation.
#include "porteiro/lambda/external.hpp"

#include <algorithm>
#include <csignal>

#include "unit/lambda/outside.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

TEST_CASE("external: a worker is started with AWS's environment, and gets AWS's headers") {
  Outside o;
  o.external.layers = {"/layer1", "/layer2"};
  o.external.environment = {{"STAGE", "test"}, {"TZ", "America/Sao_Paulo"}, {"_HANDLER", "no"}};
  o.surroundings.services = [](const Caller&, const http::Request&, http::Responder) {};
  o.surroundings.path = "/usr/bin";
  o.make();
  o.invoke(R"({"a":1})");
  CHECK(o.out == std::vector<std::string>{"\"done\""});
  const VirtualChild& child = o.child();
  const auto expect = [&](const char* name, const std::string& value) {
    CAPTURE(name);
    CHECK(child.variable(name) == value);
  };
  expect("AWS_LAMBDA_FUNCTION_NAME", "f");
  expect("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
  expect("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
  expect("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f");
  expect("AWS_REGION", "us-east-1");
  expect("AWS_DEFAULT_REGION", "us-east-1");
  expect("AWS_ACCESS_KEY_ID", "porteiro");
  expect("AWS_SECRET_ACCESS_KEY", "porteiro");
  expect("AWS_ENDPOINT_URL", "http://" + std::string(child.variable("AWS_LAMBDA_RUNTIME_API")));
  expect("LAMBDA_TASK_ROOT", "/code");
  expect("_HANDLER", "app.handler");
  expect("AWS_EXECUTION_ENV", "AWS_Lambda_python");
  expect("STAGE", "test");
  expect("TZ", "America/Sao_Paulo");
  expect("PATH", "/layer2/bin:/layer1/bin:/usr/bin");
  expect("PYTHONPATH", "/layer2/python:/layer1/python");
  CHECK(child.variable("AWS_LAMBDA_LOG_STREAM_NAME").starts_with("2026/01/01/[$LATEST]"));
  CHECK(child.options().directory == "/code");
  REQUIRE(child.options().command.size() == 4);
  CHECK(child.options().command[0] == "python3");

  REQUIRE(o.invocations.size() == 1);
  const http::Response& next = o.invocations[0];
  CHECK(next.body == R"({"a":1})");
  CHECK(next.content_type == "application/json");
  CHECK(Outside::id_of(next).size() == 36);
  CHECK(Outside::id_of(next)[14] == '4');
  CHECK(Outside::header(next, "Lambda-Runtime-Deadline-Ms") == "1767225603000");
  CHECK(Outside::header(next, "Lambda-Runtime-Invoked-Function-Arn") ==
        "arn:aws:lambda:us-east-1:000000000000:function:f");
  CHECK(Outside::header(next, "Lambda-Runtime-Trace-Id").starts_with("Root=1-"));
  CHECK(Outside::header(next, "Porteiro-Now-Ms") == "1767225600000");
  CHECK(std::stoull(Outside::header(next, "Porteiro-Seed")) < (1ULL << 53));
  CHECK(child.variable("PORTEIRO_TIME").empty());
}

TEST_CASE("external: what a worker asks its port beside the Runtime API goes to the services") {
  Outside o;
  std::vector<std::string> asked;
  o.surroundings.services = [&](const Caller&, const http::Request& request,
                                http::Responder respond) {
    asked.emplace_back(request.target);
    respond({.status = 200, .body = "service"});
  };
  std::string told;
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    o.children.ports.send(child.connection(), std::string(child.variable("AWS_LAMBDA_RUNTIME_API")),
                          {.method = "POST", .target = "/?Action=ListQueues"},
                          [&, next](Result<http::Response> reply) {
                            REQUIRE(reply.has_value());
                            told = reply.value().body;
                            o.respond(child, next, "\"told\"");
                          });
  };
  o.make();
  o.invoke();
  CHECK(told == "service");
  CHECK(asked == std::vector<std::string>{"/?Action=ListQueues"});
  CHECK(o.out == std::vector<std::string>{"\"told\""});
}

TEST_CASE("external: the data API knows its caller, with a token of its own that no log has") {
  Outside o;
  struct Call {
    std::string target, token;
    bool active;
    Id trace;
  };
  std::vector<Call> calls;
  std::vector<std::string> served;
  o.surroundings.services = [&](const Caller&, const http::Request& request,
                                http::Responder respond) {
    served.emplace_back(request.target);
    respond({.status = 200, .body = "{}"});
  };
  o.external.version = "3";
  o.external.environment = {{"PORTEIRO_DATA_TOKEN", "mine"}, {"PORTEIRO_DATA_URL", "mine"}};
  o.surroundings.data = [&](const std::shared_ptr<Caller>& caller, const http::Request& request,
                            http::Responder respond) {
    CHECK(caller->function == "f");
    CHECK(caller->stores->asker().role == "all");
    calls.push_back({std::string(request.target), caller->token, caller->active, caller->trace});
    respond({.status = 200, .body = "{}"});
  };
  const auto ask_data = [&](VirtualChild& child, const std::string& target, Task then) {
    o.children.ports.send(child.connection(), std::string(child.variable("AWS_LAMBDA_RUNTIME_API")),
                          {.target = target},
                          [target, then = std::move(then)](Result<http::Response> reply) mutable {
                            REQUIRE(reply.has_value());
                            const bool idle = target == "/idle";
                            CHECK(reply.value().status == (idle ? 403 : 200));
                            CHECK((reply.value().body == "{}") != idle);
                            then();
                          });
  };
  o.children.processes.script = [&](VirtualChild& child) {
    child.write("my token is " + std::string(child.variable("PORTEIRO_DATA_TOKEN")) + "\n");
    ask_data(child, "/data/start", [&] { ask_data(child, "/start", [&] { o.serve(child); }); });
  };
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    ask_data(child, "/while", [&, next] {
      ask_data(child, "/data/B/x/y?z", [&, next] {
        o.ask(child, "POST", "invocation/" + Outside::id_of(next) + "/response", "1",
              [&](const http::Response&) {
                ask_data(child, "/data", [&] { ask_data(child, "/idle", [] {}); });
              });
      });
    });
  };
  o.make();
  o.invoke();
  o.b.settle();
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].active);
  CHECK(calls[1].active);
  CHECK_FALSE(calls[2].active);
  CHECK_FALSE(calls[0].trace);
  CHECK(calls[1].trace);
  CHECK(calls[2].target == "/data");
  CHECK(served == std::vector<std::string>{"/start", "/while"});  // Not what came when it was idle.
  VirtualChild& child = o.child();
  CHECK(calls[0].token.size() == 43);
  CHECK(child.variable("PORTEIRO_DATA_TOKEN") == calls[0].token);
  CHECK(child.variable("PORTEIRO_DATA_URL") ==
        "http://" + std::string(child.variable("AWS_LAMBDA_RUNTIME_API")) + "/data");
  CHECK(o.noted("my token is ***"));
  CHECK_FALSE(o.noted(calls[0].token));

  child.die(SIGKILL);
  o.b.settle();
  o.invoke();
  CHECK(o.child(1).variable("PORTEIRO_DATA_TOKEN") != calls[0].token);
}

TEST_CASE("external: a function is told the version or alias that was asked for") {
  Outside o;
  o.external.version = "3";
  o.make();
  const auto told = [&](const std::string& qualifier) {
    auto direct = std::make_shared<Direct>(Direct{.qualifier = qualifier, .payload = "{}"});
    o.b.functions->invoke("f", direct, [](const Result<Reply>&) {});
    o.b.settle();
    CHECK(direct->log_tail.find(" Version: 3\n") != std::string::npos);
    return Outside::header(o.invocations.back(), "Lambda-Runtime-Invoked-Function-Arn");
  };
  CHECK(told("").ends_with(":function:f:3"));
  CHECK(told("live").ends_with(":function:f:live"));
  CHECK(o.child().variable("AWS_LAMBDA_LOG_STREAM_NAME").find("/[3]") != std::string::npos);
}

TEST_CASE("external: the log of a start that fails goes to whoever invoked the function") {
  Outside o;
  o.children.processes.script = [](VirtualChild& child) {
    child.write("no such module 11144477735\n", VirtualChild::Stream::err);
    child.exit(13);
  };
  o.make();
  for (int i = 0; i < 2; ++i) {  // The second while starts pause.
    CHECK(o.invoke()->log_tail == "no such module ***\n");
  }
}

TEST_CASE("external: a page in somebody's browser gets nothing from a worker's port") {
  Outside o;
  int status = 0;
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    o.ask(child, "GET", "invocation/next", {},
          [&, next](const http::Response& refused) {
            status = refused.status;
            o.respond(child, next, "1");
          },
          {{"Origin", "https://example.org"}});
  };
  o.make();
  o.invoke();
  CHECK(status == 403);
  CHECK(o.out == std::vector<std::string>{"1"});
}

TEST_CASE("external: a PATH of the function's own goes before the one that finds its runtime") {
  Outside o;
  o.surroundings.path = "/usr/bin";
  o.external.environment = {{"PATH", "/code/tools"}};
  o.make();
  o.invoke();
  CHECK(o.child().variable("PATH") == "/code/tools:/usr/bin");
}

TEST_CASE("external: programs of the runtimes, and AWS's own clients where they are installed") {
  const auto command = [](const std::function<void(Outside&)>& change) {
    Outside o;
    change(o);
    o.make();
    o.invoke();
    return o.child().options().command;
  };
  CHECK(command([](Outside& o) { o.external.runtime = Runtime::nodejs; })[1] == "-e");
  CHECK(command([](Outside& o) {
          o.external.runtime = Runtime::nodejs;
          o.external.layers = {"/layer"};
          o.file("/layer/nodejs/node_modules/aws-lambda-ric/bin/index.mjs", "");
        }) == std::vector<std::string>{"node",
                                       "/layer/nodejs/node_modules/aws-lambda-ric/bin/index.mjs",
                                       "app.handler"});
  CHECK(command([](Outside& o) { o.file("/code/awslambdaric/__main__.py", ""); }) ==
        std::vector<std::string>{"python3", "-u", "-m", "awslambdaric", "app.handler"});
  CHECK(command([](Outside& o) { o.external.runtime = Runtime::provided; }) ==
        std::vector<std::string>{"/code/bootstrap"});
  CHECK(command([](Outside& o) {
          o.external.runtime = Runtime::provided;
          o.external.layers = {"/layer"};
          o.file("/layer/bootstrap", "");
        }) == std::vector<std::string>{"/layer/bootstrap"});
  CHECK(command([](Outside& o) {
          o.external.runtime = Runtime::command;
          o.external.command = {"./worker", "--fast"};
        }) == std::vector<std::string>{"./worker", "--fast"});
}

TEST_CASE("external: each invocation has a seed of its own, and all of them come again") {
  const auto seeds = [] {
    Outside o;
    o.b.world.environment.modelled = true;
    o.external.environment = {{"PYTHONHASHSEED", "7"}};
    o.make();
    o.invoke();
    o.b.world.scheduler.run_for(1s);
    o.invoke();
    CHECK(o.child().variable("PORTEIRO_TIME") == "virtual");
    CHECK(o.child().variable("PYTHONHASHSEED") == "7");
    CHECK(Outside::header(o.invocations.at(1), "Porteiro-Now-Ms") == "1767225601000");
    return std::pair(Outside::header(o.invocations.at(0), "Porteiro-Seed"),
                     Outside::header(o.invocations.at(1), "Porteiro-Seed"));
  };
  const auto first = seeds();
  CHECK(first.first != first.second);
  CHECK(seeds() == first);
}

TEST_CASE("external: a warm worker is used again, a changed file replaces it") {
  Outside o;
  o.make();
  o.invoke();
  o.invoke();
  CHECK(o.children.processes.started().size() == 1);
  CHECK(o.invocations.size() == 2);
  o.b.world.scheduler.run_for(1s);
  o.file("/code/app.py", "v2");
  o.invoke();
  CHECK(o.children.processes.started().size() == 2);
  CHECK(o.out.size() == 3);
  CHECK(o.child(0).gone());
  CHECK(o.child(0).signals() == std::vector<int>{SIGTERM});
  o.b.world.scheduler.run_for(1s);
  for (const char* path :
       {"/code/node_modules/x/y.js", "/code/__pycache__/app.pyc", "/code/.git/x"}) {
    o.file(path, "new");
  }
  o.invoke();
  CHECK(o.children.processes.started().size() == 2);
  o.b.world.scheduler.run_for(1s);
  o.file("/code/lib/more.py", "new");
  o.invoke();
  CHECK(o.children.processes.started().size() == 3);
}

TEST_CASE("external: what the function says of its failure comes back, and is logged masked") {
  Outside o;
  o.make();
  const std::string object =
      R"({"errorType":"ValueError","errorMessage":"no 11144477735","stackTrace":[]})";
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    o.ask(child, "POST", "invocation/" + Outside::id_of(next) + "/error", object,
          [&](const http::Response& reply) {
            CHECK(reply.status == 202);
            o.serve(child);
          });
  };
  const auto direct = o.invoke();
  CHECK(o.out == std::vector<std::string>{"internal"});
  CHECK(direct->error == object);
  CHECK(o.noted("the function failed with ValueError"));
  CHECK(o.noted("no ***"));
  o.handler = nullptr;
  const auto other = o.invoke();
  CHECK(o.children.processes.started().size() == 1);
  CHECK(other->error.empty());
}

TEST_CASE("external: a worker that ends in the middle ends its invocation at once") {
  Outside o;
  o.make();
  const auto started = o.b.world.scheduler.now();
  o.handler = [](VirtualChild& child, const http::Response&) { child.exit(3); };
  const auto direct = o.invoke();
  CHECK(o.out == std::vector<std::string>{"unavailable"});
  const json object = json::parse(direct->error);
  CHECK(object["errorType"] == "Runtime.ExitError");
  CHECK(object["errorMessage"] == "RequestId: " + Outside::id_of(o.invocations[0]) +
                                      " Error: Runtime exited with error: exit status 3");
  o.handler = [](VirtualChild& child, const http::Response&) { child.exit(0); };
  CHECK(json::parse(o.invoke()->error)["errorMessage"].get<std::string>().ends_with(
      "Runtime exited without providing a reason"));
  o.handler = [](VirtualChild& child, const http::Response&) { child.die(SIGKILL); };
  CHECK(json::parse(o.invoke()->error)["errorMessage"].get<std::string>().ends_with(
      "signal: killed"));
  o.handler = [](VirtualChild& child, const http::Response&) { child.die(SIGSEGV); };
  CHECK(json::parse(o.invoke()->error)["errorMessage"].get<std::string>().ends_with(
      "signal: segmentation fault"));
  CHECK(o.b.world.scheduler.now() == started);
  o.handler = nullptr;
  o.invoke();
  CHECK(o.out.back() == "\"done\"");
  CHECK(o.children.processes.running() == 1);
  CHECK(o.children.ports.open_ports() == 1);
}

TEST_CASE("external: an answer and then the end is an answer") {
  Outside o;
  o.make();
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    o.ask(child, "POST", "invocation/" + Outside::id_of(next) + "/response", "\"last\"",
          [&child](const http::Response&) { child.exit(0); });
  };
  o.invoke();
  CHECK(o.out == std::vector<std::string>{"\"last\""});
  o.b.world.scheduler.run_for(3s);
  CHECK(o.children.processes.running() == 0);
  CHECK(o.children.ports.open_ports() == 0);
}

// Goal: a runtime that answers and then ends, as Node does after an exception that nobody caught,
// does not take the next invocation with it.
TEST_CASE("external: an invocation that a worker never got goes to another one") {
  Outside o;
  o.make();
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    o.ask(child, "POST", "invocation/" + Outside::id_of(next) + "/response", "\"last\"");
  };
  o.invoke();
  const auto direct = o.invoke();
  CHECK(o.out == std::vector<std::string>{"\"last\""});
  o.handler = nullptr;
  o.child().exit(129);
  o.b.settle();
  CHECK(o.out == std::vector<std::string>{"\"last\"", "\"done\""});
  CHECK(direct->error.empty());
  CHECK(o.children.processes.started().size() == 2);
  CHECK(o.children.processes.running() == 1);
}

TEST_CASE("external: a worker that hangs is killed at the time-out") {
  Outside o;
  o.make();
  o.handler = [](VirtualChild&, const http::Response&) {};
  const auto direct = o.invoke();
  o.b.world.scheduler.run_for(3s);
  CHECK(o.out == std::vector<std::string>{"timeout"});
  CHECK(o.child().killed());
  CHECK(json::parse(direct->error)["errorType"] == "Sandbox.Timedout");
  CHECK(direct->log_tail.find(" Task timed out after 3.00 seconds\n") != std::string::npos);
  CHECK(o.noted(": Task timed out after 3.00 seconds"));
}

TEST_CASE("external: starts that fail say why") {
  Outside o;
  o.make();
  SUBCASE("an error that the runtime tells") {
    o.children.processes.script = [&](VirtualChild& child) {
      o.ask(child, "POST", "init/error", R"({"errorType":"Runtime.ImportModuleError"})",
            [&child](const http::Response&) { child.exit(1); });
    };
    const auto direct = o.invoke();
    CHECK(direct->error == R"({"errorType":"Runtime.ImportModuleError"})");
    CHECK(o.noted("its start failed with Runtime.ImportModuleError"));
  }
  SUBCASE("an end") {
    o.children.processes.script = [](VirtualChild& child) {
      child.write("no such thing\n", VirtualChild::Stream::err);
      child.exit(2);
    };
    const auto direct = o.invoke();
    CHECK(json::parse(direct->error)["errorMessage"] == "Runtime exited with error: exit status 2");
    CHECK(o.noted("f: no such thing"));
    CHECK(o.noted("its worker has ended while it started"));
  }
  SUBCASE("no such program") {
    o.children.processes.script = [](VirtualChild& child) { child.fail(Errc::not_found); };
    const auto direct = o.invoke();
    CHECK(json::parse(direct->error)["errorType"] == "Runtime.InvalidEntrypoint");
  }
  SUBCASE("too long") {
    o.children.processes.script = [](VirtualChild&) {};
    const auto direct = o.invoke();
    CHECK(o.out.empty());
    o.b.world.scheduler.run_for(init_max);
    CHECK(json::parse(direct->error)["errorMessage"] == "Init phase timed out");
    CHECK(o.child().killed());
  }
  REQUIRE(o.out.size() == 1);
  CHECK(o.children.processes.running() == 0);
}

TEST_CASE("external: without processes every start fails") {
  Outside o;
  o.b.world.environment.processes = nullptr;
  o.make();
  const auto direct = o.invoke();
  CHECK(o.out == std::vector<std::string>{"unavailable"});
  CHECK(direct->error.find("there are no processes") != std::string::npos);
}

TEST_CASE("external: the log tail holds what the invocation wrote, with AWS's own lines") {
  Outside o;
  o.make();
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    child.write("working with api-key-1\n");
    o.respond(child, next, "1");
    child.write("and done\n");
  };
  const auto direct = o.invoke();
  const std::string id = Outside::id_of(o.invocations[0]);
  CHECK(direct->log_tail.starts_with("START RequestId: " + id + " Version: $LATEST\n"));
  CHECK(direct->log_tail.find("working with ***\n") != std::string::npos);
  CHECK(direct->log_tail.find("END RequestId: " + id + "\nREPORT RequestId: " + id +
                              "\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\t"
                              "Init Duration: 0.00 ms\n") != std::string::npos);
  CHECK(o.noted("f " + id + ": working with ***"));
}

TEST_CASE("external: answers to unknown or finished invocations are logged and disturb nothing") {
  Outside o;
  o.make();
  o.handler = [&](VirtualChild& child, const http::Response& next) {
    o.ask(child, "POST", "invocation/00000000-0000-4000-8000-000000000000/response", "1",
          [&, next](const http::Response& reply) {
            CHECK(reply.status == 400);
            o.respond(child, next, "\"right\"");
          });
  };
  o.invoke();
  CHECK(o.out == std::vector<std::string>{"\"right\""});
  CHECK(o.noted("the runtime API refused a request: Invalid request ID"));
  o.handler = nullptr;
  o.invoke();
  CHECK(o.out.back() == "\"done\"");
  CHECK(o.children.processes.started().size() == 1);
}

TEST_CASE("external: 7 MB are refused, garbage for a route is a 500") {
  Outside o;
  o.make();
  o.answer = std::string(7 << 20, 'x');
  const auto direct = o.invoke();
  CHECK(o.out == std::vector<std::string>{"internal"});
  CHECK(json::parse(direct->error) ==
        json{{"errorType", "Function.ResponseSizeTooLarge"},
             {"errorMessage",
              "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}});
  o.answer = "garbage";
  o.invoke();
  CHECK(o.out.back() == "garbage");  // Whoever invokes gets what was answered.

  queue::Queue& q = o.b.make_queue({.name = "q"});
  std::vector<Reply> replies;
  REQUIRE(o.b.functions
              ->add_source(q, {.queue = "q", .function = "f"},
                           [&](const events::Event&, Result<Reply> outcome) {
                             replies.push_back(std::move(outcome).value());
                           })
              .has_value());
  o.b.send(q, o.b.event("x"), true);
  o.b.settle();
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].status == 500);
  CHECK(replies[0].body == "{\"message\":\"Internal Server Error\"}");
  CHECK(o.noted("its answer is not what a route takes"));
  o.answer = R"({"statusCode":201,"headers":{"X-A":"1"},"body":"made"})";
  o.b.send(q, o.b.event("x"), true);
  o.b.settle();
  REQUIRE(replies.size() == 2);
  CHECK(replies[1].status == 201);
  CHECK(replies[1].body == "made");
  CHECK(replies[1].headers.size() == 1);
}

TEST_CASE("external: files and names are checked") {
  Outside o;
  const auto at = [&] {
    const Result<void> checked = check_files(o.external, o.surroundings, o.b.world.files);
    return checked ? std::string("fine") : checked.error().at;
  };
  CHECK(at() == "fine");
  o.external.handler = "lib.app.handler";
  CHECK(at() == "handler");
  o.file("/code/lib/app.py", "");
  CHECK(at() == "fine");
  o.external.handler = "app";
  CHECK(at() == "handler");
  o.external.runtime = Runtime::nodejs;
  o.external.handler = "src/index.handler";
  CHECK(at() == "handler");
  o.file("/code/src/index.mjs", "");
  CHECK(at() == "fine");
  o.external.layers = {"/layer"};
  CHECK(at() == "layers/0");
  o.file("/layer/nodejs/x.js", "");
  CHECK(at() == "fine");
  o.external.environment = {{"AWS_LAMBDA_FUNCTION_NAME", "x"}};
  CHECK(at() == "environment/AWS_LAMBDA_FUNCTION_NAME");
  o.external.environment.clear();
  o.external.runtime = Runtime::provided;
  CHECK(at() == "code");
  o.file("/code/bootstrap", "", 0644);
  CHECK(at() == "code");
  o.file("/code/bootstrap", "", 0755);
  CHECK(at() == "fine");
  o.external.code = "/nowhere";
  CHECK(at() == "code");
  o.external.code.clear();
  o.external.layers.clear();
  o.external.runtime = Runtime::command;
  o.external.directory = "/srv";
  o.external.command = {"bin/worker"};
  CHECK(at() == "command/0");
  o.file("/srv/bin/worker", "", 0755);
  CHECK(at() == "fine");
  o.external.command = {"python3", "x.py"};
  CHECK(at() == "fine");

  CHECK(runtime_of("nodejs20.x") == Runtime::nodejs);
  CHECK(runtime_of("nodejs") == Runtime::nodejs);
  CHECK(runtime_of("python3.12") == Runtime::python);
  CHECK(runtime_of("provided.al2023") == Runtime::provided);
  for (const char* other : {"ruby3.3", "node", "nodejsx", "pythonic", ""}) {
    CHECK_FALSE(runtime_of(other).has_value());
  }
}
