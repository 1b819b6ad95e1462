// The Lambda service for real clients, over HTTP: REST with JSON bodies (AWS Lambda API reference,
// 2015-03-31 and the later paths). It parses, asks the catalogue and formats; what runs functions
// is given to it. Acknowledges only what the journal holds durably, code included. Belongs to the
// loop.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/lambda/catalogue.hpp"
#include "porteiro/lambda/code_store.hpp"
#include "porteiro/lambda/function.hpp"
#include "porteiro/lambda/mappings.hpp"
#include "porteiro/protocols/aws.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::protocols {

struct LambdaOptions {
  std::uint32_t concurrency_max = 1000;  // AWS Lambda: of an account and region.
  // Of it stays for functions without reserved concurrency (AWS Lambda).
  std::uint32_t unreserved_min = 100;
  std::set<std::string, std::less<>> route_queues{};  // No mapping may take from these.
};

// A version of a function of the catalogue, as something that runs.
struct LambdaUnit {
  std::string key;                   // "orders", or "orders:3" of a published version.
  const lambda::Settings& settings;  // During the call.
  std::string folder;                // Where its code is.
  std::uint32_t concurrency_max;
  std::string arn, name, version;
};

// What runs functions: given by the emulator, or played by a test.
struct LambdaHost {
  // In place of what had the key: invocations that run end undisturbed. Errors: whatever stands in
  // the way of running it, for the function's state.
  std::function<Result<void>(const LambdaUnit&)> deploy;
  std::function<void(std::string_view key)> retire;
  // As Functions::invoke. Keys of the config's functions are their names.
  std::function<void(std::string_view key, std::shared_ptr<lambda::Direct>, lambda::Completion)>
      invoke;
  // Whether who asks may do this (function:invoke, function:manage) with the function; empty: with
  // all of them. Mappings and destinations are asked for when they are set up, by who does so;
  // destinations also at each use, when they are the developer's, whom the null pointer stands for.
  // Errors: denied.
  std::function<Result<void>(const Asker* who, std::string_view action, std::string_view function)>
      permit;
  // Invocations of it that could begin at once.
  std::function<std::size_t(std::string_view key)> free;
};

class Lambda {
 public:
  struct Parts {
    Environment& environment;
    journal::Journal& journal;
    telemetry::Telemetry& telemetry;
    lambda::Catalogue& catalogue;
    lambda::CodeStore& code;
    queue::Queues& queues;  // Those of SQS.
    lambda::Mappings& mappings;
    access::Guard& guard;  // For queues, as sources and destinations.
    LambdaHost host;
  };
  // Borrows the parts; they outlive it.
  Lambda(Parts parts, AwsOptions aws, LambdaOptions options);
  ~Lambda();

  // True: the request is meant for Lambda, by its path or by credentials scoped to lambda.
  static bool takes(const http::Request& request);
  // Whether a request for this target may have a body as long as a zip file in base64.
  static bool may_be_large(std::string_view target);

  // Answers everything, errors in the service's form.
  void handle(const http::Request& request, http::Responder respond, const Asker& who);

  // Once the journal has given the catalogue back: code is looked after, then functions are
  // deployed and mappings begin. Errors: unavailable (the disk).
  void start(UniqueFunction<void(Result<void>)> done);
  void stop();                  // No more asynchronous invocations begin.
  void reset();                 // Of all that clients made nothing is left.
  std::size_t waiting() const;  // Invocations, uploads, and answers that wait for the journal.
  bool idle() const;            // And no asynchronous invocation is still to be made.

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace porteiro::protocols
