// The SQS service for real clients, over HTTP: AWS JSON 1.0 and the Query protocol with XML answers
// (Amazon SQS API reference, 2012-11-05). It parses, calls the queues and formats; what a queue is,
// they know. Acknowledges only what the journal holds durably. Belongs to the loop.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/protocols/aws.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::protocols {

struct SqsOptions {
  Duration cool_down = std::chrono::seconds(60);  // After PurgeQueue and DeleteQueue, as AWS SQS.
  std::size_t queues_max = 10'000;                // Of all queues; ours.
  std::size_t depth_max = 10'000'000;             // Messages of a queue that a client made; ours.
  std::size_t polls_max = 20'000;                 // Long polls at a time; then OverLimit; ours.
  // Queues whose messages have to be events (events::parse_event): those of gateway routes.
  std::set<std::string> events_only{};
};

// What the service's clients know of a delivery beside its content.
struct DeliveryText {
  std::string receipt_handle, md5_of_body;
  std::string sequence_number;  // Of a FIFO queue's message; else empty.
};
DeliveryText delivery_text(std::string_view queue, const queue::Delivery& delivery);

class Sqs {
 public:
  struct Parts {
    Environment& environment;
    journal::Journal& journal;
    telemetry::Telemetry& telemetry;
    queue::Queues& queues;
    access::Guard& guard;
  };
  // Borrows the parts; they outlive it.
  Sqs(Parts parts, AwsOptions aws, SqsOptions options);
  ~Sqs();

  // True: the request is meant for SQS: an X-Amz-Target of AmazonSQS, a form with an Action, or
  // credentials scoped to sqs.
  static bool takes(const http::Request& request);

  // Answers everything, errors in the protocol that was used. A function of the config does what
  // its role allows on the queue, and what is denied is told to the guard.
  void handle(const http::Request& request, http::Responder respond, const Asker& who);

  void stop();                  // Long polls end with nothing, now and from now on.
  void reset();                 // Cool-downs are forgotten, long polls end with nothing.
  std::size_t waiting() const;  // Long polls, and answers that wait for the journal.

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace porteiro::protocols
