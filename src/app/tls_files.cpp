#include "app/tls_files.hpp"

#include <utility>

namespace porteiro::app {
namespace {

constexpr unsigned for_others = 0077;  // The permission bits of group and others.

std::string place(std::string_view part) { return "/listen/tls/" + std::string(part); }

Result<std::string> read(const std::string& path, std::string_view part, Files& system) {
  auto text = system.read(path);
  if (text) return text;
  return error(
      Errc::invalid,
      "cannot read " + path + " (" + text.error().detail + "); put the file there, or name another",
      place(part));
}

}  // namespace

Result<runtime::TlsOptions> read_tls_files(const emulator::TlsFiles& files, Files& system) {
  runtime::TlsOptions options;
  options.only_1_3 = files.only_1_3;
  PORTEIRO_TRY(options.certificate, read(files.certificate, "certificate", system));
  PORTEIRO_TRY(options.key, read(files.key, "key", system));
  PORTEIRO_TRY(const unsigned mode, system.mode(files.key));
  if ((mode & for_others) != 0) {
    return error(
        Errc::denied,
        "others may read the private key " + files.key + "; take that away: chmod 600 " + files.key,
        place("key"));
  }
  if (!files.client_ca.empty()) {
    PORTEIRO_TRY(options.client_ca, read(files.client_ca, "client_ca", system));
    if (options.client_ca.empty()) {
      return error(Errc::invalid, files.client_ca + " is empty; put the clients' authority there",
                   place("client_ca"));
    }
  }
  return options;
}

Error with_file(Error problem, const emulator::TlsFiles& files) {
  for (const auto& [part, path] :
       {std::pair<std::string_view, const std::string*>{"certificate", &files.certificate},
        {"key", &files.key},
        {"client_ca", &files.client_ca}}) {
    if (problem.at != part) continue;
    problem.detail.insert(0, *path + " ");
    problem.at = place(part);
    break;
  }
  return problem;
}

}  // namespace porteiro::app
