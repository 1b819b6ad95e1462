#include "protocols/sqs/service.hpp"

#include <algorithm>
#include <array>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/aws/rights.hpp"
#include "protocols/aws/sigv4.hpp"
#include "protocols/aws/text.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::string_view target_prefix = "AmazonSQS.";
constexpr std::string_view name_space = "http://queue.amazonaws.com/doc/2012-11-05/";
constexpr std::string_view json_type = "application/x-amz-json-1.0";
constexpr std::size_t reply_reserve = 768;  // Most replies fit.

std::uint64_t seed_of(Entropy& entropy) {
  std::array<std::byte, 8> bytes;
  entropy.fill(bytes);
  std::uint64_t seed = 0;
  for (const std::byte byte : bytes) seed = seed << 8 | std::to_integer<std::uint64_t>(byte);
  return seed;
}

void open_reply(aws::Writer& out, const Action& action) {
  std::string& text = out.out();
  if (!out.xml()) {
    text += '{';
    return;
  }
  text.append("<?xml version=\"1.0\"?><").append(action.name).append("Response xmlns=\"");
  text.append(name_space).append("\">");
  if (action.has_result) text.append("<").append(action.name).append("Result>");
}

http::Response reply(bool xml, std::string body, std::string request_id) {
  http::Response response;
  response.content_type = xml ? std::string("text/xml") : std::string(json_type);
  response.body = std::move(body);
  response.headers.push_back({"x-amzn-RequestId", std::move(request_id)});
  return response;
}

std::string fault_of(const ErrorKind& kind) { return kind.status < 500 ? "Sender" : "Receiver"; }

// "http://host/000000000000/orders", "/000000000000/orders" or "orders": the account, if any, and
// the name.
struct Address {
  std::string_view account, name;
};

Address address_of(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
    url.remove_prefix(std::min(url.find('/'), url.size()));
  }
  url = url.substr(0, url.find('?'));
  while (url.ends_with('/')) url.remove_suffix(1);
  const std::size_t slash = url.rfind('/');
  if (slash == std::string_view::npos) return {{}, url};
  const std::string_view before = url.substr(0, slash);
  const std::size_t other = before.rfind('/');
  return {other == std::string_view::npos ? before : before.substr(other + 1),
          url.substr(slash + 1)};
}

}  // namespace

Failure failure_of(const Error& error) {
  std::string text = error.at.empty() ? error.detail : error.at + ": " + error.detail;
  switch (error.code) {
    case Errc::invalid:
      return {&aws::invalid_parameter, std::move(text)};
    case Errc::denied:
      return {&aws::access_denied, std::move(text)};
    case Errc::not_found:
      return {&no_queue, std::move(text)};
    case Errc::conflict:
      return {&name_exists, std::move(text)};
    case Errc::stale:
      return {&not_in_flight, std::move(text)};
    case Errc::limit_exceeded:
      return {&over_limit, std::move(text)};
    case Errc::unavailable:
      return {&throttled, std::move(text)};
    case Errc::timeout:
    case Errc::corrupt:
    case Errc::internal:
      return {&aws::internal_failure, std::move(text)};
  }
  return {&aws::internal_failure, std::move(text)};
}

Service::Service(const Sqs::Parts& parts, AwsOptions aws_, SqsOptions options_)
    : environment(parts.environment),
      queues(parts.queues),
      aws(std::move(aws_)),
      options(std::move(options_)),
      journal_(parts.journal),
      telemetry_(parts.telemetry),
      guard_(parts.guard),
      request_ids_(seed_of(parts.environment.entropy)),
      counts_(parts.telemetry, "porteiro_sqs_requests_total", actions_count + 1) {
  telemetry_.describe("porteiro_sqs_requests_total", "Requests to SQS, by action and error code.");
}

Answer<Done> configure(queue::Queue& queue, queue::Options options) {
  const auto done = queue.configure(std::move(options));
  if (!done) return failure_of(done.error());
  return Done{done.value()};
}

Id Service::next_request_id() { return {request_ids_.next(), request_ids_.next()}; }

std::string Service::arn_of(std::string_view name) const {
  return aws::to_text({"sqs", aws.region, aws.account, name});
}

std::string_view Service::name_of_arn(std::string_view text) const {
  const auto arn = aws::parse_arn(text);
  const bool ours =
      arn && arn->service == "sqs" && arn->region == aws.region && arn->account == aws.account;
  return ours ? arn->resource : std::string_view();
}

std::string Service::url_of(const http::Request& request, std::string_view name) const {
  const std::string_view host = request.header("Host");
  std::string url = "http://";
  url.append(aws::valid_authority(host) ? host : "localhost").append("/").append(aws.account);
  return url.append("/").append(name);
}

Answer<void> Service::allow(const Call& call, std::string_view right, std::string_view queue) {
  const Result<void> allowed = aws::check_queue(guard_, queues, call.who, right, queue);
  if (allowed) return ok();
  return Failure{&aws::access_denied, allowed.error().detail};
}

void Service::keep_seen(const Call& call, std::vector<std::string>& names) const {
  std::erase_if(names, [&](const std::string& name) {
    return !aws::sees_queue(guard_, queues, call.who, name);
  });
}

Answer<queue::Queue*> Service::queue_named(const Call& call, std::string_view name) {
  PORTEIRO_TRY(allow(call, call.action.right, name));
  if (queue::Queue* const queue = queues.find(name)) return queue;
  return absent(call.out.xml());
}

Answer<queue::Queue*> Service::queue_of(const Call& call) {
  Address address = address_of(call.in.queue_url.value_or(""));
  if (address.name.empty() && call.out.xml()) address = address_of(call.request.path());
  if (address.name.empty()) return aws::missing("QueueUrl");
  if (!address.account.empty() && address.account != aws.account) return absent(call.out.xml());
  return queue_named(call, address.name);
}

bool Service::cooling(std::map<std::string, Time, std::less<>>& since,
                      std::string_view name) const {
  const Time now = environment.scheduler.now();
  std::erase_if(since, [&](const auto& entry) { return now - entry.second >= options.cool_down; });
  return since.find(name) != since.end();
}

// Reads the parameters into input_.
Answer<const Action*> Service::read(const http::Request& request, bool json) {
  input_.clear();
  if (json) {
    std::string_view target = request.header("X-Amz-Target");
    if (target.starts_with(target_prefix)) target.remove_prefix(target_prefix.size());
    const Action* const action = find_action(target);
    if (action == nullptr) {
      return Failure{&aws::unknown_operation, "SQS has no such operation."};
    }
    // A request without parameters may come without a body.
    const std::string_view body = request.body.empty() ? std::string_view("{}") : request.body;
    PORTEIRO_TRY(decode_json(body, input_));
    return action;
  }
  const bool form =
      aws::starts_like(request.header("Content-Type"), "application/x-www-form-urlencoded");
  switch (form_.parse(form ? request.body : std::string_view(), request.query())) {
    case aws::Form::Fault::none:
      break;
    case aws::Form::Fault::broken:
      return Failure{&aws::bad_query, "The query string contains a syntax error."};
    case aws::Form::Fault::too_many:
      return Failure{&aws::bad_query_parameter, "The request has too many parameters."};
  }
  const std::string_view name = form_.value("Action");
  if (name.empty()) return Failure{&aws::missing_action, "The request must contain an Action."};
  const Action* const action = find_action(name);
  if (action == nullptr) {
    return Failure{&aws::invalid_action,
                   "The action " + std::string(name) + " is not valid for this endpoint."};
  }
  PORTEIRO_TRY(decode_query(form_, input_));
  return action;
}

Answer<Done> Service::run(Call& call) {
  if (call.action.writes && journal_.full()) {
    return Failure{
        &aws::unavailable,
        "Too much waits to become durable; nothing of this request was done. Try again."};
  }
  return call.action.run(call);
}

void Service::handle(const http::Request& request, http::Responder respond, const Asker& who) {
  serve(request, std::move(respond), who);
  input_.clear();
  form_.release();
}

void Service::serve(const http::Request& request, http::Responder respond, const Asker& who) {
  const bool json = !request.header("X-Amz-Target").empty() ||
                    aws::starts_like(request.header("Content-Type"), "application/x-amz-json");
  if (request.method != "GET" && request.method != "POST") {
    const Failure failure{&aws::bad_method, "SQS takes only GET and POST."};
    return refuse(nullptr, !json, failure, std::move(respond));
  }
  if (aws.verify_signatures) {
    const auto verified = aws::verify_signature(request, aws.credentials, {aws.region, "sqs"},
                                                environment.scheduler.now());
    if (!verified) return refuse(nullptr, !json, verified.error(), std::move(respond));
  }
  const Answer<const Action*> action = read(request, json);
  if (!action) return refuse(nullptr, !json, action.error(), std::move(respond));
  std::string body;
  body.reserve(reply_reserve);
  aws::Writer out(body, !json);
  Call call{*this, request, who, *action.value(), input_, out, respond};
  open_reply(out, call.action);
  const Answer<Done> done = run(call);
  if (!done) return refuse(&call.action, !json, done.error(), std::move(respond));
  if (done.value().later) return;
  answer(call.action, !json, std::move(body), done.value().sequence, std::move(respond));
}

// Ends the reply that open_reply began, and sends it when `sequence` is durable.
void Service::answer(const Action& action, bool xml, std::string body, journal::Sequence sequence,
                     http::Responder respond) {
  std::string id;
  aws::append_uuid(id, next_request_id());
  if (xml) {
    if (action.has_result) body.append("</").append(action.name).append("Result>");
    body.append("<ResponseMetadata><RequestId>").append(id);
    body.append("</RequestId></ResponseMetadata></").append(action.name).append("Response>");
  } else if (action.has_result) {
    body += '}';
  } else {
    body.clear();  // As SQS answers actions without a result.
  }
  http::Response response = reply(xml, std::move(body), std::move(id));
  if (sequence <= journal_.durable()) {
    count(&action, nullptr);
    return respond(std::move(response));
  }
  ++durable_waits_;
  journal_.when_durable(
      sequence, [self = weak_from_this(), &action, xml, response = std::move(response),
                 respond = std::move(respond)](Result<void> durable) mutable {
        const auto service = self.lock();
        if (service == nullptr) return respond(std::move(response));
        --service->durable_waits_;
        if (durable) {
          service->count(&action, nullptr);
          return respond(std::move(response));
        }
        const Failure failure{&aws::internal_failure,
                              "The journal cannot be written; whether this request outlives a "
                              "restart is unknown. See the log."};
        service->refuse(&action, xml, failure, std::move(respond));
      });
}

void Service::refuse(const Action* action, bool xml, const Failure& failure,
                     http::Responder respond) {
  const ErrorKind& kind = *failure.kind;
  count(action, &kind);
  std::string id;
  aws::append_uuid(id, next_request_id());
  std::string body;
  if (xml) {
    body.append("<?xml version=\"1.0\"?><ErrorResponse xmlns=\"").append(name_space);
    body.append("\"><Error><Type>").append(fault_of(kind)).append("</Type><Code>");
    body.append(kind.query_code.empty() ? "MalformedInput" : kind.query_code);
    body.append("</Code><Message>");
    aws::append_xml_text(body, failure.message);
    body.append("</Message><Detail/></Error><RequestId>").append(id);
    body.append("</RequestId></ErrorResponse>");
  } else {
    body.append("{\"__type\":\"").append(kind.type).append("\",\"message\":");
    append_json_string(body, failure.message);
    body += '}';
  }
  http::Response response = reply(xml, std::move(body), std::move(id));
  response.status = kind.status;
  if (kind.status == 405) response.headers.push_back({"Allow", "GET, POST"});
  if (!xml && !kind.query_code.empty()) {
    response.headers.push_back(
        {"x-amzn-query-error", std::string(kind.query_code) + ";" + fault_of(kind)});
  }
  respond(std::move(response));
}

void Service::count(const Action* action, const ErrorKind* error) {
  std::string_view code = error == nullptr ? std::string_view() : error->query_code;
  if (error != nullptr && code.empty()) code = aws::bare_type(*error);
  if (action == nullptr) return counts_.add(actions_count, {}, error, code);
  counts_.add(number_of(*action), action->name, error, code);
}

Answer<Done> Service::poll(Call& call, queue::Queue& queue, queue::ReceiveRequest request,
                           Duration wait, Wanted wanted) {
  if (stopped_) return Done{};
  if (polls_.size() >= options.polls_max) {
    return Failure{&over_limit, std::to_string(options.polls_max) +
                                    " long polls wait, as many as may: try again later."};
  }
  const std::uint64_t number = ++last_poll_;
  Poll& poll = polls_[number];
  poll.respond = std::move(call.respond);
  poll.wanted = std::move(wanted);
  poll.queue = queue.options().name;
  poll.fifo = queue.options().fifo;
  poll.xml = call.out.xml();
  poll.waiter = queue.receive_wait(
      std::move(request), wait,
      [self = weak_from_this(), number](std::vector<queue::Delivery> deliveries) {
        if (const auto service = self.lock()) service->deliver(number, std::move(deliveries));
      });
  return Done{0, true};
}

void Service::deliver(std::uint64_t number, std::vector<queue::Delivery> deliveries) {
  const auto found = polls_.find(number);
  if (found == polls_.end()) return;
  Poll poll = std::move(found->second);
  polls_.erase(found);
  static const Action& action = *find_action("ReceiveMessage");
  std::string body;
  if (!deliveries.empty()) body.reserve(reply_reserve);
  aws::Writer out(body, poll.xml);
  open_reply(out, action);
  if (!deliveries.empty()) {
    const ReplyContext context{out,        md5,        poll.wanted, aws.account,
                               aws.region, poll.queue, poll.fifo};
    out.open_list("Messages");
    for (const queue::Delivery& delivery : deliveries) write_delivery(context, delivery);
    out.close_list();
  }
  const journal::Sequence sequence = deliveries.empty() ? 0 : last_sequence();
  answer(action, poll.xml, std::move(body), sequence, std::move(poll.respond));
}

// In the order they came. A client that polls again at once is not met a second time.
void Service::end_polls() {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(polls_.size());
  for (const auto& [number, poll] : polls_) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) deliver(number, {});
}

void Service::stop() {
  stopped_ = true;
  end_polls();
}

void Service::reset() {
  purged.clear();
  deleted.clear();
  end_polls();
}

}  // namespace porteiro::protocols::sqs
