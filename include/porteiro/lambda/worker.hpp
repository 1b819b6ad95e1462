// Functions that run outside: what the pool of such a function needs to start a worker (a process
// with an execution environment of its own), to use it again and again, and to end it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "porteiro/lambda/function.hpp"

namespace porteiro::lambda {

// One execution environment, from the start of its process on. Its death kills it and all that it
// started; nothing of it is called then.
class Worker {
 public:
  virtual ~Worker() = default;
  // Once it has started, and one at a time. One completion (maybe at once), also when it dies.
  virtual void invoke(std::shared_ptr<const Invocation> invocation, Completion done) = 0;
  virtual bool alive() const = 0;  // False: it has ended, or cannot be used again.
  // It ended before it got the invocation that was completed last, which another one may have.
  virtual bool never_began() const { return false; }
  virtual void stop() = 0;  // Asks it to end; Callbacks::ended tells when it has.
  // Its invocation ends without an answer of it, and it will be killed. For its log; the log tail.
  virtual std::string give_up(std::string_view) { return {}; }

  std::uint64_t version = 0;  // Workers::version() when it was started.
};

// Why a function failed: the reaction, and AWS's object for whoever invoked it
// ({"errorType":…,"errorMessage":…}, in full: it may hold client data).
struct Failure {
  Error error;
  std::string object;
  std::string log_tail{};  // Of a start that failed: what the program wrote, masked.
};

// How the workers of one function come to be.
class Workers {
 public:
  virtual ~Workers() = default;
  struct Callbacks {
    // Once: it waits for its first invocation, or it will never do.
    UniqueFunction<void(std::optional<Failure>)> started;
    // Once, after a completion that is due: the process has ended. The worker may be destroyed.
    Task ended;
  };
  // Neither callback runs within this call.
  virtual std::unique_ptr<Worker> start(Callbacks callbacks) = 0;
  // Of the code, as it is now: a worker of another version gets no more invocations.
  virtual std::uint64_t version() = 0;
};

// {"errorType":…,"errorMessage":…}, as the Lambda service tells an error of its own finding. The
// request id goes in front of the message as AWS writes it; zero: none.
std::string error_object(std::string_view type, std::string_view message, Id request);
std::string to_uuid(Id id);      // Version 4, as request ids look.
std::string to_hyphened(Id id);  // All of it, as 8-4-4-4-12 digits.

}  // namespace porteiro::lambda
