// What the actions of Lambda work with: the catalogue, the request at hand, and the ways to an
// answer.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "porteiro/lambda/async.hpp"
#include "porteiro/protocols/lambda.hpp"
#include "protocols/lambda/name.hpp"
#include "protocols/lambda/reader.hpp"

namespace porteiro::protocols::lambda_api {

class Service;
struct Action;

// One request while its action runs.
struct Call {
  Service& service;
  const http::Request& request;
  const Asker& who;
  const Action& action;
  std::vector<std::string> names;  // What stands in the path's places, decoded.
  Reader in;                       // The body's object; empty where the body is no object.
  std::string zip;                 // The member ZipFile, which is not in `in`.
  bool has_zip = false;
  http::Responder& respond;  // Taken only by an action that answers later.

  std::string query(std::string_view name) const;  // Decoded; empty: absent.
};

struct Output {
  json body = nullptr;  // Null: none, or `raw`.
  int status = 200;
  journal::Sequence sequence = 0;  // Answer once the journal is durable up to here.
  std::string raw{}, content_type = "application/json";
  std::vector<http::Header> headers{};
  bool later = false;  // The action has taken the responder.
};

enum class Body : std::uint8_t { none, object, with_zip, raw };

struct Action {
  std::string_view name, method, path;  // A path's place is a segment "*".
  Answer<Output> (*run)(Call&);
  Body body = Body::none;
  bool writes = false;  // Refused while the journal is full.
  std::string_view right = access::action::function_manage;
};
// Null: no such path, or it knows another method. Fills `names`.
const Action* find_action(std::string_view method, std::string_view path,
                          std::vector<std::string>& names);

class Service : public std::enable_shared_from_this<Service> {
 public:
  Service(Lambda::Parts parts, AwsOptions aws, LambdaOptions options);

  void handle(const http::Request& request, http::Responder respond, const Asker& who);
  void start(UniqueFunction<void(Result<void>)> done);
  void stop() { async.stop(); }
  void reset();
  std::size_t waiting() const { return later_ + pending_.size() + async.running(); }

  // Which function a request names. Errors: those of parse_reference, no_resource.
  Answer<Reference> reference_of(const Call& call) const;
  Answer<const lambda::CatalogueFunction*> function_of(const Reference& reference) const;
  // For a change: a copy to work on, which change() takes.
  Answer<lambda::CatalogueFunction> copy_of(const Reference& reference) const;
  Answer<Output> change(lambda::CatalogueFunction function);
  // The version that a qualifier means now; an alias with weights may give one or the other.
  Answer<const lambda::Version*> version_of(const lambda::CatalogueFunction& function,
                                            const Reference& reference, bool weighted = false);
  // Errors of both: no_access, with nothing in its text that only the log may say.
  Answer<void> permit(const Call& call, std::string_view action, std::string_view function) const;
  Answer<void> permit_queue(const Asker& who, std::string_view action,
                            std::string_view queue) const;

  // Later answers: take the responder, then finish with it.
  struct Pending {
    const Action* action;
    http::Responder respond;
  };
  std::shared_ptr<Pending> postpone(Call& call);
  bool open(const Pending& pending) const { return pending_.contains(&pending); }
  void finish(Pending& pending, Answer<Output> outcome);  // Nothing, if a reset came before.

  // A function of the catalogue, as it is now, in place of what ran under its name.
  void deploy(const lambda::CatalogueFunction& function, const lambda::Version& version);
  void deploy_all(const lambda::CatalogueFunction& function);
  void retire(const lambda::CatalogueFunction& function, const lambda::Version& version);
  void code_came(const std::string& sha256);  // Functions whose code was lost can run again.
  // Why it cannot run; null: it can.
  const std::string* problem_of(std::string_view name, std::string_view version) const;
  void begin(const lambda::CatalogueMapping& mapping);  // Or ends it, if it is disabled.

  std::uint32_t reserved_in_sum() const;  // Of all functions.
  // Takes a place among the concurrent invocations of a function, to be given back by release().
  // Null: there was one; else why there is none.
  const ErrorKind* admit(std::string_view function);
  void release(std::string_view function);

  Id new_id() { return {ids_.next(), ids_.next()}; }
  Time now() const { return parts.environment.scheduler.now(); }
  std::string url_of_code(const http::Request& request, const lambda::Code& code) const;

  Lambda::Parts parts;
  const AwsOptions aws;
  const LambdaOptions options;
  lambda::AsyncInvocations async;

 private:
  Answer<void> permit_action(const Call& call) const;
  Answer<void> read(const http::Request& request, Call& call) const;
  bool serve_code(const http::Request& request, http::Responder& respond);
  void answer(const Action& action, Output output, http::Responder respond);
  void refuse(const Action* action, const Failure& failure, http::Responder respond);
  void send(const Action* action, const ErrorKind* kind, http::Response response,
            http::Responder respond);

  lambda::AsyncHost async_host();
  std::optional<lambda::AsyncPlan> plan_of(std::string_view function, std::string_view qualifier);
  Result<void> send_to(std::string_view arn, std::string body,
                       std::vector<queue::Attribute> attributes);

  std::map<std::string, std::uint32_t, std::less<>> running_;  // Invocations, by function.
  Random ids_;  // Of requests and revisions; they guard nothing, so a fast generator does.
  std::string code_key_;
  std::set<std::string> lost_codes_;
  std::map<std::string, std::string, std::less<>> problems_;  // Why, by key.
  std::map<const Pending*, std::shared_ptr<Pending>> pending_;
  std::size_t later_ = 0;  // Answers that wait for the journal or the disk.
};

std::string key_of(std::string_view name, std::string_view version);  // As LambdaUnit's.
std::string uuid_of(Id id);
Failure failure_of(const Error& error);

}  // namespace porteiro::protocols::lambda_api
