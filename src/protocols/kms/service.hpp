// What the actions of KMS work with: the key ring, the request at hand, and the ways to an answer.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/protocols/kms.hpp"
#include "protocols/aws/counts.hpp"
#include "protocols/aws/reader.hpp"
#include "protocols/aws/writer.hpp"
#include "protocols/kms/errors.hpp"
#include "protocols/kms/policy.hpp"

namespace porteiro::protocols::kms_api {

using aws::Reader;
using aws::Text;
using kms::EncryptionContext;
using kms::Key;
using kms::Keyring;
using kms::Op;

class Service;
struct Action;

// Who sent a request.
struct Caller {
  Asker who;        // Whose role reaches the config's keys, and clients' keys as a whole.
  std::string arn;  // For clients' keys: a user named as the access key, or the root.
};

// One request while its action runs.
struct Call {
  Service& service;
  const Action& action;
  Caller caller;
  Reader in;
  aws::Writer& out;
  http::Responder& respond;  // Taken only by an action that answers later.
  std::optional<kms::Kms::Ticket> ticket{};
};

struct Done {
  bool changed = false;  // Answer once the ring is durable.
  bool later = false;    // The action has taken the responder.
};
inline constexpr Done answered{};
inline constexpr Done to_save{true, false};

struct Action {
  std::string_view name;
  Answer<Done> (*run)(Call&);
  bool has_result = true;  // Else the answer has no body.
};
const Action* find_action(std::string_view name);  // Null: KMS has no such action.
bool is_known_elsewhere(std::string_view name);    // Of AWS KMS, and not here.
std::size_t number_of(const Action& action);       // From 0, below actions_count.
inline constexpr std::size_t actions_count = 45;

// How a key may be named in a request.
enum class Names : std::uint8_t { all, no_alias };

// What a request wants to do with a key, for policies and grants.
struct Wanted {
  std::string_view operation;                  // "Decrypt", as grants name it.
  const EncryptionContext* context = nullptr;  // Null: the operation knows none.
  // The condition's key that names the algorithm ("kms:SigningAlgorithm"), and which it is.
  std::string_view algorithm_key{}, algorithm{};
  std::string_view message_type{};    // Empty: it has none.
  const kms::Grant* grant = nullptr;  // That is to be given.
  bool changes = false;               // The key itself; the config's are not to be changed.
};

// An import that was prepared: the pair that its material comes wrapped with.
struct Import {
  Id key;
  std::string algorithm;
  kms::KeyPair::Shared pair;
  Time until;
};

class Service : public std::enable_shared_from_this<Service> {
 public:
  Service(Kms::Parts parts, AwsOptions aws, KmsOptions options);

  void handle(const http::Request& request, http::Responder respond, const Asker& who);
  void reset(UniqueFunction<void(Result<void>)> done);
  std::size_t waiting() const { return waiting_; }

  // ---- keys ----

  // The key that the member names. Errors: not_found, bad_arn; validation where it is absent.
  Answer<Key*> key_of(Call& call, const char* member = "KeyId", Names names = Names::all);
  Answer<Key*> key_named(std::string_view name, Names names = Names::all);
  // The same, and the caller may do what the action says. With it, how: null where a policy or a
  // role allows it, else the grant.
  Answer<Key*> allowed_key(Call& call, const Wanted& wanted, const char* member = "KeyId",
                           Names names = Names::all);
  Answer<const kms::Grant*> allow(Call& call, const Key& key, const Wanted& wanted);
  // A function's role has to reach clients' keys, all of them, before key policies count.
  Answer<void> allow_clients_keys(Call& call, std::string_view operation,
                                  const EncryptionContext* context = nullptr);
  bool visible(const Caller& caller, const Key& key) const;  // In lists.
  // Fails where GrantTokens has a member that is no grant's.
  Answer<void> check_grant_tokens(Call& call);

  // Enabled, with material and of that usage. Errors: disabled, bad_state, bad_usage.
  Answer<void> usable(const Key& key, kms::KeyUsage usage, std::string_view operation) const;
  Answer<void> enabled(const Key& key) const;
  Answer<void> not_pending_deletion(const Key& key) const;

  std::string arn_of(const Key& key) const { return key_arn_ + key.id_text; }
  // Of a key to be: as like that of any other as may be, and no key's own.
  std::string arn_of_none() const { return key_arn_ + "00000000-0000-0000-0000-000000000000"; }
  std::string alias_arn(std::string_view alias) const;
  std::string root_arn() const;
  const Policy& policy_of(const Key& key);  // Parsed once.

  // ---- calls ----

  // Counted, struck by faults and delayed as a call of that kind. Errors: throttling, internal.
  Answer<void> begin(Call& call, Op op, const Key* key);
  Answer<void> stop_if_dry(Call& call);  // DryRun: the answer is an error that says "it could".

  // Runs `work` off the loop, then `finish(writer, result of work)` on it, which ends the answer
  // as an action does; where a reset came in between, it is not run, nor is work that had not
  // begun, and the answer is an error. Work of one pace waits for none of the other. Errors:
  // throttling (too much waits).
  enum class Pace : std::uint8_t { fast, slow };  // Slow: RSA pairs are made, or checked.
  static Pace pace_of_making(kms::KeySpec spec) {
    return kms::is_rsa(spec) ? Pace::slow : Pace::fast;
  }
  template <class Work, class Finish>
  Answer<Done> apart(Call& call, Work work, Finish finish, Pace pace = Pace::fast) {
    Jobs& jobs = pace == Pace::slow ? making_ : jobs_;
    PORTEIRO_TRY(const Offload::Lane lane, admit(jobs));
    using Value = decltype(work());
    struct Job {
      Work work;
      std::optional<Value> value{};
    };
    const auto job = std::make_shared<Job>(Job{std::move(work)});
    parts.environment.offload.run(
        lane,
        [job, ended = ended_] {
          if (!*ended) job->value.emplace(job->work());
        },
        [self = weak_from_this(), &jobs, job, finish = std::move(finish), pending = postpone(call),
         ended = ended_]() mutable {
          const auto service = self.lock();
          if (service == nullptr) return;
          --jobs.count;
          --service->waiting_;
          std::string body = "{";
          aws::Writer out(body, false);
          Answer<Done> outcome =
              *ended ? Answer<Done>(after_reset()) : finish(out, std::move(*job->value));
          service->conclude(std::move(pending), std::move(body), std::move(outcome));
        });
    return Done{false, true};
  }

  Keyring& ring() { return parts.keys.keyring(); }
  Time now() const { return parts.environment.scheduler.now(); }
  Entropy& entropy() { return parts.environment.entropy; }

  Kms::Parts parts;
  const AwsOptions aws;
  const KmsOptions options;
  std::map<std::string, Import, std::less<>> imports;  // By token; imports_max of them.

 private:
  struct Pending {  // An answer to come.
    const Action* action;
    http::Responder respond;
    std::optional<kms::Kms::Ticket> ticket;
  };

  struct Jobs {  // Off the loop.
    const char* name;
    std::size_t max;
    std::size_t count = 0;
    std::optional<Offload::Lane> lane{};
  };

  Answer<Offload::Lane> admit(Jobs& jobs);
  static Failure after_reset();
  Pending postpone(Call& call);
  void conclude(Pending pending, std::string body, Answer<Done> outcome);
  void send(Pending pending, const ErrorKind* kind, std::string body);
  void reply(Pending pending, const ErrorKind* kind, std::string body);
  void count(const Action* action, const ErrorKind* error);
  Caller caller_of(std::string_view access_key, const Asker& who) const;
  Answer<void> allow_by_role(Call& call, const Key& key, const Wanted& wanted);
  Failure refused(Call& call, const Key& key, std::string_view operation);

  std::string key_arn_;  // "arn:aws:kms:us-east-1:000000000000:key/".
  Random request_ids_;
  aws::Counts counts_;  // The last action: requests for none that is known.
  std::map<Id, std::pair<std::string, Policy>> policies_;
  Jobs jobs_, making_;
  std::size_t waiting_ = 0;
  // Set by the next reset, for the work that came before it, which reads it off the loop.
  std::shared_ptr<std::atomic<bool>> ended_ = std::make_shared<std::atomic<bool>>(false);
};

Failure failure_of(const Error& error);

}  // namespace porteiro::protocols::kms_api
