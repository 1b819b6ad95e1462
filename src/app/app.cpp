#include "porteiro/app/app.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "app/commands.hpp"

namespace porteiro::app {
namespace {

CLI::Validator names_something() {
  const auto complaint = [](const std::string& text) -> std::string {
    return text.empty() ? "it is empty: name a directory, or leave the option out" : "";
  };
  return {complaint, ""};
}

void add_up(CLI::App& root, UpArguments& arguments) {
  CLI::App* up = root.add_subcommand("up", "Start an emulator and serve until interrupted");
  up->add_option("CONFIG", arguments.config,
                 "The config file; without one only the services start");
  up->add_option("--public-port", arguments.public_port, "Port of the gateway; 0 picks a free one")
      ->envname("PORTEIRO_PUBLIC_PORT");
  up->add_option("--inside-port", arguments.inside_port,
                 "Port of the developer's side; 0 picks one")
      ->envname("PORTEIRO_INSIDE_PORT");
  up->add_option("--data", arguments.data_directory,
                 "Keep the state in this directory; without it everything is in memory")
      ->check(names_something())
      ->envname("PORTEIRO_DATA");
  up->add_option("--seed", arguments.seed, "Seed of modelled behaviour; never of keys or ids")
      ->envname("PORTEIRO_SEED")
      ->check([](const std::string& text) -> std::string {
        return text.starts_with('-') ? "a seed is not negative" : "";
      });
  up->add_option("--log-file", arguments.log_file, "Write the log there instead of stderr")
      ->envname("PORTEIRO_LOG_FILE");
  up->add_option("--log-level", arguments.log_level, "debug, info, warning or error")
      ->envname("PORTEIRO_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
}

void add_run(CLI::App& root, RunArguments& arguments) {
  CLI::App* run = root.add_subcommand("run", "Run scenarios and print the verdict");
  run->add_option("SCENARIO", arguments.files, "Scenario files")->required();
  run->add_option("--seeds", arguments.seeds, "One seed (7) or a range (1-200)");
  CLI::Option* live = run->add_flag("--live", arguments.live, "Against real sockets, in real time");
  run->add_flag("--check-determinism", arguments.check_determinism,
                "Run each seed twice and name the first record that differs")
      ->excludes(live);
  run->add_flag("--json", arguments.json, "JSON lines; the last one is the verdict");
  run->add_option("--junit", arguments.junit_file, "Write a JUnit XML report to this file");
  run->add_option("--data", arguments.data_directory, "A live run's data directory; must be empty")
      ->check(names_something())
      ->needs(live);
}

void add_compare(CLI::App& root, CompareArguments& arguments) {
  CLI::App* compare = root.add_subcommand(
      "compare", "Run a scenario's variants and show what each costs, in time and money");
  compare
      ->add_option("SCENARIO", arguments.file,
                   "A scenario file; without variants of its own each layer of security is one")
      ->required();
  compare->add_option("--seeds", arguments.seeds, "One seed (7) or a range (1-200)");
  compare->add_flag("--live", arguments.live, "Against real sockets, in real time");
  compare->add_flag("--json", arguments.json, "JSON lines, one for each seed");
}

void add_inspect(CLI::App* command, InspectArguments& arguments) {
  command->add_option("--inside-port", arguments.inside_port, "Where the emulator listens")
      ->envname("PORTEIRO_INSIDE_PORT")
      ->capture_default_str();
  command->add_flag("--json", arguments.json, "JSON instead of a table");
}

void add_erase(CLI::App& root, EraseArguments& arguments) {
  CLI::App* erase =
      root.add_subcommand("erase", "Erase a person from a running emulator, copies included");
  erase->add_option("TOKEN", arguments.token, "The token's name in the config, e.g. cpf")
      ->required()
      ->check(names_something());
  erase
      ->add_option("VALUE", arguments.value,
                   "The value or its token; - reads it from stdin, and it is in no history")
      ->required()
      ->check(names_something());
  erase->add_option("--inside-port", arguments.inside_port, "Where the emulator listens")
      ->envname("PORTEIRO_INSIDE_PORT")
      ->capture_default_str();
  erase->add_flag("--json", arguments.json, "JSON instead of a table");
}

void add_audit(CLI::App& root, AuditArguments& arguments) {
  CLI::App* audit = root.add_subcommand("audit", "Look at an audit log on disk");
  audit->require_subcommand(1);
  CLI::App* verify = audit->add_subcommand(
      "verify", "Find a changed, removed or reordered entry; exit code 1 when there is one");
  CLI::App* show = audit->add_subcommand("show", "Print the entries");
  for (CLI::App* each : {verify, show}) {
    each->add_option("DIR", arguments.directory, "The data directory")
        ->required()
        ->check(names_something());
    each->add_flag("--json", arguments.json, "JSON instead of text");
  }
  verify->add_option("--public-key", arguments.public_key,
                     "Check with this key alone, a PEM file, that the checkpoints are signed");
  verify->add_flag("--unsigned", arguments.may_be_unsigned,
                   "Of a config without audit.key: checkpoints may be unsigned, all of them");
  show->add_option("--subject", arguments.subject, "Only entries about this token");
  show->add_option("--principal", arguments.principal, "Only entries of this principal");
}

// The complaint about a first word that is none of the commands.
std::optional<std::string> unknown_command(const CLI::App& root, int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word.empty() || word.starts_with('-')) return std::nullopt;
  std::string names;
  for (const CLI::App* each : root.get_subcommands(nullptr)) {
    if (each->get_name() == word) return std::nullopt;
    names.append(names.empty() ? "" : ", ").append(each->get_name());
  }
  return "porteiro: there is no command " + word + "; the commands are " + names +
         ". `porteiro --help` explains them.\n";
}

}  // namespace

lambda::Registry registry() {
  lambda::Registry registry;
  lambda::add_builtins(registry);
  lambda::add_linked(registry);
  return registry;
}

int run(int argc, char** argv) {
  CLI::App root("porteiro: a whole event-driven, three-tier cloud architecture in one process",
                "porteiro");
  root.require_subcommand(1);
  root.set_version_flag("--version", "porteiro " PORTEIRO_VERSION);
  UpArguments up_arguments;
  RunArguments run_arguments;
  CompareArguments compare_arguments;
  InspectArguments inspect;
  EraseArguments erase_arguments;
  AuditArguments audit_arguments;
  std::vector<std::string> check_files;

  add_up(root, up_arguments);
  add_run(root, run_arguments);
  add_compare(root, compare_arguments);
  CLI::App* check_command = root.add_subcommand("check", "Validate config and scenario files");
  check_command->add_option("FILE", check_files, "Config or scenario files")->required();
  CLI::App* events_command =
      root.add_subcommand("events", "List a running emulator's business events");
  add_inspect(events_command, inspect);
  events_command->add_option("--limit", inspect.limit, "At most so many, the newest")
      ->capture_default_str();
  CLI::App* trace_command = root.add_subcommand("trace", "Follow one request through every hop");
  trace_command->add_option("ID", inspect.id, "The correlation id (X-Correlation-Id)")->required();
  add_inspect(trace_command, inspect);
  CLI::App* peek_command =
      root.add_subcommand("peek", "Look into a queue: ready, delayed and hidden messages");
  peek_command->add_option("QUEUE", inspect.queue, "The queue's name")->required();
  add_inspect(peek_command, inspect);
  peek_command->add_option("--limit", inspect.limit, "At most so many, the oldest")
      ->capture_default_str();
  add_erase(root, erase_arguments);
  add_audit(root, audit_arguments);
  root.add_subcommand("version", "Print the version");

  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    if (const auto unknown = unknown_command(root, argc, argv)) {
      std::cerr << *unknown;
      return static_cast<int>(Outcome::usage);
    }
    const int code = root.exit(problem);  // Prints help to stdout, errors to stderr.
    return code == 0 ? 0 : static_cast<int>(Outcome::usage);
  }

  const std::string command = root.get_subcommands().front()->get_name();
  Outcome outcome = Outcome::pass;
  try {
    if (command == "up") outcome = up(up_arguments);
    if (command == "run") outcome = run_scenarios(run_arguments);
    if (command == "compare") outcome = compare(compare_arguments);
    if (command == "check") outcome = check(check_files);
    if (command == "events") outcome = events(inspect);
    if (command == "trace") outcome = trace(inspect);
    if (command == "peek") outcome = peek(inspect);
    if (command == "erase") outcome = erase(erase_arguments);
    if (command == "audit") {
      const bool verifies = root.get_subcommand("audit")->got_subcommand("verify");
      outcome = verifies ? audit_verify(audit_arguments) : audit_show(audit_arguments);
    }
    if (command == "version") std::cout << "porteiro " << PORTEIRO_VERSION << "\n";
  } catch (const std::exception& problem) {  // Out of memory, or a defect of ours.
    std::cerr << "porteiro: internal error: " << problem.what() << "\n";
    outcome = Outcome::internal;
  }
  return static_cast<int>(outcome);
}

}  // namespace porteiro::app
