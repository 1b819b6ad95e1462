#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/data_folder.hpp"
#include "app/passing_folder.hpp"
#include "app/tls_files.hpp"
#include "porteiro/access/access.hpp"
#include "porteiro/emulator/emulator.hpp"
#include "porteiro/runtime/runtime.hpp"
#include "porteiro/telemetry/log_writer.hpp"

namespace porteiro::app {
namespace {

using namespace std::chrono_literals;

// A batch of 1 MiB in a form, each byte as %XX, and some room for the rest.
constexpr std::size_t inside_body_bytes_max = 4u << 20;
constexpr Duration stop_max = 30s;  // A graceful stop that takes longer ends anyway.

// The log: drained after each loop turn in which something was noted.
class Log {
 public:
  Log(std::FILE* out, telemetry::Telemetry& telemetry, telemetry::Level level, Scheduler& scheduler)
      : out_(out), scheduler_(scheduler), writer_(telemetry, [this](std::string_view line) {
          std::fwrite(line.data(), 1, line.size(), out_);
        }) {
    telemetry.listen([this, level](const telemetry::Record& record) {
      if (record.kind == telemetry::Kind::note || level == telemetry::Level::debug) wake();
    });
  }
  void drain() {
    awake_ = false;
    writer_.drain();
    std::fflush(out_);
  }

 private:
  void wake() {
    if (std::exchange(awake_, true)) return;
    scheduler_.post([this] { drain(); });
  }
  std::FILE* out_;
  Scheduler& scheduler_;
  telemetry::LogWriter writer_;
  bool awake_ = false;
};

std::optional<telemetry::Level> level_of(const std::string& name) {
  for (const auto level : {telemetry::Level::debug, telemetry::Level::info,
                           telemetry::Level::warning, telemetry::Level::error}) {
    if (telemetry::to_string(level) == name) return level;
  }
  return std::nullopt;
}

Outcome complain(const Error& problem) {
  std::cerr << "porteiro: " << problem.detail
            << (problem.at.empty() ? "" : " (at " + problem.at + ")") << "\n";
  return problem.code == Errc::invalid ? Outcome::invalid : Outcome::environment;
}

Result<emulator::Options> read_options(const UpArguments& arguments, bool& reported) {
  nlohmann::json document;
  const auto problems =
      arguments.config.empty()
          ? config::validate("{}", "(no config)", config::config_schema(), document)
          : config::load(arguments.config, config::config_schema(), document);
  reported = print_problems(problems);
  if (reported) return error(Errc::invalid, "");
  PORTEIRO_TRY(auto options,
               emulator::options_from_json(document, config::folder_of(arguments.config)));
  options.data_directory = arguments.data_directory;
  if (arguments.public_port) options.ports.public_port = *arguments.public_port;
  if (arguments.inside_port) options.ports.inside_port = *arguments.inside_port;
  if (const auto level = level_of(arguments.log_level)) options.telemetry.log_level = *level;
  if (const char* passphrase = std::getenv("PORTEIRO_PASSPHRASE"))
    options.kms.passphrase = passphrase;
  return options;
}

struct Listeners {
  std::unique_ptr<runtime::Server> gateway, socket, inside;
};

Result<Listeners> listen(runtime::Runtime& runtime, const emulator::Ports& ports,
                         std::size_t body_bytes_max, emulator::Emulator& emulator) {
  runtime::TlsOptions tls;
  if (ports.tls) {
    PORTEIRO_TRY(tls, read_tls_files(*ports.tls, runtime.files()));
  }
  runtime::ServerOptions options;
  options.connections_max = ports.connections_max;
  options.header_bytes_max = ports.header_bytes_max;
  options.idle_timeout = ports.idle_timeout;
  options.body_bytes_max = body_bytes_max;
  const auto gateway = [&emulator](const http::Request& request, http::Responder respond) {
    emulator.handle_public(request, std::move(respond));
  };
  Listeners listeners;
  options.tls = ports.tls ? &tls : nullptr;
  auto gateway_server = runtime.listen(ports.bind, ports.public_port, options, gateway);
  if (!gateway_server)
    return ports.tls ? with_file(gateway_server.error(), *ports.tls) : gateway_server.error();
  listeners.gateway = std::move(gateway_server).value();
  options.tls = nullptr;
  if (!ports.public_socket.empty()) {
    PORTEIRO_TRY(listeners.socket, runtime.listen_unix(ports.public_socket, options, gateway));
  }
  options.body_bytes_max = inside_body_bytes_max;
  options.may_be_large = emulator::Emulator::may_be_large;
  options.large_body_bytes_max = emulator::large_body_bytes_max;
  PORTEIRO_TRY(listeners.inside,
               runtime.listen(ports.bind, ports.inside_port, options,
                              [&emulator](const http::Request& request, http::Responder respond) {
                                emulator.handle_inside(request, std::move(respond));
                              }));
  return listeners;
}

// Answers what was accepted, then closes the listeners and ends the loop.
void stop(runtime::Runtime& runtime, emulator::Emulator& emulator, Listeners& listeners) {
  runtime.scheduler().after(stop_max, [&runtime] { runtime.quit(); });
  emulator.stop([&runtime, &listeners] {
    auto open = std::make_shared<int>(0);
    for (runtime::Server* server :
         {listeners.gateway.get(), listeners.socket.get(), listeners.inside.get()}) {
      if (server == nullptr) continue;
      ++*open;
      server->stop([&runtime, open] {
        if (--*open == 0) runtime.quit();
      });
    }
  });
}

// Where the code of clients' functions is: with the other data, or in the passing folder.
std::string code_folder(const std::string& data_directory, const PassingFolder& passing) {
  if (data_directory.empty()) return passing.path() + "/code";
  std::error_code failure;
  return std::filesystem::absolute(data_directory, failure) / "code";
}

void warn_of_layers_off(const access::Layers& layers) {
  std::string names;
  for (const std::string_view name : access::switched_off(layers)) {
    names.append(names.empty() ? "" : ", ").append(name);
  }
  if (names.empty()) return;
  std::cerr << "porteiro: WARNING: security layers are OFF, for measuring only: " << names << "\n";
}

void print_ready(const emulator::Ports& ports, const Listeners& listeners) {
  std::cout << "gateway  http" << (ports.tls ? "s" : "") << "://" << ports.bind << ":"
            << listeners.gateway->port() << "\n";
  if (listeners.socket) std::cout << "gateway  unix:" << ports.public_socket << "\n";
  std::cout << "inside   http://" << ports.bind << ":" << listeners.inside->port()
            << "/_porteiro/\n"
            << "Ready." << std::endl;
}

}  // namespace

Outcome up(const UpArguments& arguments) {
  const char* passphrase = std::getenv("PORTEIRO_PASSPHRASE");
  if (passphrase != nullptr && *passphrase == '\0') {
    std::cerr << "porteiro: PORTEIRO_PASSPHRASE is empty; give a passphrase, or unset it\n";
    return Outcome::usage;
  }
  bool reported = false;
  Result<emulator::Options> options = read_options(arguments, reported);
  if (!options) return reported ? Outcome::invalid : complain(options.error());

  std::FILE* log_file = stderr;
  if (!arguments.log_file.empty()) {
    log_file = std::fopen(arguments.log_file.c_str(), "a");
    if (log_file == nullptr) {
      return complain(error(Errc::unavailable, "cannot open the log file " + arguments.log_file));
    }
  }
  if (auto trusted = check_data_folder(options.value().data_directory); !trusted) {
    return complain(trusted.error());
  }
  warn_of_layers_off(options.value().layers);
  const emulator::Ports ports = options.value().ports;
  const telemetry::Level level = options.value().telemetry.log_level;
  const std::size_t body_bytes_max = options.value().gateway.limits.body_bytes_max;

  const std::unique_ptr<runtime::Runtime> runtime = runtime::Runtime::create(arguments.seed);
  Environment environment = runtime->environment();
  if (const auto read = emulator::load_key_sets(options.value(), runtime->files()); !read) {
    return complain(read.error());
  }
  const PassingFolder passing(runtime->files(), runtime->entropy());
  options.value().code_directory = code_folder(options.value().data_directory, passing);
  surround(options.value().surroundings, passing);
  auto opened = emulator::Emulator::open(std::move(options).value(), environment, registry());
  if (!opened) return complain(opened.error());
  emulator::Emulator& emulator = *opened.value();
  Log log(log_file, emulator.telemetry(), level, runtime->scheduler());
  Result<Listeners> listeners = listen(*runtime, ports, body_bytes_max, emulator);
  if (!listeners) return complain(listeners.error());

  Outcome outcome = Outcome::pass;
  emulator.start([&](Result<void> started) {
    if (started) return print_ready(ports, listeners.value());
    outcome = complain(started.error());
    runtime->quit();
  });
  runtime->on_interrupt([&] { stop(*runtime, emulator, listeners.value()); });
  runtime->run();
  log.drain();
  if (log_file != stderr) std::fclose(log_file);
  return outcome;
}

}  // namespace porteiro::app
