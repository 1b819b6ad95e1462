#include "protocols/lambda/configuration.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::size_t handler_max = 128, environment_bytes_max = 4096, role_max = 2048;
constexpr std::size_t target_max = 1024;

// Of those that AWS knows, what runs here; versions are not told apart.
constexpr std::string_view known_runtimes =
    "nodejs18.x, nodejs20.x, nodejs22.x, nodejs24.x, python3.9, python3.10, python3.11, "
    "python3.12, python3.13, python3.14, provided, provided.al2, provided.al2023";

bool is_version(std::string_view text) {  // "", "22.x", "3.12"
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == 'x'; });
}

bool is_known_runtime(std::string_view name) {
  for (const std::string_view family : {std::string_view("nodejs"), std::string_view("python")}) {
    if (name.starts_with(family)) return is_version(name.substr(family.size()));
  }
  return name == "provided" || name == "provided.al2" || name == "provided.al2023";
}

bool is_role(std::string_view text) {
  const auto arn = text.find(":role/");
  return text.starts_with("arn:aws") && text.find(":iam::") != text.npos && arn != text.npos &&
         arn + 6 < text.size();
}

bool is_variable(std::string_view name) {  // [a-zA-Z]([a-zA-Z0-9_])+
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return name.size() > 1 && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_reserved_variable(std::string_view name) {  // "Defined runtime environment variables".
  constexpr std::string_view reserved[] = {"_HANDLER",
                                           "_X_AMZN_TRACE_ID",
                                           "AWS_DEFAULT_REGION",
                                           "AWS_REGION",
                                           "AWS_EXECUTION_ENV",
                                           "AWS_LAMBDA_FUNCTION_NAME",
                                           "AWS_ACCESS_KEY",
                                           "AWS_ACCESS_KEY_ID",
                                           "AWS_SECRET_ACCESS_KEY",
                                           "AWS_SESSION_TOKEN",
                                           "AWS_LAMBDA_RUNTIME_API",
                                           "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                                           "LAMBDA_TASK_ROOT",
                                           "LAMBDA_RUNTIME_DIR",
                                           "AWS_LAMBDA_FUNCTION_VERSION",
                                           "AWS_LAMBDA_LOG_GROUP_NAME",
                                           "AWS_LAMBDA_LOG_STREAM_NAME",
                                           "AWS_LAMBDA_INITIALIZATION_TYPE"};
  return std::find(std::begin(reserved), std::end(reserved), name) != std::end(reserved);
}

void take_environment(Reader& in, lambda::Settings& settings) {
  Reader part = in.part("Environment");
  const bool given = in.has("Environment");
  auto variables = part.texts("Variables");
  in.take(part);
  if (!given || in.failure()) return;
  settings.environment = variables ? std::move(*variables) : TextMap();
  std::size_t bytes = 0;
  for (const auto& [name, value] : settings.environment) {
    bytes += name.size() + value.size();
    if (!is_variable(name)) {
      in.fail(constraint(name, "environment.member.variables",
                         "satisfy constraint: [Member must satisfy regular expression pattern: "
                         "[a-zA-Z]([a-zA-Z0-9_])+]"));
    }
    if (is_reserved_variable(name)) {
      in.fail(
          wrong("Lambda was unable to configure your environment variables because the "
                "environment variables you have provided contains reserved keys that are "
                "currently not supported for modification. Reserved keys used in this "
                "request: " +
                name));
    }
    if (value.find('\0') != value.npos) in.fail(wrong("A variable's value has a zero byte."));
  }
  if (bytes > environment_bytes_max) {
    in.fail(
        wrong("Lambda was unable to configure your environment variables because the "
              "environment variables you have provided exceeded the 4KB limit."));
  }
}

void take_runtime(Reader& in, lambda::Settings& settings) {
  if (auto runtime = in.text("Runtime", 64)) {
    if (!in.failure() && !is_known_runtime(*runtime)) {
      in.fail(wrong("Value " + *runtime +
                    " at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
                    "set: [" +
                    std::string(known_runtimes) + "] or be a valid ARN"));
    }
    settings.runtime = std::move(*runtime);
  }
  if (auto handler = in.text("Handler", handler_max)) {
    const bool good = std::none_of(handler->begin(), handler->end(),
                                   [](char c) { return c == ' ' || (c >= 0 && c < 0x20); });
    if (!good) {
      in.fail(constraint(*handler, "handler", "satisfy regular expression pattern: [^\\s]+"));
    }
    settings.handler = std::move(*handler);
  }
}

// What cannot be had here is refused where it would change what the function does.
void refuse_unknown(Reader& in) {
  const auto layers = in.list("Layers");
  if (layers && !layers->empty()) {
    in.fail(wrong("Layer version " + layers->front() +
                  " does not exist: put the layer's files into the zip file, or declare the "
                  "function in the configuration with layers as folders."));
  }
  const auto systems = in.parts("FileSystemConfigs");
  if (!systems.empty()) in.fail(wrong("File systems cannot be mounted here."));
  if (in.has("ImageConfig")) {
    in.fail(wrong("Container images do not run here: use a zip file."));
  }
}

}  // namespace

Answer<void> check_target(const Call& call, std::string_view text, std::string_view member) {
  const Service& service = call.service;
  const auto arn = aws::parse_arn(text);
  const bool ours = arn && arn->account == service.aws.account && arn->region == service.aws.region;
  if (ours && arn->service == "sqs") {
    if (arn->resource.ends_with(".fifo")) {
      return wrong("The " + std::string(member) + " " + std::string(text) +
                   " is a FIFO queue: events go to standard queues only.");
    }
    PORTEIRO_TRY(service.permit_queue(call.who, access::action::queue_send, arn->resource));
    if (service.parts.queues.find(arn->resource) != nullptr) return ok();
    return wrong("The queue of " + std::string(member) + " does not exist: " + std::string(text));
  }
  if (ours && arn->service == "lambda") {
    PORTEIRO_TRY(const Reference reference, parse_reference(text, {}, service.aws));
    PORTEIRO_TRY(service.permit(call, access::action::function_invoke, reference.name));
    if (service.parts.catalogue.find(reference.name) != nullptr) return ok();
    return wrong("The function of " + std::string(member) +
                 " does not exist: " + std::string(text));
  }
  return wrong("The " + std::string(member) + " " + std::string(text) +
               " is not the ARN of a queue or function of this account and region, to which alone "
               "events go here.");
}

void take_architecture(Reader& in, lambda::Settings& settings) {
  const auto list = in.list("Architectures");
  if (!list || list->empty()) return;
  if (list->size() > 1 || (list->front() != "x86_64" && list->front() != "arm64")) {
    return in.fail(constraint("[" + list->front() + "]", "architectures",
                              "satisfy constraint: [Member must satisfy enum value set: [x86_64, "
                              "arm64]]"));
  }
  settings.architecture = list->front();
}

void take_settings(Reader& in, lambda::Settings& settings) {
  take_runtime(in, settings);
  if (auto text = in.text("Description", description_max)) settings.description = std::move(*text);
  if (auto role = in.text("Role", role_max)) {
    if (!is_role(*role)) {
      in.fail(constraint(*role, "role",
                         "satisfy regular expression pattern: "
                         "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"));
    }
    settings.role = std::move(*role);
  }
  if (const auto n = in.number("MemorySize", 128, 10'240)) {
    settings.memory_mb = static_cast<std::uint32_t>(*n);
  }
  if (const auto n = in.number("Timeout", 1, 900)) {
    settings.timeout_s = static_cast<std::uint32_t>(*n);
  }
  Reader storage = in.part("EphemeralStorage");
  if (const auto n = storage.number("Size", 512, 10'240)) {
    settings.storage_mb = static_cast<std::uint32_t>(*n);
  }
  in.take(storage);
  Reader tracing = in.part("TracingConfig");
  if (auto mode = tracing.choice("Mode", {"Active", "PassThrough"})) settings.tracing = *mode;
  in.take(tracing);
  Reader dead = in.part("DeadLetterConfig");
  if (auto target = dead.text("TargetArn", target_max)) {
    settings.dead_letter_arn = std::move(*target);
  }
  in.take(dead);
  take_environment(in, settings);
  refuse_unknown(in);
}

std::string time_text(Time time) {
  std::string text = to_rfc3339(time);
  text.pop_back();  // The Z.
  return text + "+0000";
}

double seconds_of(Time time) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch())
                 .count()) /
         1000;
}

json configuration_of(const Service& service, const lambda::CatalogueFunction& function,
                      const lambda::Version& version, std::string_view qualifier) {
  const lambda::Settings& s = version.settings;
  json out = {
      {"FunctionName", function.name},
      {"FunctionArn", function_arn(service.aws, function.name, qualifier)},
      {"Runtime", s.runtime},
      {"Role", s.role},
      {"Handler", s.handler},
      {"CodeSize", s.code.bytes},
      {"CodeSha256", to_base64(from_hex(s.code.sha256).value_or(""))},
      {"Description", s.description},
      {"Timeout", s.timeout_s},
      {"MemorySize", s.memory_mb},
      {"LastModified", time_text(version.modified)},
      {"Version", version.number},
      {"TracingConfig", {{"Mode", s.tracing}}},
      {"RevisionId", uuid_of(version.revision)},
      {"State", "Active"},
      {"LastUpdateStatus", "Successful"},
      {"PackageType", "Zip"},
      {"Architectures", json::array({s.architecture})},
      {"EphemeralStorage", {{"Size", s.storage_mb}}},
      {"SnapStart", {{"ApplyOn", "None"}, {"OptimizationStatus", "Off"}}},
      {"LoggingConfig", {{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/" + function.name}}}};
  if (!s.environment.empty()) out["Environment"]["Variables"] = s.environment;
  if (!s.dead_letter_arn.empty()) out["DeadLetterConfig"]["TargetArn"] = s.dead_letter_arn;
  if (const std::string* problem = service.problem_of(function.name, version.number)) {
    out["State"] = "Failed";
    out["StateReason"] = *problem;
    out["StateReasonCode"] = "InternalError";
  }
  return out;
}

}  // namespace porteiro::protocols::lambda_api
