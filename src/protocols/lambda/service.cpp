#include "protocols/lambda/service.hpp"

#include <algorithm>
#include <charconv>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "protocols/aws/digest.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/aws/rights.hpp"
#include "protocols/aws/sigv4.hpp"
#include "protocols/aws/text.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::string_view code_path = "/_lambda/code/";     // SHA256.zip?expires=…&token=…
constexpr Duration code_url_age = std::chrono::minutes(10);  // AWS Lambda.
constexpr std::size_t object_bytes_max = 4u << 20;           // Of a body without code; ours.

std::string random_text(Entropy& entropy, std::size_t size) {
  std::string out(size, '\0');
  entropy.fill(std::as_writable_bytes(std::span(out.data(), out.size())));
  return out;
}

std::uint64_t seed_of(Entropy& entropy) { return *ByteReader(random_text(entropy, 8)).u64(); }

std::string_view plain_name(std::string_view type) {  // Coral's errors have a prefix.
  return type.substr(type.find('#') + 1);
}

// The model's name of the member with the text.
std::string_view message_member(const ErrorKind& kind) {
  return &kind == &no_resource || &kind == &service_failure ? "Message" : "message";
}

// `text` without its members ZipFile; those of its structure Code likewise. False: no object.
bool take_zip(std::string_view text, std::string& rest, std::string& zip, bool& has_zip) {
  rest = "{";
  const bool whole = scan_object(text, [&](std::string_view name, std::string_view value) {
    if (name == "ZipFile") {
      if (auto plain = string_value(value)) {
        zip = std::move(*plain);
        has_zip = true;
        return true;
      }
    }
    if (rest.size() > 1) rest += ',';
    rest.append("\"").append(name).append("\":");
    std::string inner;
    if (name == "Code" && value.starts_with('{')) {
      if (!take_zip(value, inner, zip, has_zip)) return false;
      value = inner;
    }
    rest.append(value);
    return rest.size() <= object_bytes_max;
  });
  rest += '}';
  return whole && rest.size() <= object_bytes_max;
}

}  // namespace

std::string key_of(std::string_view name, std::string_view version) {
  std::string key(name);
  if (!version.empty() && version != lambda::latest_version) key.append(":").append(version);
  return key;
}

std::string uuid_of(Id id) {
  std::string text;
  aws::append_uuid(text, id);
  return text;
}

Failure failure_of(const Error& error) {
  switch (error.code) {
    case Errc::invalid:
      return wrong(error.detail);
    case Errc::denied:
    case Errc::conflict:
      return {&conflict, error.detail};
    case Errc::not_found:
      return absent(error.detail);
    case Errc::limit_exceeded:
      return {error.at == "code" ? &code_storage : &invalid_value, error.detail};
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::stale:
    case Errc::corrupt:
    case Errc::internal:
      return {&service_failure, error.detail};
  }
  return {&service_failure, error.detail};
}

std::string Call::query(std::string_view name) const {
  return percent_decode(request.query_value(name)).value_or("");
}

Service::Service(Lambda::Parts parts_, AwsOptions aws_, LambdaOptions options_)
    : parts(std::move(parts_)),
      aws(std::move(aws_)),
      options(options_),
      async(parts.environment, parts.journal, parts.telemetry, async_host()),
      ids_(seed_of(parts.environment.entropy)),
      code_key_(random_text(parts.environment.entropy, 32)) {
  parts.telemetry.describe("porteiro_lambda_requests_total",
                           "Requests to the Lambda service, by action and error.");
}

// ---- names ----

Answer<Reference> Service::reference_of(const Call& call) const {
  return parse_reference(call.names.at(0), call.query("Qualifier"), aws);
}

Answer<const lambda::CatalogueFunction*> Service::function_of(const Reference& reference) const {
  if (const auto* function = parts.catalogue.find(reference.name)) return function;
  return no_function(aws, reference);
}

Answer<lambda::CatalogueFunction> Service::copy_of(const Reference& reference) const {
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, function_of(reference));
  if (function->declared) {
    return Failure{&conflict, "The function " + function->name +
                                  " is declared in the configuration, and only there it can be "
                                  "changed."};
  }
  return *function;
}

Answer<Output> Service::change(lambda::CatalogueFunction function) {
  const auto changed = parts.catalogue.change(std::move(function));
  if (!changed) return failure_of(changed.error());
  Output output;
  output.sequence = changed.value();
  return output;
}

Answer<const lambda::Version*> Service::version_of(const lambda::CatalogueFunction& function,
                                                   const Reference& reference, bool weighted) {
  if (const lambda::Version* version = function.version(reference.qualifier)) return version;
  const auto alias = function.aliases.find(reference.qualifier);
  if (alias == function.aliases.end()) return no_function(aws, reference);
  const lambda::Version* chosen = function.version(alias->second.version);
  for (const auto& [number, weight] : alias->second.weights) {
    const auto parts_per_million = static_cast<std::uint32_t>(weight * 1e6);
    if (weighted && parts.environment.random.chance(parts_per_million)) {
      chosen = function.version(number);
    }
  }
  PORTEIRO_ASSERT(chosen != nullptr);  // The catalogue keeps versions that aliases lead to.
  return chosen;
}

// ---- requests ----

void Service::handle(const http::Request& request, http::Responder respond, const Asker& who) {
  if (request.path().starts_with(code_path)) {
    if (serve_code(request, respond)) return;
    return refuse(nullptr, {&no_access, "The link is not good, or no longer."}, std::move(respond));
  }
  if (aws.verify_signatures) {
    const auto verified =
        aws::verify_signature(request, aws.credentials, {aws.region, "lambda"}, now());
    if (!verified) return refuse(nullptr, verified.error(), std::move(respond));
  }
  std::vector<std::string> names;
  const Action* const action = find_action(request.method, request.path(), names);
  if (action == nullptr) {
    return refuse(nullptr, {&no_operation, "Lambda has no such operation here."},
                  std::move(respond));
  }
  Call call{*this, request, who,    *action, std::move(names), Reader(json::object()),
            {},    false,   respond};
  if (const auto permitted = permit_action(call); !permitted) {
    return refuse(action, permitted.error(), std::move(respond));
  }
  if (const auto good = read(request, call); !good) {
    return refuse(action, good.error(), std::move(respond));
  }
  if (action->writes && parts.journal.full()) {
    return refuse(action,
                  {&unavailable,
                   "Too much waits to become durable; nothing of this request was done. Try "
                   "again."},
                  std::move(respond));
  }
  Answer<Output> output = action->run(call);
  if (!output) return refuse(action, output.error(), std::move(respond));
  if (!output.value().later) answer(*action, std::move(output.value()), std::move(respond));
}

Answer<void> Service::read(const http::Request& request, Call& call) const {
  if (call.action.body == Body::none || call.action.body == Body::raw) return ok();
  std::string rest;
  std::string_view text = request.body;
  if (call.action.body == Body::with_zip && !text.empty()) {
    if (!take_zip(text, rest, call.zip, call.has_zip)) {
      return Failure{&serialization, "The request's body is not one JSON object."};
    }
    text = rest;
  }
  if (text.size() > object_bytes_max) {
    return Failure{&too_large, "Request must be smaller than " + std::to_string(object_bytes_max) +
                                   " bytes for the " + std::string(call.action.name) +
                                   " operation"};
  }
  PORTEIRO_TRY(call.in, Reader::parse(text));
  return ok();
}

std::string Service::url_of_code(const http::Request& request, const lambda::Code& code) const {
  const std::string_view host = request.header("Host");
  const auto end =
      std::chrono::duration_cast<std::chrono::seconds>((now() + code_url_age).time_since_epoch());
  const std::string expires = std::to_string(end.count());
  std::string url = "http://";
  url.append(aws::valid_authority(host) ? host : "localhost").append(code_path);
  url.append(code.sha256).append(".zip?expires=").append(expires).append("&token=");
  return url.append(to_hex(aws::hmac_sha256(code_key_, code.sha256 + "/" + expires)));
}

// False: the link is none of ours, or too old.
bool Service::serve_code(const http::Request& request, http::Responder& respond) {
  std::string_view name = request.path().substr(code_path.size());
  if (!name.ends_with(".zip") || request.method != "GET") return false;
  name.remove_suffix(4);
  const std::string_view expires = request.query_value("expires");
  const std::string wanted =
      to_hex(aws::hmac_sha256(code_key_, std::string(name) + "/" + std::string(expires)));
  if (!aws::same_secret(wanted, request.query_value("token"))) return false;
  std::int64_t end = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), end);
  if (now() > Time(std::chrono::seconds(end))) return false;
  ++later_;
  parts.code.read(name, [self = weak_from_this(),
                         respond = std::move(respond)](Result<std::string> zip) mutable {
    const auto service = self.lock();
    if (service == nullptr) return;
    --service->later_;
    if (!zip) return service->refuse(nullptr, failure_of(zip.error()), std::move(respond));
    respond({.status = 200, .content_type = "application/zip", .body = std::move(zip.value())});
  });
  return true;
}

Answer<void> Service::permit(const Call& call, std::string_view action,
                             std::string_view function) const {
  if (parts.host.permit(&call.who, action, function)) return ok();
  const bool invokes = action == access::action::function_invoke;
  return Failure{&no_access,
                 "You are not authorized to perform: lambda:" +
                     std::string(invokes ? "InvokeFunction" : call.action.name) +
                     " on resource: " + function_arn(aws, function.empty() ? "*" : function)};
}

Answer<void> Service::permit_queue(const Asker& who, std::string_view action,
                                   std::string_view queue) const {
  const Result<void> allowed = aws::check_queue(parts.guard, parts.queues, who, action, queue);
  if (allowed) return ok();
  return Failure{&no_access, allowed.error().detail};
}

// On the function in its path, if there is one.
Answer<void> Service::permit_action(const Call& call) const {
  if (!call.action.path.starts_with("functions/")) return permit(call, call.action.right, {});
  PORTEIRO_TRY(const Reference reference, reference_of(call));
  return permit(call, call.action.right, reference.name);
}

// ---- answers ----

std::shared_ptr<Service::Pending> Service::postpone(Call& call) {
  const auto pending = std::make_shared<Pending>(Pending{&call.action, std::move(call.respond)});
  pending_.emplace(pending.get(), pending);
  return pending;
}

void Service::finish(Pending& pending, Answer<Output> outcome) {
  const auto found = pending_.find(&pending);
  if (found == pending_.end()) return;
  const std::shared_ptr<Pending> kept = std::move(found->second);
  pending_.erase(found);
  if (!outcome) return refuse(pending.action, outcome.error(), std::move(pending.respond));
  answer(*pending.action, std::move(outcome.value()), std::move(pending.respond));
}

void Service::answer(const Action& action, Output output, http::Responder respond) {
  http::Response response;
  response.status = output.status;
  response.content_type = std::move(output.content_type);
  response.headers = std::move(output.headers);
  response.body = output.body.is_null() ? std::move(output.raw) : output.body.dump();
  if (output.sequence <= parts.journal.durable()) {
    return send(&action, nullptr, std::move(response), std::move(respond));
  }
  ++later_;
  parts.journal.when_durable(
      output.sequence, [self = weak_from_this(), &action, response = std::move(response),
                        respond = std::move(respond)](Result<void> durable) mutable {
        const auto service = self.lock();
        if (service == nullptr) return respond(std::move(response));
        --service->later_;
        if (durable)
          return service->send(&action, nullptr, std::move(response), std::move(respond));
        service->refuse(&action,
                        {&service_failure,
                         "The journal cannot be written; whether this request outlives a restart "
                         "is unknown. See the log."},
                        std::move(respond));
      });
}

void Service::refuse(const Action* action, const Failure& failure, http::Responder respond) {
  const ErrorKind& kind = *failure.kind;
  json body = {{message_member(kind), failure.message}};
  if (&kind != &validation && &kind != &serialization) {
    body["Type"] = kind.status < 500 ? "User" : "Service";
  }
  if (!kind.query_code.empty() && kind.status == 429) body["Reason"] = kind.query_code;
  http::Response response;
  response.status = kind.status;
  response.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  response.headers.push_back({"x-amzn-ErrorType", std::string(plain_name(kind.type))});
  send(action, &kind, std::move(response), std::move(respond));
}

void Service::send(const Action* action, const ErrorKind* kind, http::Response response,
                   http::Responder respond) {
  std::string labels = "action=\"";
  labels.append(action == nullptr ? std::string_view() : action->name).append("\",error=\"");
  labels.append(kind == nullptr ? std::string_view() : plain_name(kind->type)).append("\"");
  ++parts.telemetry.counter("porteiro_lambda_requests_total", labels);
  const bool has_id = std::any_of(response.headers.begin(), response.headers.end(),
                                  [](const auto& h) { return h.name == "x-amzn-RequestId"; });
  if (!has_id) response.headers.push_back({"x-amzn-RequestId", uuid_of(new_id())});
  respond(std::move(response));
}

}  // namespace porteiro::protocols::lambda_api
