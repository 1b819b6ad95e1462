// The audit log as it lies on disk: verified, and shown.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "porteiro/audit/verify.hpp"
#include "porteiro/base/bytes.hpp"
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

using Checkpoints = std::vector<audit::Checkpoint>;

struct Signatures {
  bool opened = false;  // There were keys to check with.
  std::size_t good = 0, unsigned_ = 0, unknown = 0;
  std::uint64_t vouched = 0;         // The entry of the newest checkpoint among the good.
  std::string by;                    // The name of its key; empty: there is none.
  std::optional<std::uint64_t> bad;  // Of the first checkpoint whose signature is not right.

  void add(const audit::Checkpoint& checkpoint, bool right) {
    const std::uint64_t number = checkpoint.head.number;
    if (!right) {
      bad = std::min(bad.value_or(number), number);
      return;
    }
    ++good;
    if (number < vouched) return;
    vouched = number;
    by = checkpoint.key;
  }
};

// Nullopt: a key of that kind does not make such signatures.
std::optional<bool> check(const audit::Checkpoint& checkpoint, const kms::KeyPair& pair) {
  const auto algorithm = kms::parse_signing_algorithm(checkpoint.algorithm);
  if (!algorithm || !kms::can_sign(pair.spec(), *algorithm)) return std::nullopt;
  return pair.verify(*algorithm, checkpoint.message, checkpoint.signature);
}

Signatures check_signatures(const kms::KeyPair& pair, const Checkpoints& checkpoints) {
  Signatures out{.opened = true};
  for (const audit::Checkpoint& each : checkpoints) {
    const auto right = check(each, pair);
    if (each.key.empty()) {
      ++out.unsigned_;
    } else if (right) {
      out.add(each, *right);
    } else {
      ++out.unknown;
    }
  }
  return out;
}

// Of PEM (RFC 7468): what stands between the two lines of a public key.
Result<kms::KeyPair::Shared> read_public_key(Files& files, const std::string& path) {
  constexpr std::string_view begin = "-----BEGIN PUBLIC KEY-----";
  constexpr std::string_view end = "-----END PUBLIC KEY-----";
  PORTEIRO_TRY(const std::string text, files.read(path));
  const std::size_t from = text.find(begin), to = text.find(end);
  if (from != text.npos && to != text.npos && from < to) {
    std::string base64 = text.substr(from + begin.size(), to - from - begin.size());
    std::erase_if(base64, [](char c) { return c == '\n' || c == '\r'; });
    if (const auto der = from_base64(base64)) {
      if (auto pair = kms::KeyPair::from_public(*der)) return pair;
    }
  }
  return error(Errc::invalid,
               path +
                   " holds no public key; give the one of the checkpoints' key, in PEM form "
                   "(BEGIN PUBLIC KEY)");
}

// Null: the directory has no keys, or they do not open.
std::unique_ptr<kms::Kms> open_keys(Environment& environment, telemetry::Telemetry& telemetry,
                                    const std::string& directory) {
  kms::Options options;
  options.directory = directory + "/keys";
  if (const char* passphrase = std::getenv("PORTEIRO_PASSPHRASE")) options.passphrase = passphrase;
  if (!environment.files.size(options.directory + "/keys")) return nullptr;
  auto opened = kms::Kms::open(options, environment, telemetry);
  if (opened) return std::move(opened).value();
  std::cerr << "porteiro: " << opened.error().detail << "\n";
  return nullptr;
}

// Made once more with the keys of the data directory, and compared; or verified with them. These
// never lose a key of the config, so that one which they do not hold, and an algorithm which the
// named one has not, is somebody else's.
Signatures check_signatures(runtime::Runtime& runtime, const std::string& directory,
                            const Checkpoints& checkpoints) {
  Environment environment = runtime.environment();
  telemetry::Telemetry telemetry(environment.scheduler, {});
  const std::unique_ptr<kms::Kms> kms = open_keys(environment, telemetry, directory);
  Signatures out{.opened = kms != nullptr};
  std::size_t left = 1;
  const auto ended = [&] {
    if (--left == 0) runtime.quit();
  };
  for (const audit::Checkpoint& each : checkpoints) {
    if (each.key.empty()) {
      ++out.unsigned_;
    } else if (kms == nullptr) {
      ++out.unknown;
    } else if (const kms::KeyPair::Shared pair = kms->public_key(each.key)) {
      out.add(each, check(each, *pair).value_or(false));
    } else if (each.algorithm != "HMAC_SHA_256") {
      out.add(each, false);
    } else {
      ++left;
      kms->generate_mac(each.key, each.message, {}, [&](Result<std::string> made) {
        out.add(each, made && made.value() == each.signature);
        ended();
      });
    }
  }
  environment.scheduler.post(ended);
  runtime.run();
  return out;
}

// The newest has to be signed: it is what vouches for all entries before it.
std::optional<audit::Finding> finding_of(const Signatures& signatures,
                                         const Checkpoints& checkpoints,
                                         const AuditArguments& arguments) {
  const auto at = [](std::uint64_t number) {
    return "the checkpoint at entry " + std::to_string(number);
  };
  if (signatures.bad) {
    return audit::Finding{*signatures.bad,
                          at(*signatures.bad) +
                              " has a wrong signature: it, or the log up to it, was made by "
                              "somebody without the key"};
  }
  const bool by_public_key = !arguments.public_key.empty();
  if (checkpoints.empty() && by_public_key) {
    return audit::Finding{0, "there is no checkpoint that the key signed"};
  }
  if (!signatures.opened || checkpoints.empty()) return std::nullopt;
  const std::uint64_t newest = checkpoints.back().head.number;
  if (newest == signatures.vouched) return std::nullopt;
  if (by_public_key) {
    return audit::Finding{newest, at(newest) + ", the newest, is not signed with the key given"};
  }
  if (arguments.may_be_unsigned && signatures.good == 0) return std::nullopt;
  return audit::Finding{newest, at(newest) +
                                    ", the newest, is not signed; give --unsigned if audit.key "
                                    "was never set"};
}

void print_whole(const audit::Report& report, const Signatures& signatures) {
  const std::uint64_t entries = report.head.number, after = entries - signatures.vouched;
  std::cout << "whole: " << entries << " entries; " << report.checkpoints.size() << " checkpoints, "
            << signatures.good << " with a right signature";
  if (signatures.unsigned_ > 0) std::cout << ", " << signatures.unsigned_ << " not signed";
  if (signatures.unknown > 0) {
    std::cout << ", " << signatures.unknown << " whose key is not there to check them";
  }
  if (signatures.vouched == 0) {
    std::cout << "; no key vouches for them: who can write the files could have made them all\n";
    return;
  }
  std::cout << "; the key " << signatures.by << " vouches for those up to " << signatures.vouched;
  if (after > 0) std::cout << ", and not for the last " << after;
  std::cout << "\n";
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
  const Checkpoints& checkpoints = report.value().checkpoints;
  kms::KeyPair::Shared pair;
  if (!arguments.public_key.empty()) {
    auto read = read_public_key(files, arguments.public_key);
    if (!read) return unreadable(read.error());
    pair = std::move(read).value();
  }
  const Signatures signatures = pair != nullptr
                                    ? check_signatures(*pair, checkpoints)
                                    : check_signatures(*runtime, directory, checkpoints);
  std::optional<audit::Finding> finding = report.value().finding;
  if (!finding) finding = finding_of(signatures, checkpoints, arguments);
  if (arguments.json) {
    json out{{"ok", !finding},
             {"entries", report.value().head.number},
             {"hash", report.value().head.hash},
             {"signatures",
              {{"good", signatures.good},
               {"unsigned", signatures.unsigned_},
               {"unchecked", signatures.unknown}}}};
    if (!finding) out["vouched"] = signatures.vouched;
    if (finding) out["finding"] = {{"number", finding->number}, {"text", finding->text}};
    std::cout << out.dump() << "\n";
  } else if (finding) {
    std::cout << finding->text << "\n";
  } else {
    print_whole(report.value(), signatures);
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
