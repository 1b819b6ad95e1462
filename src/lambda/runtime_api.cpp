#include "lambda/runtime_api.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "porteiro/base/bytes.hpp"

namespace porteiro::lambda {
namespace {

constexpr std::string_view base_path = "/2018-06-01/runtime/";
constexpr std::string_view error_type_header = "Lambda-Runtime-Function-Error-Type";
constexpr std::string_view mode_header = "Lambda-Runtime-Function-Response-Mode";
constexpr std::size_t error_type_bytes_max = 256;

http::Response accepted() {
  http::Response response;
  response.status = 202;
  response.body = "{\"status\":\"OK\"}\n";
  return response;
}

http::Response told(int status, std::string_view type, std::string_view message) {
  http::Response response;
  response.status = status;
  response.body = "{\"errorMessage\":";
  append_json_string(response.body, message);
  response.body += ",\"errorType\":";
  append_json_string(response.body, type);
  response.body += "}\n";
  return response;
}

// The type that the header names, or else the one in the error's object.
std::string error_type(const http::Request& request) {
  std::string type(request.header(error_type_header).substr(0, error_type_bytes_max));
  if (!type.empty()) return type;
  const auto object = nlohmann::json::parse(request.body, nullptr, false);
  const auto member = object.is_object() ? object.find("errorType") : object.end();
  if (member != object.end() && member->is_string()) {
    type = member->get_ref<const std::string&>().substr(0, error_type_bytes_max);
  }
  return type.empty() ? "Runtime.Unknown" : type;
}

}  // namespace

bool RuntimeApi::takes(const http::Request& request) {
  return request.path().starts_with(base_path);
}

void RuntimeApi::handle(const http::Request& request, http::Responder respond) {
  std::string_view path = request.path();
  const auto is = [&](std::string_view method, std::string_view wanted) {
    return request.method == method && path == wanted;
  };
  if (path.starts_with(base_path)) {
    path.remove_prefix(base_path.size());
    if (is("GET", "invocation/next")) return next(request, std::move(respond));
    if (is("POST", "init/error")) return init_error(request, std::move(respond));
    constexpr std::string_view invocation = "invocation/";
    if (request.method == "POST" && path.starts_with(invocation)) {
      const std::string_view rest = path.substr(invocation.size());
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      const std::string_view action = rest.substr(slash);
      if (action == "/response" || action == "/error") {
        if (!is_current(rest.substr(0, slash), respond)) return;
        if (action == "/response") return response(request, std::move(respond));
        return invocation_error(request, std::move(respond));
      }
    }
  }
  refuse(respond, 404, "NotFound", "the runtime API has no such path; see its version 2018-06-01");
}

std::string_view RuntimeApi::state_name() const {
  switch (state_) {
    case State::starting:
      return "Started";
    case State::waiting:
      return "Ready";
    case State::running:
      return "Running";
    case State::answered:
      return "InvocationResponse";
    case State::failed:
      return "InitError";
  }
  return {};
}

void RuntimeApi::refuse(http::Responder& respond, int status, std::string_view type,
                        std::string message) {
  respond(told(status, type, message));
  listener_.refused(message);
}

bool RuntimeApi::in_order(std::string_view wanted, http::Responder& respond) {
  const bool right = wanted == "InitError" ? state_ == State::starting : state_ == State::running;
  if (right) return true;
  refuse(respond, 403, "InvalidStateTransition",
         "State transition from " + std::string(state_name()) + " to " + std::string(wanted) +
             " failed for runtime. Error: State transition is not allowed");
  return false;
}

bool RuntimeApi::is_current(std::string_view id, http::Responder& respond) {
  if (!id_.empty() && id == id_) return true;
  refuse(respond, 400, "InvalidRequestID", "Invalid request ID");
  return false;
}

// A worker whose connection broke asks again; the request it asked with before gets some answer.
void RuntimeApi::next(const http::Request& request, http::Responder respond) {
  if (state_ == State::failed || state_ == State::running) {
    return refuse(respond, 403, "InvalidStateTransition",
                  "State transition from " + std::string(state_name()) +
                      " to Ready failed for runtime. Error: State transition is not allowed");
  }
  http::Responder before = std::exchange(held_, std::move(respond));
  held_client_ =
      request.client == nullptr ? std::nullopt : std::optional(std::weak_ptr(*request.client));
  const bool first = std::exchange(state_, State::waiting) == State::starting;
  if (before) {
    before(told(403, "InvalidStateTransition", "another request for the next invocation came"));
  }
  if (given_) return hand_out();
  if (first) listener_.ready();
}

void RuntimeApi::give(Invocation invocation) {
  given_ = std::move(invocation);
  const bool gone = held_client_ && held_client_->expired();
  if (state_ == State::waiting && held_ && !gone) hand_out();
}

void RuntimeApi::hand_out() {
  Invocation invocation = std::move(*given_);
  given_.reset();
  state_ = State::running;
  id_ = std::move(invocation.id);
  http::Response response;
  response.body = std::move(invocation.payload);
  response.headers = std::move(invocation.headers);
  std::exchange(held_, nullptr)(std::move(response));
}

void RuntimeApi::response(const http::Request& request, http::Responder respond) {
  if (!in_order("InvocationResponse", respond)) return;
  const std::string_view mode = request.header(mode_header);
  if (!mode.empty() && mode != "streaming") {
    state_ = State::answered;
    respond(told(400, "InvalidFunctionResponseMode", "Invalid function response mode"));
    constexpr std::string_view type = "Runtime.InvalidResponseModeHeader";
    return listener_.failed(type, "{\"errorType\":\"" + std::string(type) + "\"}");
  }
  state_ = State::answered;
  const std::size_t most = mode.empty() ? response_bytes_max : stream_bytes_max;
  if (request.body.size() > most) {
    respond(told(413, "RequestEntityTooLarge",
                 "Exceeded maximum allowed payload size (" + std::to_string(most) + " bytes)."));
    return listener_.too_large(request.body.size());
  }
  // What fails in the middle of a stream is told in its trailers.
  if (!request.header(error_type_header).empty()) {
    const std::string object =
        from_base64(request.header("Lambda-Runtime-Function-Error-Body")).value_or(std::string());
    listener_.failed(error_type(request), object);
  } else {
    listener_.responded(request.header("Content-Type"), request.body);
  }
  respond(accepted());
}

void RuntimeApi::invocation_error(const http::Request& request, http::Responder respond) {
  if (!in_order("InvocationErrorResponse", respond)) return;
  state_ = State::answered;
  listener_.failed(error_type(request), request.body);
  respond(accepted());
}

void RuntimeApi::init_error(const http::Request& request, http::Responder respond) {
  if (!in_order("InitError", respond)) return;
  state_ = State::failed;
  listener_.init_failed(error_type(request), request.body);
  respond(accepted());
}

}  // namespace porteiro::lambda
