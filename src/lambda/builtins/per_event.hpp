// What the built-ins share: they handle one event at a time, whatever the batch.
#pragma once
#include "lambda/builtins/with.hpp"

namespace porteiro::lambda::builtins {

// An event and the invocation that keeps it alive.
using SharedEvent = std::shared_ptr<const events::Event>;

// A batch gives every event to `handle` at once, in order; those that failed in a way to be retried
// are named in the reply, as an event source takes it. A batch's other failures are final.
class PerEvent : public Function {
 public:
  void invoke(std::shared_ptr<const Invocation> invocation, Completion done) final;

 protected:
  virtual void handle(SharedEvent event, Completion done) = 0;
};

// A key of a record in the event: a member path, or the first path parameter when it is empty.
class Key {
 public:
  Key() = default;
  explicit Key(std::string path) : path_(std::move(path)) {}
  // Errors: invalid, at the path.
  Result<std::string> of(const events::Event& event) const;  // Not in the body.
  Result<std::string> of(const events::Event& event, const nlohmann::json& body) const;
  bool needs_body() const { return in_body(path_); }

 private:
  std::string path_;
};

// The member "body.a.b" of a parsed body; null: absent.
const nlohmann::json* find_in_body(const nlohmann::json& body, std::string_view path);
// The same as text; nullopt: absent, or no scalar.
std::optional<std::string> body_member(const nlohmann::json& body, std::string_view path);

// Text as JSON. Errors: invalid, at "body".
Result<nlohmann::json> parse_json(std::string_view text);

// The body, opened and parsed.
void parsed_body(const SharedEvent& event, Services& services,
                 UniqueFunction<void(Result<nlohmann::json>)> done);

// A failed write. A conflict is an answer (409): trying again would not help.
Result<Reply> write_failed(const Error& failed);

// The answer to a write: {"key":…,"version":…}. `key` is as the function wrote it; the reply has
// the store's form, which is a token where the key is restricted. An earlier delivery may have done
// the write, whose answer nobody got: then the record is asked for what it would have been.
struct WriteReply {
  stores::Access& store;
  std::string collection, key;
  int status;           // Of a write done now.
  int repeated_status;  // Of one done before.
  SharedEvent event;
  Completion done;
  void operator()(Result<stores::Committed> committed);
};

// One effect an event and a function, however often the event is delivered.
std::string once_key(const events::Event& event, std::string_view function);

}  // namespace porteiro::lambda::builtins
