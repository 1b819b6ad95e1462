#include "integration/process.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <utility>

extern char** environ;

namespace porteiro::integration {
namespace {

namespace fs = std::filesystem;

constexpr Duration poll_pause = std::chrono::milliseconds(1);

std::string read_all(int descriptor) {
  std::string out;
  std::array<char, 4096> part;
  while (true) {
    const ssize_t got =
        ::pread(descriptor, part.data(), part.size(), static_cast<off_t>(out.size()));
    if (got <= 0) return out;
    out.append(part.data(), static_cast<std::size_t>(got));
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> with_inherited(std::vector<std::string> environment) {
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view one(*at);
    if (!one.starts_with("PORTEIRO_")) environment.emplace_back(one);
  }
  return environment;
}

// The port of the line "NAME … http://127.0.0.1:PORT…", or with https; 0: there is no such line.
std::uint16_t port_of(const std::string& text, const std::string& name) {
  const std::size_t url = text.find("://", std::min(text.find(name + " "), text.size()));
  if (url == std::string::npos) return 0;
  const std::size_t colon = text.find(':', text.find("//", url));
  return static_cast<std::uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10));
}

}  // namespace

Loop::Loop() : runtime_(runtime::Runtime::create(0)) {}

bool Loop::until(const std::function<bool()>& condition, Duration limit) {
  if (condition()) return true;
  bool met = false;
  std::optional<Time> deadline;  // The clock stands still until the loop runs.
  Timer timer(scheduler());
  std::function<void()> look = [&] {
    met = condition();
    if (!deadline) deadline = scheduler().now() + limit;
    if (met || scheduler().now() >= *deadline) return runtime_->quit();
    timer.start(poll_pause, [&look] { look(); });
  };
  scheduler().post([&look] { look(); });
  runtime_->run();
  return met;
}

Result<http::Response> Loop::send(http::ClientRequest request) {
  std::optional<Result<http::Response>> got;
  runtime_->client().send(std::move(request), [&](Result<http::Response> response) {
    got.emplace(std::move(response));
    runtime_->quit();
  });
  runtime_->run();
  REQUIRE(got.has_value());
  return std::move(*got);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), "cannot read ", path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.flush();
  REQUIRE_MESSAGE(out.good(), "cannot write ", path);
}

std::vector<std::string> files_below(const std::string& directory) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string example_path() { return fs::absolute(example).string(); }

std::string example_variant(const std::string& path, const std::function<void(json&)>& change) {
  json config = json::parse(read_file(example), nullptr, true, true);
  // Its folders are beside the example, wherever the variant is.
  const fs::path folder = fs::path(example_path()).parent_path();
  for (json& function : config["functions"]) {
    if (function.contains("code")) {
      function["code"] = folder / function["code"].get<std::string>();
    }
    if (!function.contains("layers")) continue;
    for (json& layer : function["layers"]) layer = folder / layer.get<std::string>();
  }
  change(config);
  write_file(path, config.dump(2));
  return path;
}

Process::Process(Loop& loop, const Launch& launch) : loop_(loop) {
  out_ = ::memfd_create("stdout", MFD_CLOEXEC);
  err_ = ::memfd_create("stderr", MFD_CLOEXEC);
  REQUIRE(out_ >= 0);
  REQUIRE(err_ >= 0);
  const std::string program = launch.program.empty() ? PORTEIRO_BINARY : launch.program;
  std::vector<std::string> arguments{program};
  arguments.insert(arguments.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<std::string> environment = with_inherited(launch.environment);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_, STDERR_FILENO);
  if (!launch.directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, launch.directory.c_str());
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, &attributes,
                                   pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) pid_ = -1;
  REQUIRE_MESSAGE(failed == 0, "cannot start ", program, ": error ", failed);
}

Process::~Process() {
  if (pid_ > 0 && !poll()) {
    signal(SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(out_);
  ::close(err_);
}

// Never after it was waited for: then the number may be another's.
void Process::signal(int number) const {
  if (!ended_) ::kill(-pid_, number);
}

std::optional<int> Process::poll() {
  int status = 0;
  if (ended_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return ended_;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return ended_;
}

std::optional<int> Process::wait(Duration limit) {
  loop_.until([this] { return poll().has_value(); }, limit);
  return ended_;
}

std::string Process::out() const { return read_all(out_); }
std::string Process::err() const { return read_all(err_); }

Finished run(Loop& loop, const Launch& launch, Duration limit) {
  Process process(loop, launch);
  const std::optional<int> code = process.wait(limit);
  REQUIRE_MESSAGE(code.has_value(), "it did not end in time; stderr: ", process.err());
  return {*code, process.out(), process.err()};
}

std::string Reply::header(std::string_view name) const {
  const auto same = [&](const http::Header& header) {
    return std::equal(
        header.name.begin(), header.name.end(), name.begin(), name.end(),
        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
  };
  const auto found = std::find_if(headers.begin(), headers.end(), same);
  return found == headers.end() ? "" : found->value;
}

Reply to_reply(const http::Response& response) {
  return {response.status, response.content_type, response.body, response.headers,
          json::parse(response.body, nullptr, false)};
}

Instance::Instance(Loop& loop, const Setup& setup) : loop_(loop) {
  std::vector<std::string> arguments{"up"};
  if (!setup.config.empty()) arguments.push_back(setup.config);
  for (const char* more : {"--public-port", "0", "--inside-port", "0"}) arguments.push_back(more);
  arguments.insert(arguments.end(), setup.arguments.begin(), setup.arguments.end());
  process_ = std::make_unique<Process>(
      loop, Launch{std::move(arguments), setup.environment, setup.directory, setup.program});
  std::string out;
  loop.until([&] {
    out = process_->out();
    return out.ends_with("Ready.\n") || process_->poll();
  });
  REQUIRE_MESSAGE(out.ends_with("Ready.\n"), "not ready; stdout: ", out,
                  "\nstderr: ", process_->err());
  gateway_port_ = port_of(out, "gateway");
  inside_port_ = port_of(out, "inside");
  REQUIRE(gateway_port_ != 0);
  REQUIRE(inside_port_ != 0);
}

std::string Instance::gateway(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(gateway_port_) + std::string(path);
}
std::string Instance::inside(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(inside_port_) + std::string(path);
}

Reply Instance::send(http::ClientRequest request) {
  const std::string what = request.method + " " + request.url;
  const Result<http::Response> got = loop_.send(std::move(request));
  REQUIRE_MESSAGE(got.has_value(), what, ": ", got.has_error() ? got.error().detail : "",
                  "; stderr: ", process_->err());
  return to_reply(got.value());
}

Reply Instance::call(const std::string& method, std::string_view path, const json& body,
                     std::vector<http::Header> headers, const std::string& key) {
  http::ClientRequest request;
  request.method = method;
  request.url = gateway(path);
  request.headers = std::move(headers);
  if (!key.empty()) request.headers.push_back({"X-Api-Key", key});
  if (!body.is_null()) {
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = body.dump();
  }
  return send(std::move(request));
}

Reply Instance::ask(std::string_view path, const std::string& method) {
  http::ClientRequest request;
  request.method = method;
  request.url = inside(path);
  return send(std::move(request));
}

json Instance::outcome(const std::string& location, const std::string& key) {
  Reply reply;
  const Time deadline = loop_.scheduler().now() + patience;
  do {
    reply = get(location, key);
    REQUIRE_MESSAGE(reply.status == 200, location, ": ", reply.text);
  } while (reply.body["status"] == "pending" && loop_.scheduler().now() < deadline);
  return reply.body;
}

void Instance::done(const std::string& method, std::string_view path, const json& body,
                    const std::string& key) {
  const Reply accepted = call(method, path, body, {}, key);
  REQUIRE_MESSAGE(accepted.status == 202, method, " ", path, ": ", accepted.text);
  const json result = outcome(accepted.header("Location"), key);
  REQUIRE_MESSAGE(result["status"] == "succeeded", method, " ", path, ": ", result.dump());
}

void Instance::stop() {
  process_->signal(SIGTERM);
  const std::optional<int> code = process_->wait();
  REQUIRE_MESSAGE(code == 0, "stderr: ", process_->err());
}

void Instance::kill() {
  process_->signal(SIGKILL);
  REQUIRE(process_->wait() == -SIGKILL);
}

std::string CrashRounds::replay() const {
  return "to see it again: PORTEIRO_CRASH_SEED=" + std::to_string(seed) +
         " PORTEIRO_CRASH_ROUNDS=" + std::to_string(count) + " ctest --test-dir build -R '^" +
         test + "$' --output-on-failure";
}

CrashRounds crash_rounds(Loop& loop, std::string test, std::uint64_t usual) {
  const auto from_environment = [](const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
  };
  std::uint64_t chosen = 0;
  loop.runtime().entropy().fill(std::as_writable_bytes(std::span(&chosen, 1)));
  const CrashRounds rounds{std::move(test), from_environment("PORTEIRO_CRASH_ROUNDS", usual),
                           from_environment("PORTEIRO_CRASH_SEED", chosen % 1'000'000)};
  std::cout << rounds.test << ": " << rounds.count << " rounds, seed " << rounds.seed << "\n";
  return rounds;
}

std::string cpf_of(std::uint64_t nine_digits) {
  std::string digits = std::to_string(nine_digits % 1'000'000'000);
  digits.insert(0, 9 - digits.size(), '0');
  for (int weight = 10; weight <= 11; ++weight) {
    int sum = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
      sum += (digits[i] - '0') * (weight - static_cast<int>(i));
    }
    const int rest = sum % 11;
    digits += static_cast<char>('0' + (rest < 2 ? 0 : 11 - rest));
  }
  return digits;
}

json person(const std::string& cpf, const std::string& name) {
  return {
      {"cpf", cpf},
      {"name", name},
      {"address", {{"street", "Rua das Laranjeiras"}, {"number", "45"}, {"city", "Recife"}}},
      {"debts",
       json::array(
           {{{"creditor", "Banco Marabaixo"},
             {"amount_cents", 129900},
             {"due_on", "2026-03-01"},
             {"status", "open"}},
            {{"creditor", "Loja Sete Estrelas"}, {"amount_cents", 4500}, {"status", "paid"}}})}};
}

json movement(const std::string& transaction_id, std::int64_t cents) {
  return {{"at", "2026-01-15T10:00:00Z"},
          {"kind", "pix"},
          {"amount_cents", cents},
          {"transaction_id", transaction_id}};
}

}  // namespace porteiro::integration
