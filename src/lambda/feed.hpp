// What event sources have in common: they take messages of a queue when a worker is free, some at a
// time so that the loop's other work comes between.
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "lambda/pool.hpp"

namespace porteiro::lambda {

class Feed : public Sink {
 public:
  void pump() final;

 protected:
  explicit Feed(Shared& shared) : shared_(shared) {}
  virtual bool room() const = 0;  // For one more receive.
  virtual bool take() = 0;        // Receives once; false: there was nothing.
  void pump_soon();               // Posted.

  Shared& shared_;

 private:
  bool pumping_ = false, posted_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

// A message that a client sent as it liked, as an event: its body is the data, as JSON if it is
// some. nullopt: it is no text.
std::optional<events::Event> wrapped(const queue::Message& message, std::string_view queue);

// An event that nobody has signed or verified: what it says of who asked, and what for, is worth
// nothing and is left out. nullopt: it is none.
std::optional<events::Event> unverified(std::string_view json);

// Deletes the messages of the run. A stale receipt is no error: the message was delivered again
// meanwhile, to whom it is left.
void remove_all(queue::Queue& queue, const Run& run);

}  // namespace porteiro::lambda
