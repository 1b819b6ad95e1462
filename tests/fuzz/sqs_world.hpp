// What a fuzzed request to SQS meets: a few queues with a message in flight, over virtual time.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "porteiro/base/bytes.hpp"
#include "porteiro/protocols/sqs.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::fuzz {

class SqsWorld {
 public:
  SqsWorld()
      : telemetry_(world_.scheduler, {.records_max = 64}),
        guard_({}, world_.scheduler, telemetry_) {
    auto opened = journal::open({}, world_.environment, telemetry_);
    PORTEIRO_ASSERT(opened.has_value());
    journal_ = std::move(opened.value());
    queues_ = std::make_unique<queue::Queues>(world_.environment, *journal_, telemetry_);
    PORTEIRO_ASSERT(journal_->start().has_value());
    sqs_ = std::make_unique<protocols::Sqs>(
        protocols::Sqs::Parts{world_.environment, *journal_, telemetry_, *queues_, guard_},
        protocols::AwsOptions{}, protocols::SqsOptions{});
    json("CreateQueue", R"({"QueueName":"dead"})");
    json("CreateQueue",
         R"({"QueueName":"q","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn)"
         R"(\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":3}"}})");
    json("CreateQueue", R"({"QueueName":"q.fifo","Attributes":{"FifoQueue":"true"}})");
    json("SendMessage", R"({"QueueUrl":"dead","MessageBody":"m"})");
    json("SendMessage", R"({"QueueUrl":"q","MessageBody":"m"})");
    const char* const lasting = R"({"QueueUrl":"q","VisibilityTimeout":43200})";
    handle_ = nlohmann::json::parse(json("ReceiveMessage", lasting))
                  .at("Messages")[0]
                  .at("ReceiptHandle");
  }

  // Puts the handle of the message in flight where the input has "@H".
  std::string with_handle(std::string text) const {
    const std::size_t at = text.find("@H");
    return at == std::string::npos ? text : text.replace(at, 2, handle_);
  }

  // From here on a function without a role asks. What there is must stay as it is: the destructor
  // looks.
  void ask_as_stranger() {
    before_ = shown();
    who_ = {{.name = "fuzz"}};
  }
  ~SqsWorld() {
    if (who_.principal.developer) return;
    who_ = developer;
    PORTEIRO_ASSERT(shown() == before_);
  }
  SqsWorld(const SqsWorld&) = delete;
  SqsWorld& operator=(const SqsWorld&) = delete;

  // The reply's body; it has come exactly once, with a status that SQS has.
  std::string send(std::string_view target, std::span<const http::HeaderView> headers,
                   std::string_view body) {
    int replies = 0;
    std::string text;
    const http::Request request{"POST", target, headers, body, "fuzz"};
    (void)protocols::Sqs::takes(request);
    const auto take = [&](http::Response response) {
      ++replies;
      const int status = response.status;
      PORTEIRO_ASSERT(status == 200 || status == 400 || status == 403 || status == 404);
      text = std::move(response.body);
    };
    sqs_->handle(request, take, who_);
    world_.scheduler.run_for(std::chrono::seconds(21));  // Longer than any poll.
    PORTEIRO_ASSERT(replies == 1);
    PORTEIRO_ASSERT(sqs_->waiting() == 0);
    PORTEIRO_ASSERT(valid_utf8(text));
    return text;
  }

  std::string json(const std::string& action, std::string_view body) {
    const std::string name = "AmazonSQS." + action;
    const http::HeaderView headers[] = {{"Host", "localhost"}, {"X-Amz-Target", name}};
    return send("/", headers, body);
  }

 private:
  static constexpr protocols::Asker developer{{.name = "fuzz", .developer = true}};

  // Every queue with all that can be read of it, as the developer sees it.
  std::string shown() {
    std::string all = json("ListQueues", "{}");
    for (const std::string name : {"dead", "q", "q.fifo"}) {
      const std::string url = R"({"QueueUrl":")" + name + '"';
      all += json("GetQueueAttributes", url + R"(,"AttributeNames":["All"]})");
      all += json("ListQueueTags", url + "}");
    }
    return all;
  }

  virtual_world::World world_;
  telemetry::Telemetry telemetry_;
  access::Guard guard_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<queue::Queues> queues_;
  std::unique_ptr<protocols::Sqs> sqs_;
  std::string handle_;
  protocols::Asker who_ = developer;
  std::string before_;
};

}  // namespace porteiro::fuzz
