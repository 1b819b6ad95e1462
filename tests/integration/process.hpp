// The real program as another process, and what a test of it needs: a loop to wait on, a directory
// that goes away, a client. Tests do not sleep: they wait for a condition, with a deadline.
#pragma once
#include <sys/types.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/runtime/runtime.hpp"
#include "temporary_directory.hpp"

namespace porteiro::integration {

using nlohmann::json;
using namespace std::chrono_literals;

inline constexpr Duration patience = std::chrono::seconds(20);  // Of a wait that should be short.
inline constexpr const char* example = "config/credit-bureau.json";
inline constexpr const char* lender = "demo-lender-key";  // people, credit, trail
inline constexpr const char* shop = "demo-shop-key";      // trail

class Loop {
 public:
  Loop();
  // Runs the loop until `condition` holds; false: it did not within `limit`.
  bool until(const std::function<bool()>& condition, Duration limit = patience);
  Result<http::Response> send(http::ClientRequest request);
  runtime::Runtime& runtime() { return *runtime_; }
  Scheduler& scheduler() { return runtime_->scheduler(); }

 private:
  std::unique_ptr<runtime::Runtime> runtime_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);
std::vector<std::string> files_below(const std::string& directory);  // Regular ones, sorted.

// The example's config, absolute or as a variant that `change` makes, written to `path`.
std::string example_path();
std::string example_variant(const std::string& path, const std::function<void(json&)>& change);

struct Launch {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value", before the inherited ones.
  std::string directory;                 // To work in; empty: ours.
  std::string program = {};              // Another one than porteiro; empty: porteiro.
};

// The program, in its own process group. Its output is kept in memory, not in files.
class Process {
 public:
  Process(Loop& loop, const Launch& launch);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // kill -9, if it still runs.

  void signal(int number) const;
  pid_t pid() const { return pid_; }
  // The exit code, or minus the signal that ended it; nullopt: it still runs.
  std::optional<int> poll();
  std::optional<int> wait(Duration limit = patience);
  std::string out() const;
  std::string err() const;

 private:
  Loop& loop_;
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  std::optional<int> ended_;
};

// Runs the program to its end.
struct Finished {
  int code = 0;
  std::string out, err;
};
Finished run(Loop& loop, const Launch& launch, Duration limit = patience);

struct Reply {
  int status = 0;
  std::string content_type, text;
  std::vector<http::Header> headers;
  json body;  // Discarded, when it is none.

  std::string header(std::string_view name) const;  // Empty: absent.
};

// `porteiro up`, ready. Its ports are free ones.
class Instance {
 public:
  struct Setup {
    std::string config = example_path();
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    std::string directory;
    std::string program = {};
  };
  Instance(Loop& loop, const Setup& setup);
  explicit Instance(Loop& loop) : Instance(loop, Setup()) {}

  std::string gateway(std::string_view path) const;  // A URL.
  std::string inside(std::string_view path) const;
  std::uint16_t gateway_port() const { return gateway_port_; }
  std::uint16_t inside_port() const { return inside_port_; }

  // A request to the gateway, with the key as X-Api-Key when it is not empty. `body` null: none.
  Reply call(const std::string& method, std::string_view path, const json& body = nullptr,
             std::vector<http::Header> headers = {}, const std::string& key = lender);
  Reply get(std::string_view path, const std::string& key = lender) {
    return call("GET", path, nullptr, {}, key);
  }
  Reply ask(std::string_view path, const std::string& method = "GET");  // The inside.
  Reply send(http::ClientRequest request);
  // Follows a status resource until the command is no longer pending.
  json outcome(const std::string& location, const std::string& key = lender);
  // A command that is accepted and succeeds.
  void done(const std::string& method, std::string_view path, const json& body,
            const std::string& key = lender);

  void stop();  // SIGTERM; the exit code is 0.
  void kill();  // SIGKILL.
  Process& process() { return *process_; }
  Loop& loop() { return loop_; }

 private:
  Loop& loop_;
  std::unique_ptr<Process> process_;
  std::uint16_t gateway_port_ = 0, inside_port_ = 0;
};

Reply to_reply(const http::Response& response);

// How many rounds a crash test has, and the seed of them all.
struct CrashRounds {
  std::string test;
  std::uint64_t count, seed;
  std::string replay() const;  // Says how to have the same rounds again.
};
// From PORTEIRO_CRASH_ROUNDS and PORTEIRO_CRASH_SEED; or the `usual` number, and a seed by chance.
// Tells them on stdout.
CrashRounds crash_rounds(Loop& loop, std::string test, std::uint64_t usual);

std::string cpf_of(std::uint64_t nine_digits);  // With its check digits.
json person(const std::string& cpf, const std::string& name);
json movement(const std::string& transaction_id, std::int64_t cents);

}  // namespace porteiro::integration
