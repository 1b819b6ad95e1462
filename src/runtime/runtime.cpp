#include "porteiro/runtime/runtime.hpp"

#include <unistd.h>

#include <boost/asio/basic_signal_set.hpp>
#include <csignal>

#include "runtime/activity.hpp"
#include "runtime/entropy.hpp"
#include "runtime/files.hpp"
#include "runtime/http_client.hpp"
#include "runtime/http_server.hpp"
#include "runtime/offload.hpp"
#include "runtime/private_ports.hpp"
#include "runtime/processes.hpp"

namespace porteiro::runtime {
namespace {

constexpr int interrupted_status = 130;

class Stopwatch final : public Clock {
 public:
  Time now() const override {
    return Time(Duration(std::chrono::steady_clock::now().time_since_epoch()));
  }
};

class RealRuntime final : public Runtime {
 public:
  explicit RealRuntime(std::uint64_t seed)
      : random_(seed),
        offload_(loop_),
        client_(loop_),
        processes_(loop_),
        private_ports_(loop_),
        signals_(loop_.io().get_executor()) {}

  Scheduler& scheduler() override { return loop_; }
  const Clock& stopwatch() override { return stopwatch_; }
  Offload& offload() override { return offload_; }
  Entropy& entropy() override { return entropy_; }
  Random& random() override { return random_; }
  Files& files() override { return files_; }
  http::Client& client() override { return client_; }
  Processes& processes() override { return processes_; }
  http::PrivatePorts& private_ports() override { return private_ports_; }

  Result<std::unique_ptr<Server>> listen(const std::string& address, std::uint16_t port,
                                         ServerOptions options, http::Handler handler) override {
    return listen_tcp(loop_, address, port, options, std::move(handler), &offload_);
  }
  Result<std::unique_ptr<Server>> listen_unix(const std::string& path, ServerOptions options,
                                              http::Handler handler) override {
    return listen_path(loop_, path, options, std::move(handler));
  }

  void on_interrupt(Task task) override {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this, task = std::move(task)](error_code failed, int) mutable {
      if (failed) return;
      // From here on even a loop that hangs can be ended.
      signals_.clear();
      for (const int signal : {SIGINT, SIGTERM}) {
        std::signal(signal, [](int) { ::_exit(interrupted_status); });
      }
      loop_.entered();
      loop_.post(std::move(task));
    });
  }

  void run() override { loop_.run(); }
  void quit() override { loop_.quit(); }
  bool pump(Duration wait_max) override { return loop_.pump(wait_max); }
  Activity activity(std::int64_t pid) override { return activity_of(pid); }

 private:
  Stopwatch stopwatch_;
  Loop loop_;
  Random random_;
  SystemEntropy entropy_;
  SystemFiles files_;
  ThreadOffload offload_;
  HttpClient client_;
  NurseryProcesses processes_;
  ServerPorts private_ports_;
  asio::basic_signal_set<Executor> signals_;
};

}  // namespace

std::unique_ptr<Runtime> Runtime::create(std::uint64_t seed) {
  return std::make_unique<RealRuntime>(seed);
}

}  // namespace porteiro::runtime
