// Child processes and private ports in virtual time, for tests: a test writes what a child does.
//
//   World world;
//   Children children(world);  // From here on world.environment has processes and private ports.
//   children.processes.script = [&](VirtualChild& child) {  // Runs when a child has started.
//     child.write("hello\n");
//     children.ports.send(child.connection(),
//     std::string(child.variable("AWS_LAMBDA_RUNTIME_API")),
//                         {.target = "/2018-06-01/runtime/invocation/next"},
//                         [&child](Result<http::Response> reply) { … child.exit(1); });
//   };
//   … start the function, world.scheduler.run_for(1s) …
//   CHECK(children.processes.started()[0]->gone());
//
// Nothing takes time by itself: a script that wants it uses the scheduler. Everything reaches the
// other side by a task of its own, in the order in which it was done.
#pragma once
#include <deque>
#include <functional>
#include <map>

#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::virtual_world {

// A child from its start to its end. What a test calls once it has ended, or was killed by the
// death of its Process, has no effect. Lives as long as the VirtualProcesses.
class VirtualChild {
 public:
  using Stream = ProcessListener::Stream;
  VirtualChild(Scheduler& scheduler, ProcessOptions options, std::int64_t pid);

  const ProcessOptions& options() const { return options_; }
  std::string_view variable(std::string_view name) const;  // Of its environment; empty: not there.

  // What it does. The listener hears of it in tasks of their own, in this order.
  void write(std::string_view bytes, Stream stream = Stream::out);
  void exit(int status);
  void die(int signal);
  void fail(Errc code);  // Instead of a start: not_found, denied or unavailable.

  // It is told a signal. Without this SIGKILL and every other number end it; with this only SIGKILL
  // does by itself.
  std::function<void(int)> on_signal{};

  // What its requests come from: dies when the child ends or is killed. Null from then on.
  std::shared_ptr<const void> connection() const { return connection_; }

  bool gone() const { return connection_ == nullptr; }          // It ended, failed or was killed.
  bool killed() const { return killed_; }                       // By the death of its Process.
  const std::vector<int>& signals() const { return signals_; }  // All it was told.
  std::int64_t pid() const { return pid_; }

 private:
  friend class VirtualProcesses;
  friend class VirtualProcess;
  void end(Result<ProcessEnd> end);
  void take_signal(int number);
  void kill();

  Scheduler& scheduler_;
  const ProcessOptions options_;
  const std::int64_t pid_;
  ProcessListener* listener_ = nullptr;  // Null: it heard of the end, or wants to hear no more.
  std::shared_ptr<const void> connection_ = std::make_shared<char>();
  std::vector<int> signals_;
  bool started_ = false;
  bool killed_ = false;
};

class VirtualProcesses final : public Processes {
 public:
  explicit VirtualProcesses(Scheduler& scheduler) : scheduler_(scheduler) {}
  std::unique_ptr<Process> start(ProcessOptions options, ProcessListener& listener) override;

  // Plays each child, from a task after its start; without one a child runs and does nothing.
  std::function<void(VirtualChild&)> script{};
  const std::deque<std::unique_ptr<VirtualChild>>& started() const { return children_; }
  std::size_t running() const;  // Of them, those that are not gone.

 private:
  Scheduler& scheduler_;
  std::deque<std::unique_ptr<VirtualChild>> children_;
};

struct PortRequest {
  std::string method = "GET";
  std::string target{};
  std::vector<http::Header> headers{};
  std::string body{};
};

class VirtualPorts final : public http::PrivatePorts {
 public:
  using Done = UniqueFunction<void(Result<http::Response>)>;

  explicit VirtualPorts(Scheduler& scheduler) : scheduler_(scheduler) {}
  // The addresses are 127.0.0.1:40001, 40002 and so on, or `path`. Errors: conflict (same path).
  Result<std::unique_ptr<http::PrivatePort>> open(http::Handler handler,
                                                  const std::string& path) override;

  // Hands the request to the handler of the port at `address`, in a task of its own. `client` is
  // what Request::client tells of (VirtualChild::connection, or any other): once it is dead the
  // request does not arrive and `done` is not called. Its errors: unavailable (nothing listens
  // there, or the port was closed unanswered).
  void send(const std::shared_ptr<const void>& client, std::string address, PortRequest request,
            Done done);
  std::size_t open_ports() const { return ports_->size(); }

 private:
  friend class VirtualPort;
  struct Port {
    http::Handler handler;
    std::map<std::uint64_t, Done> waiting;  // Requests that are owed an answer.
  };
  using Table = std::map<std::string, std::shared_ptr<Port>>;

  Scheduler& scheduler_;
  std::shared_ptr<Table> ports_ = std::make_shared<Table>();  // By address.
  std::uint16_t last_port_ = 40000;
  std::uint64_t last_request_ = 0;
};

// Both, given to a world. Made before what copies the world's environment.
struct Children {
  explicit Children(World& world) : processes(world.scheduler), ports(world.scheduler) {
    world.environment.processes = &processes;
    world.environment.private_ports = &ports;
  }
  VirtualProcesses processes;
  VirtualPorts ports;
};

}  // namespace porteiro::virtual_world
