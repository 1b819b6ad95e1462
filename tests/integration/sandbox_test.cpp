// Goal: a function in a sandbox answers as any other, and reaches nothing of the machine but its
// code and its port. Where the host lets no sandbox be made, it says so and what to do.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "integration/process.hpp"

using namespace porteiro;
using namespace porteiro::integration;

namespace {

constexpr const char* code = R"(
import json, os, socket, subprocess, time, urllib.request

def outcome(act):
    try:
        return act()
    except Exception as problem:
        return type(problem).__name__

def handler(event, context):
    body = json.loads(event["body"])
    if "hang" in body:
        subprocess.Popen(["sleep", "617"], start_new_session=True)
        time.sleep(600)
    return {
        "folder": os.getcwd(),
        "secret": outcome(lambda: open(body["secret"]).read()),
        "code": outcome(lambda: open("/var/task/new", "w").write("x")),
        "root": outcome(lambda: open("/new", "w").write("x")),
        "tmp": outcome(lambda: open("/tmp/new", "w").write("x")),
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "gateway": outcome(lambda: socket.create_connection(("127.0.0.1", body["port"]), 2)),
        "services": outcome(lambda: urllib.request.urlopen(
            os.environ["AWS_ENDPOINT_URL"] + "/?Action=ListQueues").read().decode()),
    }
)";

bool host_allows() {
  return std::system("bwrap --unshare-all --ro-bind / / true >/dev/null 2>&1") == 0;
}

bool strays() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    std::ifstream file(entry.path() / "cmdline");
    const std::string words((std::istreambuf_iterator<char>(file)), {});
    if (words == std::string("sleep\000617\0", 10)) return true;
  }
  return false;
}

struct Boxed {
  Boxed() {
    std::filesystem::create_directory(directory.path("code"));
    write_file(directory.path("code/app.py"), code);
    write_file(directory.path("secret"), "11144477735");
    const json config = {{"queues", {{"fast", json::object()}}},
                         {"functions",
                          {{"boxed",
                            {{"runtime", "python"},
                             {"handler", "app.handler"},
                             {"code", "code"},
                             {"isolation", "sandbox"},
                             {"timeout", "5s"}}}}},
                         {"gateway",
                          {{"routes", json::array({{{"route", "POST /v1/boxed"},
                                                    {"event", "boxed.asked"},
                                                    {"via", "fast"},
                                                    {"to", "boxed"},
                                                    {"reply", "sync"},
                                                    {"timeout", "25s"}}})}}}};
    write_file(directory.path("config.json"), config.dump());
    Instance::Setup setup;
    setup.config = directory.path("config.json");
    porteiro = std::make_unique<Instance>(loop, setup);
  }
  Reply ask(json body) { return porteiro->call("POST", "/v1/boxed", body, {}, ""); }

  Loop loop;
  TemporaryDirectory directory;
  std::unique_ptr<Instance> porteiro;
};

}  // namespace

TEST_CASE("sandbox: it answers, and reaches nothing of the machine but its code and its port") {
  Boxed box;
  const Reply reply =
      box.ask({{"secret", box.directory.path("secret")}, {"port", box.porteiro->gateway_port()}});
  INFO("reply: ", reply.text, " log: ", box.porteiro->process().err());
  if (!host_allows()) {
    CHECK(reply.status >= 500);
    CHECK(box.porteiro->process().err().find("set \\\"isolation\\\" to") != std::string::npos);
    return;
  }
  REQUIRE(reply.status == 200);
  CHECK(reply.body["folder"] == "/var/task");
  CHECK(reply.body["secret"] == "FileNotFoundError");
  CHECK(reply.body["code"] == "OSError");
  CHECK(reply.body["root"] == "OSError");
  CHECK(reply.body["tmp"] == 1);
  CHECK(reply.body["processes"] == 3);  // bubblewrap's, the relay and itself.
  CHECK(reply.body["gateway"] == "ConnectionRefusedError");
  CHECK(reply.body["services"].get<std::string>().find("ListQueuesResult") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists("/tmp/new"));
}

TEST_CASE("sandbox: at its time-out it ends with all that it has started") {
  Boxed box;
  const Reply reply = box.ask({{"hang", true}});
  CHECK(reply.status == (host_allows() ? 504 : 500));
  CHECK(box.loop.until([] { return !strays(); }));
  box.porteiro->stop();
}
