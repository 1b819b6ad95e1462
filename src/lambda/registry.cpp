// The factories of functions by name.
#include <algorithm>

#include "porteiro/lambda/function.hpp"

namespace porteiro::lambda {
namespace {

class HandlerFunction final : public Function {
 public:
  HandlerFunction(Registry::Handler handler, Services& services)
      : handler_(std::move(handler)), services_(services) {}
  void invoke(std::shared_ptr<const Invocation> invocation, Completion done) override {
    handler_(std::move(invocation), services_, std::move(done));
  }

 private:
  Registry::Handler handler_;
  Services& services_;
};

struct LinkedHandler {
  std::string name;
  Registry::Handler handler;
};

// Filled before main, so made at its first use.
std::vector<LinkedHandler>& linked() {
  static std::vector<LinkedHandler> handlers;
  return handlers;
}

}  // namespace

bool retryable(Errc code) {
  switch (code) {
    case Errc::conflict:
    case Errc::limit_exceeded:
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::internal:
      return true;
    case Errc::invalid:
    case Errc::denied:
    case Errc::not_found:
    case Errc::stale:
    case Errc::corrupt:
      return false;
  }
  return false;
}

void Registry::add(std::string name, Factory factory) {
  factories_.insert_or_assign(std::move(name), std::move(factory));
}

void Registry::add_handler(std::string name, Handler handler) {
  add(std::move(name), [handler = std::move(handler)](const Definition& definition) {
    return Result<std::unique_ptr<Function>>(
        std::make_unique<HandlerFunction>(handler, definition.services));
  });
}

Result<std::unique_ptr<Function>> Registry::make(std::string_view factory,
                                                 const Definition& definition) const {
  const auto found = factories_.find(factory);
  if (found == factories_.end()) {
    return error(Errc::not_found, "no function of this executable is named " +
                                      std::string(factory) +
                                      "; link it (PORTEIRO_FUNCTION) or name a built-in");
  }
  return found->second(definition);
}

bool Registry::has(std::string_view name) const {
  return factories_.find(name) != factories_.end();
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, factory] : factories_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

void add_linked(Registry& registry) {
  for (const LinkedHandler& each : linked()) registry.add_handler(each.name, each.handler);
}

Linked::Linked(const char* name, Registry::Handler handler) {
  linked().push_back({name, std::move(handler)});
}

}  // namespace porteiro::lambda
