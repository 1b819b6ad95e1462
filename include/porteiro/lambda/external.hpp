// Functions outside, as a config or the Lambda service defines them: which program a worker runs,
// with what environment, and how it is spoken to. The programs for Node and Python handlers come
// with this module; where a function brings AWS's own runtime interface client, that one is used.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "porteiro/lambda/mask.hpp"
#include "porteiro/lambda/worker.hpp"

namespace porteiro::lambda {

enum class Runtime : std::uint8_t {
  command,   // ExternalOptions::command.
  provided,  // The executable file `bootstrap` in the code folder, or else in a layer.
  nodejs,    // Node.js: handler "file.function".
  python     // Python 3: handler "module.function".
};
// "nodejs", "python3.12", "provided.al2023" …; nullopt: none of ours. Versions are not told apart:
// it is the interpreter in PATH that runs.
std::optional<Runtime> runtime_of(std::string_view name);

// How a worker is kept apart from the machine it runs on.
enum class Isolation : std::uint8_t {
  none,    // A process like any other of who started the emulator.
  sandbox  // bubblewrap: its own file system, processes and network, see sandbox.hpp.
};

// A route of the gateway that the function serves.
struct ServedRoute {
  std::string event;         // The type of its events.
  std::string method, path;  // "GET", "/v1/people/{cpf}".
};

struct ExternalOptions {
  std::string name{};
  std::string version = "$LATEST";
  Runtime runtime = Runtime::command;
  std::vector<std::string> command{};
  std::string handler{};
  std::string code{};           // A folder, absolute: where a worker works. Or, for a command:
  std::string directory = "/";  // where it works when it has no such folder.
  std::vector<std::string> layers{};  // Folders, absolute; a later one goes before an earlier one.
  bool watched = true;                // Changed files replace warm workers.
  std::vector<std::pair<std::string, std::string>> environment{};
  std::uint32_t memory_mib = 128;  // Told to the function; not enforced.
  Isolation isolation = Isolation::none;
  std::vector<ServedRoute> routes{};
};

inline constexpr std::string_view data_path = "/data";  // Of the data API, at a worker's port.

// A worker to whoever answers it at its port beside the Runtime API.
struct Caller {
  std::string function{};              // Its name, without a version.
  stores::Accesses* stores = nullptr;  // As the function reaches them. Outlives its workers.
  std::string token{};                 // Of this worker alone: PORTEIRO_DATA_TOKEN. Never logged.
  bool active = true;                  // It starts, or an invocation of it runs.
  // Of the events of that invocation: what all of them say; masked when one of them is.
  Id trace{};
  std::string purpose{}, client{};
  bool masked = false;
  std::size_t calls = 0;  // Unanswered; counted by who answers.

  stores::Cause cause() const { return {trace, purpose, client, masked}; }
};

// What clients of the queue service know of a delivery beside its content.
struct MessageText {
  std::string receipt_handle, md5_of_body;
  std::string sequence_number;  // Of a FIFO queue's message.
};

// What all of them have in common. Outlives them.
struct Surroundings {
  std::string account = "000000000000", region = "us-east-1";
  std::string access_key = "porteiro", secret = "porteiro";  // Of the emulator's services.
  std::string path = "/usr/local/bin:/usr/bin:/bin";         // Where interpreters are looked for.
  // For sandboxes: this program, which is the relay inside when `relay_argument` comes first, and a
  // folder for sockets, with a short name, which is made when it is needed. Empty: no sandboxes.
  std::string program{}, relay_argument{}, sockets{};
  // Answers what a worker asks at its port beside the Runtime API: the service protocols. Empty:
  // there are none.
  std::function<void(const Caller&, const http::Request&, http::Responder)> services{};
  // The same for what is below data_path: the data API of the stores.
  std::function<void(std::shared_ptr<Caller>, const http::Request&, http::Responder)> data{};
  Mask mask{};
  std::function<MessageText(std::string_view queue, const queue::Delivery&)> message_text{};
};

inline constexpr Duration init_max = std::chrono::seconds(10);  // Of a start; AWS Lambda.

// Whether its files are there, and what a sandbox needs. Errors: invalid, with the member in `at`:
// "code", "layers/0", "command/0", "handler", "isolation".
Result<void> check_files(const ExternalOptions& options, const Surroundings& surroundings,
                         Files& files);

// Its workers, in processes of environment.processes, spoken to through environment.private_ports.
// Without these every start fails (unavailable). Borrows `surroundings` and `services`.
std::unique_ptr<Workers> external_workers(ExternalOptions options, const Surroundings& surroundings,
                                          Services& services);

}  // namespace porteiro::lambda
