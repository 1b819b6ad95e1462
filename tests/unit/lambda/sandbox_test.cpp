// Sandboxes, over children and ports in virtual time: what is started, what is shown of the
// machine, and what is said where there can be none.
#include "lambda/sandbox.hpp"

#include <algorithm>

#include "porteiro/virtual_world/children.hpp"
#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;
using virtual_world::VirtualChild;

namespace {

struct Boxed {
  Boxed() : children(b.world) {
    external.name = "f";
    external.runtime = Runtime::python;
    external.handler = "app.handler";
    external.code = "/home/dev/app";
    external.isolation = Isolation::sandbox;
    file("/home/dev/app/app.py");
    file("/usr/bin/bwrap");
    file("/usr/bin/python3");
    surroundings.path = "/opt/python/bin:/usr/bin:/bin";
    surroundings.program = "/srv/porteiro";
    surroundings.relay_argument = "relay";
    surroundings.sockets = "/tmp/sockets";
  }
  ~Boxed() { b.functions.reset(); }  // Before the children.
  void file(const std::string& path) {
    b.world.files.disk().files[path] = "";
    b.world.files.disk().modes[path] = 0755;
  }
  std::string checked() {
    const Result<void> result = check_files(external, surroundings, b.world.files);
    return result ? std::string("fine") : result.error().at;
  }
  // Invokes it; the error of the invocation once `script` has played its worker.
  Error failure(std::function<void(VirtualChild&)> script) {
    children.processes.script = std::move(script);
    FunctionOptions options;
    options.name = "f";
    options.retries_max = 0;
    auto workers = external_workers(external, surroundings, *b.services);
    REQUIRE(b.functions->create(options, std::move(workers)).has_value());
    std::optional<Result<Reply>> ended;
    b.functions->invoke("f", std::make_shared<Direct>(Direct{.payload = "{}"}),
                        [&](Result<Reply> reply) { ended = std::move(reply); });
    b.settle();
    REQUIRE(ended.has_value());
    REQUIRE_FALSE(ended->has_value());
    return ended->error();
  }
  const VirtualChild& child() { return *children.processes.started().at(0); }
  // Where these words stand one after the other in the command; -1: nowhere.
  std::ptrdiff_t place(const std::vector<std::string>& words) {
    const std::vector<std::string>& command = child().options().command;
    const auto at = std::search(command.begin(), command.end(), words.begin(), words.end());
    return at == command.end() ? -1 : at - command.begin();
  }

  Surroundings surroundings;
  Bench b;
  virtual_world::Children children;
  ExternalOptions external;
};

void leave(VirtualChild& child) { child.exit(1); }

}  // namespace

TEST_CASE("sandbox: a worker sees its code, its layers and its port, where Lambda has them") {
  Boxed box;
  box.external.layers = {"/home/dev/one", "/home/dev/two"};
  box.failure(leave);
  CHECK(box.child().options().command[0] == "/usr/bin/bwrap");
  CHECK(box.place({"--ro-bind", "/home/dev/app", "/var/task"}) > 0);
  CHECK(box.place({"--ro-bind", "/home/dev/one", "/opt/1"}) > 0);
  CHECK(box.place({"--ro-bind", "/home/dev/two", "/opt/2"}) > 0);
  CHECK(box.place({"--remount-ro", "/"}) > box.place({"--tmpfs", "/tmp"}));
  const std::ptrdiff_t relay = box.place({"relay", "/run/porteiro/port", "127.0.0.1:9001"});
  CHECK(relay > box.place({"--ro-bind", "/srv/porteiro"}));
  CHECK(box.place({"python3", "-u", "-c"}) == relay + 3);
  CHECK(box.child().variable("AWS_LAMBDA_RUNTIME_API") == "127.0.0.1:9001");
  CHECK(box.child().variable("LAMBDA_TASK_ROOT") == "/var/task");
  CHECK(box.child().variable("PYTHONPATH") == "/opt/2/python:/opt/1/python");
  CHECK(box.child().variable("PATH").starts_with("/opt/2/bin:/opt/1/bin:"));
  for (const std::string& word : box.child().options().command) {
    CHECK_FALSE(word == "/home");
    CHECK_FALSE(word == "/etc");
  }
}

TEST_CASE("sandbox: one layer is /opt; an interpreter elsewhere is shown with its installation") {
  Boxed box;
  box.external.layers = {"/home/dev/one"};
  box.file("/opt/python/bin/python3");
  box.failure(leave);
  CHECK(box.place({"--ro-bind", "/home/dev/one", "/opt"}) > 0);
  CHECK(box.place({"--ro-bind", "/opt/python", "/opt/python"}) > 0);
}

TEST_CASE("sandbox: nobody's home is shown for an interpreter in it") {
  Boxed box;
  box.surroundings.path = "/home/dev/bin:/usr/bin";
  box.file("/home/dev/bin/python3");
  box.failure(leave);
  CHECK(box.place({"--ro-bind", "/home/dev/bin", "/home/dev/bin"}) > 0);
  CHECK(box.place({"--ro-bind", "/home/dev", "/home/dev"}) == -1);
}

TEST_CASE("sandbox: a host that lets none be made is told of in the error, with what to do") {
  Boxed box;
  const Error error = box.failure([](VirtualChild& child) {
    child.write("bwrap: setting up uid map: Permission denied\n", VirtualChild::Stream::err);
    child.exit(1);
  });
  CHECK(error.detail.find("setting up uid map: Permission denied") != std::string::npos);
  CHECK(error.detail.find("set \"isolation\" to \"none\"") != std::string::npos);
}

TEST_CASE("sandbox: where there is no relay none is started") {
  Boxed box;
  box.surroundings.sockets.clear();
  CHECK(box.failure(leave).code == Errc::unavailable);
  CHECK(box.children.processes.started().empty());
}

TEST_CASE("sandbox: what it needs is checked before anything starts") {
  Boxed box;
  CHECK(box.checked() == "fine");
  box.b.world.files.disk().files.erase("/usr/bin/bwrap");
  CHECK(box.checked() == "isolation");
  box.file("/opt/python/bin/bwrap");
  CHECK(box.checked() == "fine");
  box.external.runtime = Runtime::command;
  box.external.command = {"/home/dev/worker"};
  box.file("/home/dev/worker");
  CHECK(box.checked() == "command/0");
  box.external.command = {"/usr/bin/python3", "app.py"};
  CHECK(box.checked() == "fine");
  box.external.code.clear();
  CHECK(box.checked() == "isolation");
}
