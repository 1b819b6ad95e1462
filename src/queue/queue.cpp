#include "porteiro/queue/queue.hpp"

#include "queue/options.hpp"
#include "queue/state.hpp"

namespace porteiro::queue {

Queue::Queue(std::unique_ptr<State> state) : state_(std::move(state)) {}
Queue::~Queue() = default;

Result<Sent> Queue::send(SendRequest request) { return state_->send(std::move(request)); }

std::vector<Delivery> Queue::receive(const ReceiveRequest& request) {
  return state_->receive(request);
}

std::shared_ptr<Queue::Waiter> Queue::receive_wait(ReceiveRequest request, Duration wait,
                                                   Done done) {
  return state_->wait(std::move(request), wait, std::move(done));
}

std::shared_ptr<Queue::Waiter> Queue::watch(std::function<void()> ready) {
  return state_->watch(std::move(ready));
}

Result<journal::Sequence> Queue::remove(Receipt receipt) { return state_->remove(receipt); }

Result<journal::Sequence> Queue::change_visibility(Receipt receipt, Duration visibility) {
  return state_->change_visibility(receipt, visibility);
}

std::vector<Peeked> Queue::peek(std::size_t max, std::size_t skip) const {
  return state_->peek(max, skip);
}

Result<journal::Sequence> Queue::configure(Options options) {
  options.name = state_->options.name;
  PORTEIRO_TRY(check(options));
  if (options.fifo != state_->options.fifo) {
    return error(Errc::invalid, "a queue stays what it is, standard or FIFO", "fifo");
  }
  return state_->configure(std::move(options));
}

Depth Queue::depth() const { return state_->depth(); }
journal::Sequence Queue::purge() { return state_->purge(); }
Queue::Erased Queue::erase(const std::function<bool(const Message&)>& which) {
  return state_->erase(which);
}
const Options& Queue::options() const { return state_->options; }
bool Queue::declared() const { return state_->declared; }
Time Queue::created() const { return state_->created; }
Time Queue::modified() const { return state_->modified; }
void Queue::on_lost(Lost lost) { state_->lost = std::move(lost); }

}  // namespace porteiro::queue
