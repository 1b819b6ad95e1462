#include "porteiro/virtual_world/children.hpp"

#include <algorithm>

namespace porteiro::virtual_world {
namespace {

constexpr std::int64_t first_pid = 1000;
constexpr std::size_t output_bytes_max = 64U << 10;  // Of one call of ProcessListener::output.
constexpr int kill_signal = 9;

}  // namespace

VirtualChild::VirtualChild(Scheduler& scheduler, ProcessOptions options, std::int64_t pid)
    : scheduler_(scheduler), options_(std::move(options)), pid_(pid) {}

std::string_view VirtualChild::variable(std::string_view name) const {
  for (const std::string_view entry : options_.environment) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos && entry.substr(0, equals) == name) {
      return entry.substr(equals + 1);
    }
  }
  return {};
}

void VirtualChild::write(std::string_view bytes, Stream stream) {
  if (gone()) return;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), output_bytes_max))) {
    scheduler_.post([this, stream, piece = std::string(bytes.substr(0, output_bytes_max))] {
      if (listener_ != nullptr) listener_->output(stream, piece);
    });
  }
}

void VirtualChild::exit(int status) { end(ProcessEnd{.status = status}); }
void VirtualChild::die(int signal) { end(ProcessEnd{.signal = signal}); }
void VirtualChild::fail(Errc code) {
  end(error(code, "the child fails to start, as it was told to"));
}

void VirtualChild::end(Result<ProcessEnd> end) {
  if (gone()) return;
  connection_.reset();
  scheduler_.post([this, end = std::move(end)]() mutable {
    if (listener_ != nullptr) std::exchange(listener_, nullptr)->ended(std::move(end));
  });
}

void VirtualChild::take_signal(int number) {
  if (gone() || !started_) return;
  signals_.push_back(number);
  if (number == kill_signal || !on_signal) return die(number);
  on_signal(number);
}

void VirtualChild::kill() {
  listener_ = nullptr;
  killed_ = !gone();
  connection_.reset();
}

class VirtualProcess final : public Process {
 public:
  explicit VirtualProcess(VirtualChild& child) : child_(child) {}
  VirtualProcess(const VirtualProcess&) = delete;
  VirtualProcess& operator=(const VirtualProcess&) = delete;
  ~VirtualProcess() override { child_.kill(); }
  std::int64_t pid() const override { return child_.started_ && !child_.gone() ? child_.pid() : 0; }
  void signal(int number) override { child_.take_signal(number); }

 private:
  VirtualChild& child_;
};

std::unique_ptr<Process> VirtualProcesses::start(ProcessOptions options,
                                                 ProcessListener& listener) {
  const auto pid = first_pid + static_cast<std::int64_t>(children_.size());
  children_.push_back(std::make_unique<VirtualChild>(scheduler_, std::move(options), pid));
  VirtualChild& child = *children_.back();
  child.listener_ = &listener;
  scheduler_.post([this, &child] {
    if (child.gone()) return;
    child.started_ = true;
    if (script) script(child);
  });
  return std::make_unique<VirtualProcess>(child);
}

std::size_t VirtualProcesses::running() const {
  return static_cast<std::size_t>(std::count_if(children_.begin(), children_.end(),
                                                [](const auto& child) { return !child->gone(); }));
}

// Closes its port; requests that are unanswered then are cut off.
class VirtualPort final : public http::PrivatePort {
 public:
  VirtualPort(Scheduler& scheduler, std::shared_ptr<VirtualPorts::Table> ports, std::string address)
      : scheduler_(scheduler), ports_(std::move(ports)), address_(std::move(address)) {}
  VirtualPort(const VirtualPort&) = delete;
  VirtualPort& operator=(const VirtualPort&) = delete;
  ~VirtualPort() override {
    const auto found = ports_->find(address_);
    const auto port = std::move(found->second);
    ports_->erase(found);
    for (auto& [number, done] : std::exchange(port->waiting, {})) {
      scheduler_.post([done = std::move(done)]() mutable {
        done(error(Errc::unavailable, "the port was closed before the answer"));
      });
    }
  }
  std::string address() const override { return address_; }

 private:
  Scheduler& scheduler_;
  std::shared_ptr<VirtualPorts::Table> ports_;
  std::string address_;
};

Result<std::unique_ptr<http::PrivatePort>> VirtualPorts::open(http::Handler handler,
                                                              const std::string& path) {
  if (!path.empty() && ports_->contains(path)) {
    return error(Errc::conflict, "another port is open on " + path, path);
  }
  std::string address = path.empty() ? "127.0.0.1:" + std::to_string(++last_port_) : path;
  (*ports_)[address] = std::make_shared<Port>(Port{.handler = std::move(handler), .waiting = {}});
  return std::unique_ptr<http::PrivatePort>(
      std::make_unique<VirtualPort>(scheduler_, ports_, std::move(address)));
}

void VirtualPorts::send(const std::shared_ptr<const void>& client, std::string address,
                        PortRequest request, Done done) {
  const std::uint64_t number = ++last_request_;
  // Dead clients hear nothing, whichever way the request ends.
  Done told = [client = std::weak_ptr(client),
               done = std::move(done)](Result<http::Response> reply) mutable {
    if (!client.expired()) done(std::move(reply));
  };
  scheduler_.post([this, client = std::weak_ptr(client), number, address = std::move(address),
                   request = std::move(request), told = std::move(told)]() mutable {
    const auto alive = client.lock();
    if (alive == nullptr) return;
    const auto found = ports_->find(address);
    if (found == ports_->end()) {
      return told(error(Errc::unavailable, "nothing listens on " + address, address));
    }
    const auto port = found->second;  // The handler may close it.
    port->waiting.emplace(number, std::move(told));
    std::vector<http::HeaderView> headers;
    for (const http::Header& header : request.headers) {
      headers.push_back({header.name, header.value});
    }
    const std::shared_ptr<const void> shown = alive;
    port->handler(
        {.method = request.method,
         .target = request.target,
         .headers = headers,
         .body = request.body,
         .peer = "simulation",
         .client = &shown},
        [&scheduler = scheduler_, port = std::weak_ptr(port),
         number](http::Response response) mutable {
          const auto answered = port.lock();
          if (answered == nullptr) return;
          auto waiting = answered->waiting.extract(number);
          if (waiting.empty()) return;
          scheduler.post([done = std::move(waiting.mapped()),
                          response = std::move(response)]() mutable { done(std::move(response)); });
        });
  });
}

}  // namespace porteiro::virtual_world
