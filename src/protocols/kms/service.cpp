#include "protocols/kms/service.hpp"

#include <array>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/aws/sigv4.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::string_view target_prefix = "TrentService.";
constexpr std::size_t body_bytes_max = 256u << 10;  // A policy of 32 KiB, escaped; ours.
constexpr std::size_t reply_reserve = 512;          // Most replies fit.

std::uint64_t seed_of(Entropy& entropy) {
  std::array<std::byte, 8> bytes;
  entropy.fill(bytes);
  std::uint64_t seed = 0;
  for (const std::byte byte : bytes) seed = seed << 8 | std::to_integer<std::uint64_t>(byte);
  return seed;
}

}  // namespace

Failure failure_of(const Error& error) {
  switch (error.code) {
    case Errc::invalid:
      return {&validation, error.detail};
    case Errc::denied:
      return {&no_access, error.detail};
    case Errc::not_found:
      return {&not_found, error.detail};
    case Errc::conflict:
      return {&conflict, error.detail};
    case Errc::limit_exceeded:
      return {&limit_exceeded, error.detail};
    case Errc::corrupt:
      return {&bad_ciphertext, ""};
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::stale:
    case Errc::internal:
      return {&internal, error.detail};
  }
  return {&internal, error.detail};
}

Service::Service(Kms::Parts parts_, AwsOptions aws_, KmsOptions options_)
    : parts(parts_),
      aws(std::move(aws_)),
      options(options_),
      key_arn_(aws::to_text({"kms", aws.region, aws.account, "key/"})),
      request_ids_(seed_of(parts.environment.entropy)),
      counts_(parts.telemetry, "porteiro_kms_requests_total", actions_count + 1),
      jobs_{"kms-api", options_.jobs_max},
      making_{"kms-make", options_.making_max} {
  parts.telemetry.describe("porteiro_kms_requests_total",
                           "Requests to the KMS service, by action and error.");
}

Caller Service::caller_of(std::string_view key, const Asker& who) const {
  const bool plain = !key.empty() && key.size() <= 128 &&
                     key.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789_-.") == key.npos;
  if (!plain) return {who, root_arn()};
  return {who, "arn:aws:iam::" + aws.account + ":user/" + std::string(key)};
}

void Service::handle(const http::Request& request, http::Responder respond, const Asker& who) {
  Pending pending{nullptr, std::move(respond), std::nullopt};
  const auto refuse = [&](Failure failure) {
    conclude(std::move(pending), {}, std::move(failure));
  };
  if (request.method != "POST") {
    return refuse({&unknown_operation, "KMS takes only POST."});
  }
  std::string key = aws::access_key(request);
  if (aws.verify_signatures) {
    const auto verified =
        aws::verify_signature(request, aws.credentials, {aws.region, "kms"}, now());
    if (!verified) return refuse(verified.error());
    key = aws.credentials[verified.value()].access_key;
  }
  std::string_view target = request.header("X-Amz-Target");
  if (target.starts_with(target_prefix)) target.remove_prefix(target_prefix.size());
  pending.action = find_action(target);
  if (pending.action == nullptr) {
    const bool elsewhere = is_known_elsewhere(target);
    return refuse(
        {elsewhere ? &unsupported : &unknown_operation,
         elsewhere ? "The operation is not supported here." : "KMS has no such operation."});
  }
  if (request.body.size() > body_bytes_max) {
    return refuse({&serialization, "The request's body is too long."});
  }
  auto in = Reader::parse(request.body);
  if (!in) return refuse(in.error());
  std::string body;
  body.reserve(reply_reserve);
  body += '{';
  aws::Writer out(body, false);
  Call call{*this, *pending.action, caller_of(key, who), std::move(in.value()),
            out,   pending.respond};
  Answer<Done> outcome = call.action.run(call);
  if (outcome && outcome.value().later) return;
  pending.ticket = std::move(call.ticket);
  conclude(std::move(pending), std::move(body), std::move(outcome));
}

// ---- answers ----

Answer<Offload::Lane> Service::admit(Jobs& jobs) {
  if (jobs.count >= jobs.max) {
    return Failure{&throttling, "Too much waits to be worked out; nothing was done. Try again."};
  }
  ++jobs.count;
  if (!jobs.lane) jobs.lane = parts.environment.offload.lane(jobs.name);
  return *jobs.lane;
}

Failure Service::after_reset() {
  return {&internal, "The emulator was reset meanwhile; nothing was done. Try again."};
}

Service::Pending Service::postpone(Call& call) {
  ++waiting_;
  return {&call.action, std::move(call.respond), std::move(call.ticket)};
}

// An action has ended, at once or later: what it changed becomes durable, then it is answered.
void Service::conclude(Pending pending, std::string body, Answer<Done> outcome) {
  if (!outcome) {
    const Failure& failure = outcome.error();
    body = "{\"__type\":\"";
    body.append(failure.kind->type).append("\",\"message\":");
    append_json_string(body, failure.message);
    body += '}';
    return send(std::move(pending), failure.kind, std::move(body));
  }
  if (pending.action->has_result) {
    body += '}';
  } else {
    body.clear();
  }
  if (!outcome.value().changed) return send(std::move(pending), nullptr, std::move(body));
  ++waiting_;
  ring().commit([self = weak_from_this(), pending = std::move(pending),
                 body = std::move(body)](const Result<void>& saved) mutable {
    const auto service = self.lock();
    if (service == nullptr) return;
    --service->waiting_;
    if (saved) return service->send(std::move(pending), nullptr, std::move(body));
    service->conclude(std::move(pending), {},
                      Failure{&internal,
                              "The key file cannot be written; whether this request outlives a "
                              "restart is unknown. See the log."});
  });
}

// After the latency that the call was given.
void Service::send(Pending pending, const ErrorKind* kind, std::string body) {
  if (!pending.ticket) return reply(std::move(pending), kind, std::move(body));
  const Duration left = pending.ticket->delay - (now() - pending.ticket->since);
  if (left <= Duration::zero()) return reply(std::move(pending), kind, std::move(body));
  ++waiting_;
  parts.environment.scheduler.after(left, [self = weak_from_this(), pending = std::move(pending),
                                           kind, body = std::move(body)]() mutable {
    const auto service = self.lock();
    if (service == nullptr) return;
    --service->waiting_;
    service->reply(std::move(pending), kind, std::move(body));
  });
}

void Service::reply(Pending pending, const ErrorKind* kind, std::string body) {
  count(pending.action, kind);
  if (pending.ticket) {
    std::optional<Errc> failed;
    if (kind != nullptr) failed = pending.ticket->refused ? Errc::unavailable : Errc::invalid;
    parts.keys.end(*pending.ticket, Id{}, failed);
  }
  std::string id;
  aws::append_uuid(id, {request_ids_.next(), request_ids_.next()});
  http::Response response;
  response.status = kind == nullptr ? 200 : kind->status;
  response.content_type = "application/x-amz-json-1.1";
  response.body = std::move(body);
  response.headers.push_back({"x-amzn-RequestId", std::move(id)});
  pending.respond(std::move(response));
}

void Service::count(const Action* action, const ErrorKind* error) {
  const std::string_view code = error == nullptr ? std::string_view() : aws::bare_type(*error);
  if (action == nullptr) return counts_.add(actions_count, {}, error, code);
  counts_.add(number_of(*action), action->name, error, code);
}

Answer<void> Service::begin(Call& call, Op op, const Key* key) {
  call.ticket = parts.keys.begin(op, key);
  if (!call.ticket->refused) return ok();
  if (call.ticket->throttled) {
    return Failure{&throttling,
                   "You have exceeded the rate at which you may call KMS. Reduce the "
                   "frequency of your calls."};
  }
  if (call.ticket->disabled) return Failure{&key_disabled, arn_of(*key) + " is disabled."};
  return Failure{&internal, "The key service failed; try again."};
}

Answer<void> Service::stop_if_dry(Call& call) {
  const bool dry = call.in.boolean("DryRun").value_or(false);
  if (call.in.failure()) return *call.in.failure();
  if (!dry) return ok();
  return Failure{&dry_run, "The request would have succeeded, but the DryRun option is set."};
}

void Service::reset(UniqueFunction<void(Result<void>)> done) {
  *ended_ = true;
  ended_ = std::make_shared<std::atomic<bool>>(false);
  imports.clear();
  policies_.clear();
  ring().reset();
  ring().commit(std::move(done));
}

}  // namespace porteiro::protocols::kms_api
