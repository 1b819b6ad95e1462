#include "lambda/sandbox.hpp"

#include <algorithm>
#include <array>

namespace porteiro::lambda {
namespace {

constexpr const char* relay_path = "/run/porteiro/relay";
constexpr const char* socket_path = "/run/porteiro/port";
constexpr std::size_t tmp_bytes_max = 512U << 20;  // AWS Lambda.

// What programs need of a system, where it is there. Of /etc nothing that could be secret.
constexpr std::array<const char*, 18> system_paths{"/usr",
                                                   "/bin",
                                                   "/sbin",
                                                   "/lib",
                                                   "/lib32",
                                                   "/lib64",
                                                   "/etc/alternatives",
                                                   "/etc/ca-certificates",
                                                   "/etc/group",
                                                   "/etc/hosts",
                                                   "/etc/ld.so.cache",
                                                   "/etc/localtime",
                                                   "/etc/mime.types",
                                                   "/etc/nsswitch.conf",
                                                   "/etc/passwd",
                                                   "/etc/ssl/certs",
                                                   "/etc/ssl/openssl.cnf",
                                                   "/nix/store"};

}  // namespace

bool is_executable(Files& files, const std::string& path) {
  constexpr unsigned any_execute = 0111U;
  const auto info = files.info(path);
  return info && !info.value().directory && (info.value().mode & any_execute) != 0;
}

namespace {

std::vector<std::string> folders_of(std::string_view path) {
  std::vector<std::string> folders;
  while (!path.empty()) {
    const std::size_t colon = std::min(path.find(':'), path.size());
    if (path.starts_with('/')) folders.emplace_back(path.substr(0, colon));
    path.remove_prefix(std::min(colon + 1, path.size()));
  }
  return folders;
}

std::string find_program(const std::string& name, const std::string& path, Files& files) {
  for (const std::string& folder : folders_of(path)) {
    if (is_executable(files, folder + "/" + name)) return folder + "/" + name;
  }
  return {};
}

bool is_below(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

bool is_system(std::string_view path) {
  return std::any_of(system_paths.begin(), system_paths.end(),
                     [&](std::string_view known) { return is_below(path, known); });
}

bool is_home(std::string_view path) {
  return path == "/root" || (path.starts_with("/home/") && path.find('/', 6) == path.npos);
}

// An interpreter that is installed elsewhere brings its surroundings: of /opt/node/bin/node all of
// /opt/node, but never somebody's home. Empty: it is a system's program, or there is none.
std::string installation_of(const std::string& program, const std::string& path, Files& files) {
  if (program.find('/') != std::string::npos) return {};
  std::string found = find_program(program, path, files);
  if (found.empty() || is_system(found)) return {};
  const std::string folder = found.substr(0, found.rfind('/'));
  const std::string above = folder.substr(0, folder.rfind('/'));
  const bool of_more = folder.ends_with("/bin") || folder.ends_with("/shims");
  return of_more && !above.empty() && !is_home(above) ? above : folder;
}

}  // namespace

std::string sandbox_layer(std::size_t number, std::size_t count) {
  return count == 1 ? "/opt" : "/opt/" + std::to_string(number + 1);
}

Result<void> check_sandbox(const ExternalOptions& options, const Surroundings& surroundings,
                           Files& files) {
  if (options.code.empty()) {
    return error(Errc::invalid, "a sandbox shows the code folder and nothing else: set \"code\"",
                 "isolation");
  }
  if (options.runtime == Runtime::command && options.command.front().starts_with('/') &&
      !is_system(options.command.front())) {
    return error(Errc::invalid, "is outside the sandbox: put it into the code folder", "command/0");
  }
  if (!find_program("bwrap", surroundings.path, files).empty()) return ok();
  return error(Errc::invalid,
               "a sandbox is made by bubblewrap, and PATH has no bwrap: install the package "
               "bubblewrap, or set \"isolation\" to \"none\"",
               "isolation");
}

ProcessOptions sandboxed(ProcessOptions inside, const ExternalOptions& options,
                         const Surroundings& surroundings, Files& files, const std::string& api) {
  ProcessOptions outside;
  outside.environment = std::move(inside.environment);
  outside.directory = "/";
  std::vector<std::string>& words = outside.command;
  const auto add = [&words](std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
  };
  add({find_program("bwrap", surroundings.path, files), "--unshare-all", "--die-with-parent",
       "--hostname", "sandbox"});
  for (const char* path : system_paths) add({"--ro-bind-try", path, path});
  const std::string installation =
      installation_of(inside.command.front(), surroundings.path, files);
  if (!installation.empty()) add({"--ro-bind", installation, installation});
  add({"--proc", "/proc", "--dev", "/dev"});
  add({"--size", std::to_string(tmp_bytes_max), "--tmpfs", "/tmp"});
  add({"--ro-bind", options.code, sandbox_code});
  for (std::size_t i = 0; i < options.layers.size(); ++i) {
    add({"--ro-bind", options.layers[i], sandbox_layer(i, options.layers.size())});
  }
  add({"--ro-bind", surroundings.program, relay_path, "--bind", api, socket_path});
  add({"--remount-ro", "/", "--chdir", inside.directory, "--", relay_path,
       surroundings.relay_argument, socket_path, sandbox_api});
  words.insert(words.end(), std::make_move_iterator(inside.command.begin()),
               std::make_move_iterator(inside.command.end()));
  return outside;
}

std::optional<std::string> sandbox_refusal(std::string_view output) {
  if (!output.starts_with("bwrap: ")) return std::nullopt;
  const std::string_view line = output.substr(0, output.find('\n'));
  return "this host does not let a sandbox be made (" + std::string(line.substr(0, 200)) +
         "): allow user namespaces here, or set \"isolation\" to \"none\"";
}

}  // namespace porteiro::lambda
