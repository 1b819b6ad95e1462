// The audit log as it lies on disk: verified, and shown.
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "porteiro/audit/verify.hpp"
#include "porteiro/kms/kms.hpp"
#include "porteiro/runtime/runtime.hpp"

namespace porteiro::app {
namespace {

using nlohmann::json;

// Below a data directory, or the folder itself.
std::string log_folder(Files& files, const std::string& directory) {
  const std::string below = directory + "/audit";
  return files.list(below) ? below : directory;
}

// What the data directory's manifest says of the log; nothing when there is none.
audit::Head told_head(Files& files, const std::string& directory) {
  const auto text = files.read(directory + "/manifest");
  if (!text) return {};
  const std::string line = text.value().substr(0, text.value().find('\n'));
  const json manifest = json::parse(line, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("audit")) return {};
  const json& head = manifest.at("audit");
  if (!head.is_object()) return {};
  return {head.value("number", std::uint64_t{0}), head.value("hash", std::string())};
}

struct Signatures {
  std::size_t good = 0, unsigned_ = 0, unknown = 0;
  std::optional<std::uint64_t> bad;  // Of the first checkpoint whose signature is not right.
};

// Made once more with the keys of the data directory, and compared.
Signatures check_signatures(runtime::Runtime& runtime, const std::string& directory,
                            const std::vector<audit::Checkpoint>& checkpoints) {
  Signatures out;
  Environment environment = runtime.environment();
  telemetry::Telemetry telemetry(environment.scheduler, {});
  kms::Options options;
  options.directory = directory + "/keys";
  if (const char* passphrase = std::getenv("PORTEIRO_PASSPHRASE")) options.passphrase = passphrase;
  std::unique_ptr<kms::Kms> kms;
  if (environment.files.size(options.directory + "/keys")) {
    auto opened = kms::Kms::open(options, environment, telemetry);
    if (opened) kms = std::move(opened).value();
  }
  std::size_t left = 1;
  const auto ended = [&] {
    if (--left == 0) runtime.quit();
  };
  for (const audit::Checkpoint& each : checkpoints) {
    if (each.key.empty()) {
      ++out.unsigned_;
    } else if (kms == nullptr || !kms->has(each.key) || each.algorithm != "HMAC_SHA_256") {
      ++out.unknown;
    } else {
      ++left;
      kms->generate_mac(each.key, each.message, {}, [&](Result<std::string> made) {
        if (!made) {
          ++out.unknown;
        } else if (made.value() == each.signature) {
          ++out.good;
        } else if (!out.bad || *out.bad > each.head.number) {
          out.bad = each.head.number;
        }
        ended();
      });
    }
  }
  environment.scheduler.post(ended);
  runtime.run();
  return out;
}

Outcome unreadable(const Error& problem) {
  std::cerr << "porteiro: " << problem.detail << "\n";
  return Outcome::environment;
}

}  // namespace

Outcome audit_verify(const AuditArguments& arguments) {
  const std::unique_ptr<runtime::Runtime> runtime = runtime::Runtime::create(0);
  Files& files = runtime->files();
  const std::string& directory = arguments.directory;
  const auto report =
      audit::verify(files, log_folder(files, directory), told_head(files, directory));
  if (!report) return unreadable(report.error());
  const Signatures signatures = check_signatures(*runtime, directory, report.value().checkpoints);
  std::optional<audit::Finding> finding = report.value().finding;
  if (!finding && signatures.bad) {
    finding = audit::Finding{*signatures.bad, "the checkpoint at entry " +
                                                  std::to_string(*signatures.bad) +
                                                  " has a wrong signature: it, or the log up to "
                                                  "it, was made by somebody without the key"};
  }
  if (arguments.json) {
    json out{{"ok", !finding},
             {"entries", report.value().head.number},
             {"hash", report.value().head.hash},
             {"signatures",
              {{"good", signatures.good},
               {"unsigned", signatures.unsigned_},
               {"unchecked", signatures.unknown}}}};
    if (finding) out["finding"] = {{"number", finding->number}, {"text", finding->text}};
    std::cout << out.dump() << "\n";
  } else if (finding) {
    std::cout << finding->text << "\n";
  } else {
    std::cout << "whole: " << report.value().head.number << " entries; "
              << report.value().checkpoints.size() << " checkpoints, " << signatures.good
              << " with a right signature";
    if (signatures.unsigned_ > 0) std::cout << ", " << signatures.unsigned_ << " not signed";
    if (signatures.unknown > 0) {
      std::cout << ", " << signatures.unknown << " whose key is not there to check them";
    }
    std::cout << "\n";
  }
  return finding ? Outcome::failed : Outcome::pass;
}

Outcome audit_show(const AuditArguments& arguments) {
  const std::unique_ptr<runtime::Runtime> runtime = runtime::Runtime::create(0);
  Files& files = runtime->files();
  const std::string folder = log_folder(files, arguments.directory);
  const auto read = audit::read(files, folder, [&](std::string_view line) {
    const json entry = json::parse(line, nullptr, false);
    if (!entry.is_object()) return true;  // `audit verify` complains of it.
    const auto text = [&entry](const char* member) {
      const auto found = entry.find(member);
      if (found == entry.end()) return std::string();
      return found->is_string() ? found->get<std::string>() : found->dump();
    };
    if (!arguments.subject.empty() && text("subject") != arguments.subject) return true;
    if (!arguments.principal.empty() && text("principal") != arguments.principal) return true;
    if (arguments.json) {
      std::cout << line << "\n";
      return true;
    }
    std::cout << text("number");
    for (const char* member : {"at", "decision", "principal", "client", "purpose", "action",
                               "resource", "subject", "fields", "reason"}) {
      if (const std::string value = text(member); !value.empty()) std::cout << "  " << value;
    }
    std::cout << "\n";
    return true;
  });
  return read ? Outcome::pass : unreadable(read.error());
}

}  // namespace porteiro::app
