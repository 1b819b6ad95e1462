// respond {status, body}   the same reply to every event
// echo {}                  the event's data
#include "lambda/builtins/builtins.hpp"

#include "lambda/builtins/per_event.hpp"

namespace porteiro::lambda {
namespace builtins {
namespace {

class Respond final : public PerEvent {
 public:
  explicit Respond(Reply reply) : reply_(std::move(reply)) {}

 private:
  void handle(SharedEvent, Completion done) override { done(reply_); }
  Reply reply_;
};

class Echo final : public PerEvent {
  void handle(SharedEvent event, Completion done) override {
    done(Reply{200, "application/json", event->data});
  }
};

Result<std::unique_ptr<Function>> make_respond(const Definition& definition) {
  const With with(definition);
  PORTEIRO_TRY(with.only({"status", "body"}));
  PORTEIRO_TRY(const std::int64_t status, with.integer("status", 200, 599, 200));
  Reply reply{static_cast<int>(status), "application/json", {}};
  if (with.has("body")) reply.body = with.at("body").dump();
  return std::unique_ptr<Function>(std::make_unique<Respond>(std::move(reply)));
}

Result<std::unique_ptr<Function>> make_echo(const Definition& definition) {
  PORTEIRO_TRY(With(definition).only({}));
  return std::unique_ptr<Function>(std::make_unique<Echo>());
}

}  // namespace
}  // namespace builtins

void add_builtins(Registry& registry) {
  registry.add("record.get", builtins::make_get);
  registry.add("record.put", builtins::make_put);
  registry.add("record.append", builtins::make_append);
  registry.add("record.query", builtins::make_query);
  registry.add("record.delete", builtins::make_delete);
  registry.add("respond", builtins::make_respond);
  registry.add("echo", builtins::make_echo);
}

}  // namespace porteiro::lambda
