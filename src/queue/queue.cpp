#include "porteiro/queue/queue.hpp"

#include "queue/state.hpp"

namespace porteiro::queue {

Queue::Queue(std::unique_ptr<State> state) : state_(std::move(state)) {}
Queue::~Queue() = default;

Result<Sent> Queue::send(SendRequest request) { return state_->send(std::move(request)); }

std::vector<Delivery> Queue::receive(std::size_t max, Duration visibility) {
  return state_->receive(max, visibility);
}

std::shared_ptr<Queue::Waiter> Queue::receive_wait(std::size_t max, Duration wait, Done done) {
  return state_->wait(max, wait, std::move(done));
}

std::shared_ptr<Queue::Waiter> Queue::watch(std::function<void()> ready) {
  return state_->watch(std::move(ready));
}

Result<journal::Sequence> Queue::remove(Receipt receipt) { return state_->remove(receipt); }

Result<void> Queue::change_visibility(Receipt receipt, Duration visibility) {
  return state_->change_visibility(receipt, visibility);
}

std::vector<Message> Queue::peek(std::size_t max) const { return state_->peek(max); }
Depth Queue::depth() const { return state_->depth(); }
void Queue::purge() { state_->purge(); }
const Options& Queue::options() const { return state_->options; }
void Queue::on_lost(Lost lost) { state_->lost = std::move(lost); }

}  // namespace porteiro::queue
