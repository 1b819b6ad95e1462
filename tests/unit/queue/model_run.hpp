// Drives real queues and the model of them with the same operations, in virtual time, with the
// process ended and started again from the journal now and then. Both must show the same.
#pragma once
#include <algorithm>
#include <map>

#include "unit/queue/fixture.hpp"
#include "unit/queue/model.hpp"
#include "unit/queue/model_steps.hpp"
#include "unit/queue/sequences.hpp"

namespace porteiro::queue::test {

class ModelRun {
 public:
  ModelRun(std::uint64_t seed, bool fifo, Trace* trace)
      : fifo_(fifo), trace_(trace), bench_(declared(seed, fifo), seed) {
    for (const Options& options : bench_.options) {
      model_.queues.push_back({.options = options, .created = now(), .modified = now()});
    }
    note("main is " + text(bench_.options[0]) + "; dead is " + text(bench_.options[1]));
    listen();
  }

  void step(const Step& step) {
    Random r(step.seed);
    switch (step.what) {
      case What::send:
        send(r);
        break;
      case What::batch:
        batch(r);
        break;
      case What::receive:
        receive(r);
        break;
      case What::remove:
        remove(r);
        break;
      case What::visibility:
        change_visibility(r);
        break;
      case What::wait:
        wait(r);
        break;
      case What::pass:
        pass(r);
        break;
      case What::purge:
        purge(r);
        break;
      case What::configure:
        configure(r);
        break;
      case What::create:
        create(r);
        break;
      case What::drop:
        drop(r);
        break;
      case What::move:
        move(r);
        break;
      case What::cancel:
        cancel(r);
        break;
      case What::compact:
        compact();
        break;
      case What::restart:
        restart(r);
        break;
    }
    settle(0s);
    compare();
  }

 private:
  static std::vector<Options> declared(std::uint64_t seed, bool fifo) {
    Random r(~seed);
    Options main = draw(r, "main", fifo);
    return {std::move(main), draw(r, "dead", fifo)};
  }
  template <class... Parts>
  void note(const Parts&... parts) {
    if (trace_ == nullptr) return;
    std::ostringstream line;
    line << "at " << seconds(now() - start_) << ": ";
    (line << ... << parts);
    trace_->push_back(line.str());
  }

  Time now() const { return bench_.world.scheduler.now(); }
  Queue& real(const ModelQueue& q) { return bench_.at(q.options.name); }
  ModelQueue& any(Random& r) {
    const std::uint64_t place = r.below(10);
    return place < model_.queues.size() ? model_.queues[place] : *model_.find("main");
  }
  ModelQueue& main() { return *model_.find("main"); }

  void listen(const std::string& name) {
    bench_.at(name).on_lost([this](const Message& m, bool dead_lettered) {
      real_log_.push_back((dead_lettered ? "dead " : "lost ") + m.body);
    });
  }
  void listen() {
    for (const ModelQueue& q : model_.queues) listen(q.options.name);
  }

  template <class T>
  static void same_answer(const Result<T>& result, std::optional<Errc> expected, const char* what) {
    const auto name = [](std::optional<Errc> e) { return e ? to_string(*e) : "done"; };
    const auto got = result.has_value() ? std::nullopt : std::optional(result.error().code);
    same(name(got), name(expected), what);
  }

  // The steps.
  SendRequest request(Random& r) {
    static const std::vector<Attribute> attributes{
        {"kind", "String", "order"}, {"", "", ""}, {"raw", "Binary.png", std::string("\0\xff", 2)}};
    SendRequest request{.body = "m" + std::to_string(++sent_)};
    if (r.below(3) == 0) request.body = "same" + std::to_string(r.below(4));
    if (r.below(60) == 0) request.body.clear();
    if (r.below(5) == 0) request.trace = {7, r.next()};
    request.ephemeral = r.below(8) == 0;
    request.attributes.assign(attributes.begin(),
                              attributes.begin() + static_cast<std::ptrdiff_t>(r.below(4)));
    if (fifo_) {
      if (r.below(40) != 0) request.group = std::string(1, static_cast<char>('a' + r.below(3)));
      if (r.below(4) != 0) request.deduplication_id = "d" + std::to_string(r.below(60));
      if (r.below(10) == 0) request.delay = std::chrono::seconds(r.below(2));
    } else {
      if (r.below(4) == 0) request.group = "g";
      if (r.below(60) == 0) request.deduplication_id = "d";
      if (r.below(3) == 0) request.delay = std::chrono::seconds(r.below(8));
      if (r.below(60) == 0) request.delay = 901s;
    }
    return request;
  }
  void send_to(ModelQueue& q, Random& r) {
    static const std::vector<Fault> faults{{Fault::Kind::duplicate, {}},
                                           {Fault::Kind::delay, 3s},
                                           {Fault::Kind::throttle, {}},
                                           {Fault::Kind::poison, {}}};
    const SendRequest what = request(r);
    const std::uint64_t pick = r.below(40);
    const Fault fault = pick < faults.size() ? faults[pick] : Fault{};
    note("send ", what.body, " to ", q.options.name, ", group '", what.group, "', id '",
         what.deduplication_id, "', delay ", seconds(what.delay),
         what.ephemeral ? ", ephemeral" : "", ", fault ", static_cast<int>(fault.kind));
    bench_.faults.next = fault;
    const auto sent = real(q).send(what);
    bench_.faults.next = {};
    const Model::Answer expected = model_.send(q, what, fault, now());
    same_answer(sent, expected.error, "the answer to send");
    if (!sent) return;
    same(sent.value().number, expected.number, "the number of what was sent");
    if (expected.duplicate) return same(sent.value().id == expected.id, true, "the first's id");
    q.by_identity(expected.identity)->id = sent.value().id;
    if (expected.twin != 0) q.by_identity(expected.twin)->id = sent.value().id;
    if (fifo_) q.firsts.back().id = sent.value().id;
  }
  void send(Random& r) { send_to(any(r), r); }
  void batch(Random& r) {
    ModelQueue& q = any(r);
    for (std::uint64_t left = 2 + r.below(5); left > 0; --left) send_to(q, r);
  }

  ReceiveRequest receive_request(Random& r) {
    static const std::vector<Duration> long_ones{700s, 12h};
    ReceiveRequest request{.max = 1 + r.below(10)};
    if (r.below(3) == 0) request.visibility = std::chrono::seconds(r.below(9));
    if (r.below(2) == 0) request.attempt_id = "t" + std::to_string(r.below(3));
    const std::uint64_t rarely = request.attempt_id.empty() ? 16 : 3;
    if (r.below(rarely) == 0) request.visibility = long_ones[r.below(2)];
    return request;
  }
  void receive(Random& r) {
    ModelQueue& q = any(r);
    const ReceiveRequest request = receive_request(r);
    Fault fault;
    if (r.below(20) == 0) fault.kind = Fault::Kind::reorder;
    if (r.below(20) == 0) fault.kind = Fault::Kind::throttle;
    note("receive ", request.max, " of ", q.options.name, " for ", seconds(request.visibility),
         ", attempt '", request.attempt_id, "', fault ", static_cast<int>(fault.kind));
    bench_.faults.next = fault;
    const auto deliveries = real(q).receive(request);
    bench_.faults.next = {};
    got(q, deliveries, model_.receive(q, request, fault, now()));
  }

  void got(ModelQueue& q, const std::vector<Delivery>& deliveries,
           const std::vector<ModelMessage>& expected) {
    same(deliveries.size(), expected.size(), "the number of deliveries");
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      const ModelMessage& m = expected[i];
      same_message(deliveries[i].message, m);
      same(deliveries[i].message.attributes.size(), m.attributes, "the number of attributes");
      known_.push_back({q.options.name, deliveries[i].receipt, m.identity, m.delivery});
    }
  }
  void same_message(const Message& real, const ModelMessage& m) {
    same(real.body, m.body, "a body");
    same(real.receives, m.receives, "a receive count");
    same(real.sent == m.sent, true, "the time sent, as expected,");
    same(real.first_received == m.first_received, true, "the first receive, as expected,");
    same(real.number, fifo_ ? m.number : 0, "a number");
    same(real.group, m.group, "a group");
    same(real.dead_letter_source, m.source, "the source of a dead letter");
    same(real.ephemeral, m.ephemeral, "ephemeral");
    same(real.trace.low, m.trace, "a trace");
    if (!m.deduplication_id.empty()) {
      same(real.deduplication_id, m.deduplication_id, "a deduplication id");
    }
    if (m.id) same(real.id == m.id, true, "an id, as expected,");
  }

  struct Known {
    std::string queue;
    Receipt receipt;
    int identity, delivery;
  };
  // A receipt that both sides know, mostly of the last ones; null: none of a queue that is there.
  const Known* receipt(Random& r) {
    if (known_.empty()) return nullptr;
    const std::size_t recent = std::min<std::size_t>(known_.size(), r.below(4) == 0 ? 1000 : 8);
    const Known& known = known_[known_.size() - 1 - r.below(recent)];
    return model_.find(known.queue) == nullptr ? nullptr : &known;
  }
  // A fault stored it twice: after its end the other one may have its slot, and its id.
  template <class T>
  void same_receipt_answer(const Known& known, ModelQueue& q, const Result<T>& result,
                           std::optional<Errc> expected, const char* what) {
    const bool twin = std::any_of(q.messages.begin(), q.messages.end(),
                                  [&](const auto& m) { return m.id == known.receipt.message; });
    const bool stale = !result.has_value() && result.error().code == Errc::stale;
    if (twin && stale && expected == Errc::not_found) return;
    same_answer(result, expected, what);
  }
  void remove(Random& r) {
    const Known* known = receipt(r);
    if (known == nullptr) return;
    ModelQueue& q = *model_.find(known->queue);
    const bool drop_ack = r.below(20) == 0;
    note("remove delivery ", known->delivery, " of ", known->queue, drop_ack ? ", drop_ack" : "");
    if (drop_ack) bench_.faults.next.kind = Fault::Kind::drop_ack;
    const auto removed = real(q).remove(known->receipt);
    bench_.faults.next = {};
    model_.advance(now());
    const auto expected = model_.check(q, known->identity, known->delivery);
    same_receipt_answer(*known, q, removed, expected, "the answer to remove");
    if (!expected && !drop_ack) q.erase(*q.by_identity(known->identity));
  }
  void change_visibility(Random& r) {
    static const std::vector<Duration> long_ones{350s, 12h, 12h + 1s};
    const Known* known = receipt(r);
    if (known == nullptr) return;
    ModelQueue& q = *model_.find(known->queue);
    Duration visibility = std::chrono::seconds(r.below(9));
    if (r.below(4) == 0) visibility = long_ones[r.below(3)];
    note("hide delivery ", known->delivery, " of ", known->queue, " for ", seconds(visibility));
    const auto hidden = real(q).change_visibility(known->receipt, visibility);
    model_.advance(now());
    const auto expected =
        model_.change_visibility(q, known->identity, known->delivery, visibility, now());
    same_receipt_answer(*known, q, hidden, expected, "the answer to change_visibility");
  }

  void wait(Random& r) {
    const int who = ++waits_;
    ReceiveRequest request = receive_request(r);
    // Hidden for no time, the message is there again at once, before or after the next waiter ends.
    if (request.visibility == 0s) request.visibility = 1s;
    const Duration wait = std::chrono::seconds(r.below(20));
    note("wait for ", request.max, " of main for ", seconds(request.visibility), ", until ",
         seconds(wait), ", attempt '", request.attempt_id, "'");
    handles_.push_back(bench_.q().receive_wait(
        request, wait, [this, who](std::vector<Delivery> d) { real_served_[who] = std::move(d); }));
    main().waiters.push_back({who, request, now() + wait, true});
  }
  void pass(Random& r) {
    static const std::vector<Duration> long_ones{59s, 100s, 299s, 300s, 301s};
    const Duration duration =
        r.below(5) == 0 ? long_ones[r.below(5)] : Duration(std::chrono::seconds(r.below(9)));
    note("pass ", seconds(duration));
    settle(duration);
  }
  void purge(Random& r) {
    ModelQueue& q = any(r);
    note("purge ", q.options.name);
    real(q).purge();
    q.messages.clear();
    q.attempts.clear();
  }

  void configure(Random& r) {
    ModelQueue& q = any(r);
    Options options = draw(r, q.options.name, fifo_);
    const bool refused = r.below(6) == 0;
    if (refused) options.visibility_timeout = 12h + 1s;
    note("configure ", q.options.name, " ", text(options));
    same_answer(real(q).configure(options), refused ? std::optional(Errc::invalid) : std::nullopt,
                "the answer to configure");
    if (refused) return;
    q.options = options;
    q.modified = now();
    compare_options();
  }
  void create(Random& r) {
    const Options options =
        draw(r, r.below(8) == 0 ? "main" : "c" + std::to_string(r.below(2)), fifo_);
    note("create ", options.name, " ", text(options));
    const bool there = model_.find(options.name) != nullptr;
    same_answer(bench_.queues->create(options),
                there ? std::optional(Errc::conflict) : std::nullopt, "the answer to create");
    if (there) return;
    model_.queues.push_back(
        {.options = options, .declared = false, .created = now(), .modified = now()});
    listen(options.name);
  }
  void drop(Random& r) {
    const std::string name = r.below(8) == 0 ? "main" : "c" + std::to_string(r.below(2));
    note("drop ", name);
    ModelQueue* q = model_.find(name);
    std::optional<Errc> expected;
    if (q == nullptr) expected = Errc::not_found;
    if (q != nullptr && q->declared) expected = Errc::denied;
    same_answer(bench_.queues->remove(name), expected, "the answer to remove a queue");
    if (!expected) model_.queues.erase(model_.queues.begin() + (q - model_.queues.data()));
    std::erase_if(model_.tasks, [&](const ModelTask& task) { return task.source == name; });
  }

  void move(Random& r) {
    static const std::vector<std::uint32_t> rates{0, 0, 3, 7, 501};
    const std::string source = r.below(6) == 0 ? "c0" : "dead";
    const std::string destination =
        std::vector<std::string>{"", "", "", "main", "c1", "dead"}[r.below(6)];
    const std::uint32_t rate = rates[r.below(rates.size())];
    note("move from ", source, " to '", destination, "', ", rate, " a second");
    const auto started = bench_.queues->start_move(source, destination, rate);
    same_answer(started, model_.start_move(source, destination, rate, now()),
                "the answer to start_move");
    if (started) model_.tasks.back().id = started.value().task;
  }
  void cancel(Random& r) {
    if (model_.tasks.empty()) return;
    ModelTask& task = model_.tasks[model_.tasks.size() - 1 -
                                   r.below(std::min<std::size_t>(model_.tasks.size(), 3))];
    note("cancel a move from ", task.source);
    const bool runs = task.status == MoveTask::Status::running;
    const auto cancelled = bench_.queues->cancel_move(task.id);
    same_answer(cancelled, runs ? std::nullopt : std::optional(Errc::conflict),
                "the answer to cancel_move");
    if (!runs) return;
    same(cancelled.value(), task.moved, "the number of messages moved");
    task.status = MoveTask::Status::cancelled;
  }

  void compact() {
    note("compact");
    REQUIRE(bench_.journal->compact().has_value());
    model_.compact();
  }
  void restart(Random& r) {
    if (r.below(2) == 0) compact();
    note("restart");
    bench_.start();
    model_.restart(now());
    listen();
    compare_options();
  }

  // Lets time pass on both sides, event by event in the model.
  void settle(Duration duration) {
    const Time target = now() + duration;
    Time at = now();
    settle_model(at);
    do {
      at = std::min(target, model_.next_event(at));
      settle_model(at);
    } while (at < target);
    bench_.world.scheduler.run_for(duration);
    same(real_served_.size(), model_served_.size(), "the number of waiters served");
    for (auto& [who, deliveries] : real_served_) {
      same(model_served_.contains(who), true, "who was served, as expected,");
      got(main(), deliveries, model_served_[who]);
    }
    real_served_.clear();
    model_served_.clear();
    std::sort(real_log_.begin(), real_log_.end());  // Of one instant in any order.
    std::sort(model_.log.begin(), model_.log.end());
    same(joined(real_log_), joined(model_.log), "what was lost");
    real_log_.clear();
    model_.log.clear();
  }
  void settle_model(Time at) {
    model_.advance(at);
    model_.step_tasks(at);
    model_.advance(at);
    ModelQueue& q = main();
    const auto served = [&](std::vector<ModelWaiter>::iterator waiter,
                            std::vector<ModelMessage> out) {
      model_served_[waiter->who] = std::move(out);
      return q.waiters.erase(waiter);
    };
    for (auto waiter = q.waiters.begin(); waiter != q.waiters.end();) {
      const bool fresh = std::exchange(waiter->fresh, false);
      auto out = fresh ? model_.repeat(q, waiter->request, at) : std::nullopt;
      waiter = out ? served(waiter, std::move(*out)) : std::next(waiter);
    }
    model_.advance(at);
    while (!q.waiters.empty() && q.next(false)) {
      auto out = model_.receive(q, q.waiters.front().request, {}, at);
      model_.advance(at);
      if (out.empty()) break;
      served(q.waiters.begin(), std::move(out));
    }
    for (auto waiter = q.waiters.begin(); waiter != q.waiters.end();) {
      waiter = waiter->until <= at ? served(waiter, {}) : std::next(waiter);
    }
  }

  void compare() {
    for (ModelQueue& q : model_.queues) {
      const Queue& queue = real(q);
      const auto peeked = queue.peek(10'000);
      same(peeked.size(), q.messages.size(), "the number of messages");
      for (std::size_t i = 0; i < peeked.size(); ++i) {
        ModelMessage& m = q.messages[i];
        same_message(peeked[i].message, m);
        m.id = peeked[i].message.id;
        same(static_cast<int>(peeked[i].where), static_cast<int>(m.where), "a state");
        if (m.where != Where::ready) {
          same(peeked[i].visible_at == m.visible_at, true, "visible_at, as expected,");
        }
        const bool blocked = fifo_ && m.where == Where::ready && q.in_flight(m.group);
        same(peeked[i].blocked, blocked, "blocked");
      }
      const Depth depth = queue.depth();
      same(depth.ready, q.count(Where::ready), "the ready depth");
      same(depth.delayed, q.count(Where::delayed), "the delayed depth");
      same(depth.in_flight, q.count(Where::in_flight), "the depth in flight");
    }
    if (model_.tasks.empty()) return;
    for (const char* source : {"dead", "c0"}) compare_moves(source);
  }
  void compare_moves(const std::string& source) {
    const auto moves = bench_.queues->moves(source, 99);
    std::size_t at = 0;
    for (auto task = model_.tasks.rbegin(); task != model_.tasks.rend() && at < 10; ++task) {
      if (task->source != source) continue;
      same(at < moves.size(), true, "a move task, there,");
      const MoveTask& move = moves[at++];
      same(move.id == task->id, true, "a move's id, as expected,");
      same(static_cast<int>(move.status), static_cast<int>(task->status), "a move's status");
      same(move.moved, task->moved, "how many were moved");
      same(move.to_move, task->to_move, "how many were to move");
      same(move.failure.empty(), task->status != MoveTask::Status::failed,
           "a move without failure");
    }
    same(moves.size(), at, "the number of move tasks");
  }
  void compare_options() {
    std::string real_names, model_names;
    for (const std::string& name : bench_.queues->names()) real_names += name + " ";
    for (const ModelQueue& q : model_.queues) model_names += q.options.name + " ";
    same(real_names, model_names, "the queues");
    for (const ModelQueue& q : model_.queues) {
      same(text(real(q).options()), text(q.options), "a queue's options");
      same(real(q).options().notes == q.options.notes, true, "its notes, as expected,");
      same(real(q).declared(), q.declared, "declared");
      if (!q.declared) same(real(q).created() == q.created, true, "created, as expected,");
      if (!q.declared || q.modified != q.created) {
        same(real(q).modified() == q.modified, true, "modified, as expected,");
      }
    }
  }

  const bool fifo_;
  Trace* trace_;
  std::vector<std::string> real_log_;
  std::map<int, std::vector<Delivery>> real_served_;
  std::map<int, std::vector<ModelMessage>> model_served_;
  Model model_;
  Bench bench_;
  const Time start_ = bench_.world.scheduler.now();
  std::vector<Known> known_;
  std::vector<std::shared_ptr<Queue::Waiter>> handles_;
  int sent_ = 0, waits_ = 0;
};

inline void run_models(std::string test_case, bool fifo, std::uint64_t seeds) {
  try_seeds(
      Sequences<Step>{.test_case = std::move(test_case),
                      .seeds = seeds,
                      .make = [](std::uint64_t seed) { return make_steps(seed, 100); },
                      .run =
                          [fifo](std::uint64_t seed, const std::vector<Step>& steps, Trace* trace) {
                            ModelRun run(seed, fifo, trace);
                            for (const Step& step : steps) run.step(step);
                          }});
}

}  // namespace porteiro::queue::test
