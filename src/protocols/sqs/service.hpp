// What the actions of SQS work with: the queues, the request at hand, and the ways to an answer.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "porteiro/protocols/sqs.hpp"
#include "protocols/aws/counts.hpp"
#include "protocols/aws/digest.hpp"
#include "protocols/aws/form.hpp"
#include "protocols/aws/writer.hpp"
#include "protocols/sqs/errors.hpp"
#include "protocols/sqs/input.hpp"
#include "protocols/sqs/wanted.hpp"

namespace porteiro::protocols::sqs {

class Service;
struct Action;

// One request while its action runs.
struct Call {
  Service& service;
  const http::Request& request;
  const Asker& who;
  const Action& action;
  Input& in;
  aws::Writer& out;
  http::Responder& respond;  // Taken only by an action that answers later.
};

struct Done {
  journal::Sequence sequence = 0;  // Answer once the journal is durable up to here.
  bool later = false;              // The action has taken the responder.
};

struct Action {
  std::string_view name;
  Answer<Done> (*run)(Call&);
  bool has_result;         // Else XML has no result element and JSON no body.
  bool writes;             // Refused while the journal is full.
  std::string_view right;  // What has to be allowed on the queue that it names.
};
const Action* find_action(std::string_view name);  // Null: SQS has no such action.
std::size_t number_of(const Action& action);       // From 0, below actions_count.
inline constexpr std::size_t actions_count = 23;

class Service : public std::enable_shared_from_this<Service> {
 public:
  Service(const Sqs::Parts& parts, AwsOptions aws, SqsOptions options);

  void handle(const http::Request& request, http::Responder respond, const Asker& who);
  void stop();
  void reset();
  std::size_t waiting() const { return polls_.size() + durable_waits_; }

  // The queue a request names by its URL, or, in the Query protocol, by its path; if who asks has
  // the action's right on it.
  Answer<queue::Queue*> queue_of(const Call& call);
  Answer<queue::Queue*> queue_named(const Call& call, std::string_view name);
  Answer<void> allow(const Call& call, std::string_view right, std::string_view queue);
  void keep_seen(const Call& call, std::vector<std::string>& queues) const;  // By who asks.
  std::string arn_of(std::string_view name) const;
  // The name of the queue of this account and region; empty: the ARN is of something else.
  std::string_view name_of_arn(std::string_view arn) const;
  std::string url_of(const http::Request& request, std::string_view name) const;

  // Answers `call` when a message comes, or after `wait`. Errors: over_limit.
  Answer<Done> poll(Call& call, queue::Queue& queue, queue::ReceiveRequest request, Duration wait,
                    Wanted wanted);

  Environment& environment;
  queue::Queues& queues;
  const AwsOptions aws;
  const SqsOptions options;
  aws::Md5 md5;
  std::map<std::string, Time, std::less<>> purged,
      deleted;  // Cool-downs: the names, and since when.

  // True: the name is still cooling down. Forgets what no longer is.
  bool cooling(std::map<std::string, Time, std::less<>>& since, std::string_view name) const;
  journal::Sequence last_sequence() const { return journal_.last(); }

 private:
  struct Poll {
    std::shared_ptr<queue::Queue::Waiter> waiter;
    http::Responder respond;
    Wanted wanted;
    std::string queue;
    bool fifo = false;
    bool xml = false;
  };

  void serve(const http::Request& request, http::Responder respond, const Asker& who);
  Answer<const Action*> read(const http::Request& request, bool json);
  Answer<Done> run(Call& call);
  void answer(const Action& action, bool xml, std::string body, journal::Sequence sequence,
              http::Responder respond);
  void refuse(const Action* action, bool xml, const Failure& failure, http::Responder respond);
  void deliver(std::uint64_t poll, std::vector<queue::Delivery> deliveries);
  void end_polls();
  void count(const Action* action, const ErrorKind* error);
  Id next_request_id();

  journal::Journal& journal_;
  telemetry::Telemetry& telemetry_;
  access::Guard& guard_;
  Random request_ids_;  // Ids of requests guard nothing; a fast generator does.
  aws::Form form_;
  Input input_;
  std::unordered_map<std::uint64_t, Poll> polls_;
  std::uint64_t last_poll_ = 0;
  std::size_t durable_waits_ = 0;
  bool stopped_ = false;
  aws::Counts counts_;  // The last action: requests for none that is known.
};

// What a queue's refusal is called here.
Failure failure_of(const Error& error);
Answer<Done> configure(queue::Queue& queue, queue::Options options);

}  // namespace porteiro::protocols::sqs
