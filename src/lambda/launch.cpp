#include "lambda/launch.hpp"

#include <algorithm>
#include <array>

#include "lambda/bootstraps.hpp"
#include "lambda/sandbox.hpp"

namespace porteiro::lambda {
namespace {

bool is_file(Files& files, const std::string& path) {
  const auto info = files.info(path);
  return info && !info.value().directory;
}
bool is_folder(Files& files, const std::string& path) {
  const auto info = files.info(path);
  return info && info.value().directory;
}

// A folder of the function: where it is, and where its worker sees it.
struct Place {
  std::string here, seen;
  Place operator/(std::string_view below) const {
    return {here + "/" + std::string(below), seen + "/" + std::string(below)};
  }
};

Place code_of(const ExternalOptions& options) {
  return {options.code, options.isolation == Isolation::sandbox ? sandbox_code : options.code};
}

// With this below each; a later layer goes before an earlier one.
std::vector<Place> layers_of(const ExternalOptions& options, std::string_view below) {
  std::vector<Place> found;
  for (std::size_t i = options.layers.size(); i-- > 0;) {
    const std::string& here = options.layers[i];
    const bool sandbox = options.isolation == Isolation::sandbox;
    const std::string seen = sandbox ? sandbox_layer(i, options.layers.size()) : here;
    found.push_back({here + std::string(below), seen + std::string(below)});
  }
  return found;
}

// In which order things are looked for: the function's own folder, then its layers.
std::vector<Place> roots(const ExternalOptions& options, std::string_view below_layers) {
  std::vector<Place> found = layers_of(options, below_layers);
  if (!options.code.empty()) found.insert(found.begin(), code_of(options));
  return found;
}

std::string joined(const std::vector<Place>& places) {
  std::string text;
  for (const Place& place : places) {
    if (!text.empty()) text += ':';
    text += place.seen;
  }
  return text;
}

// AWS's runtime interface client for Node, if the function or a layer brings it; empty: none does.
std::string node_client(const ExternalOptions& options, Files& files) {
  for (const Place& root : roots(options, "/nodejs")) {
    for (const char* name : {"index.mjs", "index.js"}) {
      const Place path = root / "node_modules/aws-lambda-ric/bin" / name;
      if (is_file(files, path.here)) return path.seen;
    }
  }
  return {};
}

bool has_python_client(const ExternalOptions& options, Files& files) {
  const std::vector<Place> folders = roots(options, "/python");
  return std::any_of(folders.begin(), folders.end(), [&](const Place& root) {
    return is_file(files, (root / "awslambdaric/__main__.py").here);
  });
}

Place bootstrap_of(const ExternalOptions& options, Files& files) {
  const std::vector<Place> folders = roots(options, "");
  for (const Place& root : folders) {
    if (is_file(files, (root / "bootstrap").here)) return root / "bootstrap";
  }
  return folders.front() / "bootstrap";
}

std::vector<std::string> command_of(const ExternalOptions& options, Files& files) {
  switch (options.runtime) {
    case Runtime::command:
      return options.command;
    case Runtime::provided:
      return {bootstrap_of(options, files).seen};
    case Runtime::nodejs:
      if (const std::string client = node_client(options, files); !client.empty()) {
        return {"node", client, options.handler};
      }
      return {"node", "-e", std::string(node_bootstrap())};
    case Runtime::python:
      if (has_python_client(options, files)) {
        return {"python3", "-u", "-m", "awslambdaric", options.handler};
      }
      return {"python3", "-u", "-c", std::string(python_bootstrap())};
  }
  return {};
}

// Its own environment, in which each name stands once; a later value replaces an earlier one.
class Variables {
 public:
  void set(const std::string& name, const std::string& value) {
    for (auto& [known, text] : all_) {
      if (known == name) {
        text = value;
        return;
      }
    }
    all_.emplace_back(name, value);
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const auto& [name, value] : all_) out.push_back(name + "=" + value);
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

// They say what the function is, which its definition does. AWS refuses its own ones, too.
bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 6> reserved{"_HANDLER",          "_X_AMZN_TRACE_ID",
                                                     "LAMBDA_TASK_ROOT",  "LAMBDA_RUNTIME_DIR",
                                                     "PORTEIRO_DATA_URL", "PORTEIRO_DATA_TOKEN"};
  return name.starts_with("AWS_LAMBDA_") ||
         std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

void set_for_language(const ExternalOptions& options, Variables& variables) {
  if (options.runtime == Runtime::nodejs) {
    variables.set("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs");
    variables.set("NODE_PATH", joined(layers_of(options, "/nodejs/node_modules")));
  } else if (options.runtime == Runtime::python) {
    variables.set("AWS_EXECUTION_ENV", "AWS_Lambda_python");
    variables.set("PYTHONPATH", joined(layers_of(options, "/python")));
  }
}

std::vector<std::string> environment_of(const ExternalOptions& options,
                                        const Surroundings& surroundings, const Launch& launch) {
  const bool sandbox = options.isolation == Isolation::sandbox;
  const std::string api = sandbox ? std::string(sandbox_api) : launch.api;
  const Place code = code_of(options);
  Variables variables;
  variables.set("AWS_LAMBDA_RUNTIME_API", api);
  variables.set("AWS_LAMBDA_FUNCTION_NAME", options.name);
  variables.set("AWS_LAMBDA_FUNCTION_VERSION", options.version);
  variables.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", std::to_string(options.memory_mib));
  variables.set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
  variables.set("AWS_LAMBDA_LOG_GROUP_NAME", log_group(options));
  variables.set("AWS_LAMBDA_LOG_STREAM_NAME", launch.log_stream);
  variables.set("_HANDLER", options.handler);
  variables.set("LAMBDA_TASK_ROOT", code.seen);
  variables.set("LAMBDA_RUNTIME_DIR", code.seen);
  variables.set("AWS_REGION", surroundings.region);
  variables.set("AWS_DEFAULT_REGION", surroundings.region);
  variables.set("AWS_ACCESS_KEY_ID", surroundings.access_key);
  variables.set("AWS_SECRET_ACCESS_KEY", surroundings.secret);
  variables.set("AWS_SESSION_TOKEN", "porteiro");
  if (surroundings.services) variables.set("AWS_ENDPOINT_URL", "http://" + api);
  if (!launch.data_token.empty()) {
    variables.set("PORTEIRO_DATA_URL", "http://" + api + std::string(data_path));
    variables.set("PORTEIRO_DATA_TOKEN", launch.data_token);
  }
  variables.set("TZ", ":UTC");
  variables.set("LANG", "en_US.UTF-8");
  std::string path = joined(layers_of(options, "/bin"));
  if (!path.empty()) path += ':';
  path += surroundings.path;
  variables.set("PATH", path);
  std::string libraries = joined(layers_of(options, "/lib"));
  if (!options.code.empty()) {
    libraries.insert(0, code.seen + ":" + code.seen + "/lib" + (libraries.empty() ? "" : ":"));
  }
  variables.set("LD_LIBRARY_PATH", libraries);
  set_for_language(options, variables);
  if (launch.simulated) {
    variables.set("PORTEIRO_TIME", "virtual");
    variables.set("PYTHONHASHSEED", "0");  // Else sets and dicts of Python have an order by chance.
  }
  for (const auto& [name, value] : options.environment) {
    if (is_reserved(name)) continue;
    // Interpreters are found in any case.
    variables.set(name, name == "PATH" ? value + ":" + path : value);
  }
  return variables.texts();
}

Result<void> check_executable(Files& files, const std::string& path, const char* at) {
  if (!is_file(files, path)) {
    return error(Errc::invalid, "there is no file " + path + "; put it there", at);
  }
  if (is_executable(files, path)) return ok();
  return error(Errc::invalid, path + " is not executable; run chmod +x on it", at);
}

// "src/index.handler": the file is there, whatever its ending.
Result<void> check_handler(const ExternalOptions& options, Files& files) {
  const std::size_t slash = options.handler.rfind('/');
  const std::size_t from = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t dot = options.runtime == Runtime::python ? options.handler.rfind('.')
                                                             : options.handler.find('.', from);
  if (dot == std::string::npos || dot == from || dot + 1 == options.handler.size()) {
    return error(Errc::invalid, "a handler names a file and a function: write \"index.handler\"",
                 "handler");
  }
  const bool python = options.runtime == Runtime::python;
  std::string file = options.handler.substr(0, dot);
  if (python) std::replace(file.begin(), file.end(), '.', '/');
  const std::vector<std::string> endings =
      python ? std::vector<std::string>{".py", "/__init__.py", ".so", ".pyc"}
             : std::vector<std::string>{".js", ".mjs", ".cjs", "", "/index.js"};
  for (const Place& root : roots(options, python ? "/python" : "/nodejs")) {
    for (const std::string& ending : endings) {
      if (is_file(files, root.here + "/" + file + ending)) return ok();
    }
  }
  return error(Errc::invalid, "there is no file " + options.code + "/" + file + endings.front(),
               "handler");
}

}  // namespace

std::string log_group(const ExternalOptions& options) { return "/aws/lambda/" + options.name; }

std::optional<Runtime> runtime_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Runtime>, 3> known{
      {{"nodejs", Runtime::nodejs}, {"python", Runtime::python}, {"provided", Runtime::provided}}};
  for (const auto& [text, runtime] : known) {
    if (!name.starts_with(text)) continue;
    const std::string_view version = name.substr(text.size());
    const bool numbered = version.find_first_not_of("0123456789.xal") == std::string_view::npos;
    if (numbered && !version.starts_with("x")) return runtime;
  }
  return std::nullopt;
}

Result<void> check_files(const ExternalOptions& options, const Surroundings& surroundings,
                         Files& files) {
  for (const auto& [name, value] : options.environment) {
    if (!is_reserved(name)) continue;
    return error(Errc::invalid, "is reserved: it is set for every worker; leave it out",
                 "environment/" + name);
  }
  if (!options.code.empty() && !is_folder(files, options.code)) {
    return error(Errc::invalid, "there is no folder " + options.code, "code");
  }
  for (std::size_t i = 0; i < options.layers.size(); ++i) {
    if (is_folder(files, options.layers[i])) continue;
    return error(Errc::invalid, "there is no folder " + options.layers[i],
                 "layers/" + std::to_string(i));
  }
  if (options.isolation == Isolation::sandbox) {
    PORTEIRO_TRY(check_sandbox(options, surroundings, files));
  }
  if (options.runtime == Runtime::provided) {
    return check_executable(files, bootstrap_of(options, files).here, "code");
  }
  if (options.runtime != Runtime::command) return check_handler(options, files);
  const std::string& program = options.command.front();
  if (program.find('/') == std::string::npos) return ok();  // In PATH, when it is started.
  if (program.starts_with('/')) return check_executable(files, program, "command/0");
  const std::string& folder = options.code.empty() ? options.directory : options.code;
  return check_executable(files, folder + "/" + program, "command/0");
}

ProcessOptions launch_options(const ExternalOptions& options, const Surroundings& surroundings,
                              Files& files, const Launch& launch) {
  ProcessOptions process;
  process.command = command_of(options, files);
  process.environment = environment_of(options, surroundings, launch);
  process.directory = options.code.empty() ? options.directory : code_of(options).seen;
  if (options.isolation != Isolation::sandbox) return process;
  return sandboxed(std::move(process), options, surroundings, files, launch.api);
}

}  // namespace porteiro::lambda
