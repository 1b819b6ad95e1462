#include "emulator/erasure.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace porteiro::emulator {
namespace {

using nlohmann::json;

constexpr Duration models_pause = std::chrono::milliseconds(5);
constexpr int models_pauses_max = 400;  // Then the answer says that they are behind.

// One erasure: its entry of the audit log, messages and events, sealed texts, the stores one by
// one, what came up meanwhile, the journal, the read models.
class PersonErasure : public std::enable_shared_from_this<PersonErasure> {
 public:
  PersonErasure(Holders holders, std::string name, std::string token, std::weak_ptr<void> alive,
                UniqueFunction<void(Result<std::string>)> done)
      : holders_(holders),
        name_(std::move(name)),
        token_(std::move(token)),
        alive_(std::move(alive)),
        done_(std::move(done)) {}

  // Nothing is touched before it is in the audit log.
  void begin() {
    tell({}, [self = shared_from_this()](Result<void> written) {
      if (self->alive_.expired()) return;
      if (!written) return self->done_(written.error());
      self->destroy_secret();
    });
  }

 private:
  // An entry; `failed`: why what an earlier one announced was not done as a whole.
  void tell(std::string_view failed, access::Recorder::Done done) {
    holders_.guard.record({.allowed = true,
                           .refused = !failed.empty(),
                           .principal = "developer",
                           .role = holders_.options.developer_role,
                           .action = "person:erase",
                           .resource = name_,
                           .subject = token_,
                           .reason = failed},
                          std::move(done));
  }

  void fail(Error failed) {
    const std::string_view code = to_string(failed.code);
    tell(code, [self = shared_from_this(), failed = std::move(failed)](const Result<void>&) {
      if (!self->alive_.expired()) self->done_(failed);
    });
  }

  void destroy_secret() {
    sweep();
    if (holders_.secrets == nullptr) return next_store();
    holders_.secrets->destroy(token_, [self = shared_from_this()](Result<bool> destroyed) {
      if (self->alive_.expired()) return;
      if (!destroyed) return self->fail(destroyed.error());
      self->next_store();
    });
  }

  // Messages and events that name the person as their subject.
  void sweep() {
    const auto about = [this](const queue::Message& message) {
      if (message.body.find(token_) == std::string::npos) return false;
      const auto event = events::parse_event(message.body);
      return event && event.value().subject == token_;
    };
    for (const std::string& name : holders_.queues.names()) {
      const auto erased = holders_.queues.find(name)->erase(about);
      messages_ += erased.messages;
      in_flight_ += erased.in_flight;
    }
    events_ += holders_.events.erase_subject(token_);
  }

  void next_store() {
    if (store_ == holders_.options.stores.size()) return finish();
    const std::string& name = holders_.options.stores[store_].name;
    const auto store = holders_.stores.find(name);
    PORTEIRO_ASSERT(store != holders_.stores.end());
    store->second->erase_subject(
        name_, token_, Id{},
        [self = shared_from_this(), &name](Result<std::vector<stores::Erasure>> erased) {
          if (self->alive_.expired()) return;
          if (!erased) {
            Error failed = erased.error();
            failed.at = "stores." + name + (failed.at.empty() ? "" : "." + failed.at);
            return self->fail(std::move(failed));
          }
          self->add(name, erased.value());
          ++self->store_;
          self->next_store();
        });
  }

  void add(const std::string& store, const std::vector<stores::Erasure>& erased) {
    json collections = json::array();
    for (const stores::Erasure& each : erased) {
      json one{{"collection", each.collection},
               {"outcome", each.basis.empty() ? "erased" : "retained"},
               {"records", each.records}};
      if (!each.basis.empty()) one["basis"] = each.basis;
      collections.push_back(std::move(one));
    }
    if (collections.empty()) return;
    stores_.push_back({{"store", store}, {"collections", std::move(collections)}});
  }

  void finish() {
    sweep();
    if (auto compacted = holders_.journal.compact(); !compacted) return fail(compacted.error());
    holders_.journal.when_durable(holders_.journal.last(),
                                  [self = shared_from_this()](Result<void> durable) {
                                    if (self->alive_.expired()) return;
                                    if (!durable) return self->fail(durable.error());
                                    self->await_models(0);
                                  });
  }

  void await_models(int pauses) {
    const bool level = holders_.models.level();
    if (!level && pauses < models_pauses_max) {
      holders_.environment.scheduler.after(models_pause, [self = shared_from_this(), pauses] {
        if (!self->alive_.expired()) self->await_models(pauses + 1);
      });
      return;
    }
    const json answer{{"subject", token_},       {"stores", stores_}, {"messages", messages_},
                      {"in_flight", in_flight_}, {"events", events_}, {"read_models_level", level}};
    done_(answer.dump());
  }

  Holders holders_;
  std::string name_, token_;
  std::weak_ptr<void> alive_;
  UniqueFunction<void(Result<std::string>)> done_;
  std::size_t store_ = 0;  // The next one.
  json stores_ = json::array();
  std::size_t messages_ = 0, in_flight_ = 0, events_ = 0;
};

}  // namespace

void erase_person(Holders holders, std::string_view token_name, std::string_view value,
                  std::weak_ptr<void> alive, UniqueFunction<void(Result<std::string>)> done) {
  const auto& known = holders.options.tokens;
  const bool is_known = std::any_of(known.begin(), known.end(), [&](const kms::TokenOptions& each) {
    return each.name == token_name;
  });
  if (!is_known) {
    return done(error(Errc::not_found, "the config has no token of this name", "token"));
  }
  std::string token(value);
  if (!kms::Tokens::looks_like(token_name, value)) {
    auto made = holders.tokens.make(token_name, value);
    if (!made) return done(made.error());
    token = std::move(made).value();
  }
  std::make_shared<PersonErasure>(holders, std::string(token_name), std::move(token),
                                  std::move(alive), std::move(done))
      ->begin();
}

}  // namespace porteiro::emulator
