#include "simulation/lock_step.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "porteiro/base/bytes.hpp"

namespace porteiro::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view runtime_api =
    "/2018-06-01/runtime/";                   // Where a worker tells its results.
constexpr std::uint64_t first_port = 10000;   // As many digits as ports of the system have.
constexpr std::size_t piece_max = 64u << 10;  // Of one call of ProcessListener::output.
// Who is told something runs soon. One that does not, say after a signal that it ignores, is waited
// for no longer.
constexpr Duration unmoved_max = 1s;
constexpr unsigned looks_in_a_row = 8;  // Without a pause, since a worker is mostly quick.
constexpr Duration pause = 1ms;         // Between later ones.

// An address, but not the beginning of a longer one.
std::string with_address(std::string text, const std::string& from, const std::string& to) {
  if (from.empty() || from == to) return text;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    const std::size_t end = at + from.size();
    const bool longer = end < text.size() && is_digit(text[end]);
    if (!longer) text.replace(at, from.size(), to);
    at += longer ? from.size() : to.size();
  }
  return text;
}

// Node begins each warning with the number of its process: "(node:4711) …".
std::string without_pid(std::string text) {
  constexpr std::string_view opening = "(node:";
  for (std::size_t at = text.find(opening); at != std::string::npos; at = text.find(opening, at)) {
    at += opening.size();
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end > at && end < text.size() && text[end] == ')') text.replace(at, end - at, "1");
  }
  return text;
}

}  // namespace

// A request that is owed an answer: held by whoever is to give it.
struct LockStep::Call {
  Call(std::shared_ptr<Worker> of, const http::Request& request, http::Responder responder);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();  // Without an answer: the host's port says so.
  void answer(http::Response response);
  bool open() const { return respond && (!knows_client || !client.expired()); }

  const std::weak_ptr<Worker> worker;
  http::Responder respond;  // Null: answered.
  const bool knows_client;
  std::weak_ptr<const void> client;
};

struct LockStep::Worker final : ProcessListener {
  struct Asked {
    std::string method, target, body, peer;
    std::vector<http::Header> headers;
    const void* connection;  // Only to compare with.
    std::shared_ptr<Call> call;
  };

  Worker(const Host& host_in, const Clock& wall_in) : host(host_in), wall(wall_in) {}

  void output(Stream stream, std::string_view bytes) override;
  void ended(Result<ProcessEnd> how) override;
  void arrive(std::shared_ptr<Call> call, const http::Request& request);

  bool waits();  // It has asked something that is not answered.
  // It was started, answered or signalled. `moves`: what it has asked does not tell when it is
  // done.
  void told(bool moves);
  bool rests();  // It waits, and has done so since the last look.
  void hang(Duration limit);
  void tell(Scheduler& scheduler, const std::shared_ptr<Worker>& self);
  void sort_asked();
  std::string key_of(const Asked& one) const;

  const Host& host;
  const Clock& wall;
  std::string address, real_address;  // As the emulator sees it, and as the worker does.
  std::uint64_t number = 0;
  std::unique_ptr<http::PrivatePort> port;
  std::unique_ptr<Process> process;
  std::shared_ptr<http::Handler> handler;  // Null: the emulator has closed the port.
  ProcessListener* listener = nullptr;     // Null: it wants to hear nothing more.

  bool busy = false, hangs = false;
  bool resting = false;               // At the last look.
  Time busy_since{};                  // Of `wall`.
  std::optional<std::uint64_t> from;  // Activity::runs from which it has to move.
  std::optional<std::uint64_t> seen;  // At the last look.
  std::vector<std::weak_ptr<Call>> calls;

  std::array<std::string, 2> written;  // Since it became busy, as all that follows.
  std::vector<Asked> asked;
  std::optional<Result<ProcessEnd>> end;
};

LockStep::Call::Call(std::shared_ptr<Worker> of, const http::Request& request,
                     http::Responder responder)
    : worker(of), respond(std::move(responder)), knows_client(request.client != nullptr) {
  if (knows_client) client = *request.client;
}

LockStep::Call::~Call() {
  if (!respond) return;
  respond = nullptr;
  if (const auto asker = worker.lock()) asker->told(asker->waits());
}

void LockStep::Call::answer(http::Response response) {
  http::Responder once = std::exchange(respond, nullptr);
  if (!once) return;
  if (const auto asker = worker.lock()) asker->told(asker->waits());
  once(std::move(response));
}

void LockStep::Worker::output(Stream stream, std::string_view bytes) {
  if (hangs || listener == nullptr) return;
  told(false);
  std::string& text = written[static_cast<std::size_t>(stream)];
  text += bytes.substr(0, phase_output_max - std::min(phase_output_max, text.size()));
}

void LockStep::Worker::ended(Result<ProcessEnd> how) {
  if (hangs || listener == nullptr) return;
  told(false);
  end = std::move(how);
}

void LockStep::Worker::arrive(std::shared_ptr<Call> call, const http::Request& request) {
  if (hangs || handler == nullptr) return;
  told(false);
  calls.emplace_back(call);
  Asked one{std::string(request.method),
            std::string(request.target),
            std::string(request.body),
            std::string(request.peer),
            {},
            request.client == nullptr ? nullptr : request.client->get(),
            std::move(call)};
  for (const http::HeaderView& header : request.headers) {
    one.headers.push_back({std::string(header.name), std::string(header.value)});
  }
  asked.push_back(std::move(one));
}

bool LockStep::Worker::waits() {
  std::erase_if(calls, [](const std::weak_ptr<Call>& each) {
    const auto call = each.lock();
    return call == nullptr || !call->open();
  });
  return !calls.empty();
}

void LockStep::Worker::told(bool moves) {
  if (hangs || end || !process) return;
  if (!std::exchange(busy, true)) {
    busy_since = wall.now();
    resting = false;
    from.reset();
    seen.reset();
  }
  if (moves && !from) from = host.activity(process->pid()).runs;
}

bool LockStep::Worker::rests() {
  if (end || hangs) return true;
  if (!waits() || process->pid() == 0) return false;
  const Activity now = host.activity(process->pid());
  const bool same = std::exchange(seen, now.runs) == now.runs;
  if (!now.asleep || !same) return false;
  return from != now.runs || wall.now() - busy_since > unmoved_max;
}

// Its process ends, so that it takes no more of the host; for the emulator it runs on.
void LockStep::Worker::hang(Duration limit) {
  hangs = true;
  asked.clear();
  written = {};
  written[static_cast<std::size_t>(Stream::err)] =
      "porteiro: the worker was busy for " + to_text(limit) +
      " of the machine's time without asking for anything (limits.hang): it counts as hanging\n";
  process.reset();
  port.reset();
}

std::string LockStep::Worker::key_of(const Asked& one) const {
  std::string key = one.method + " " + one.target + "\n";
  for (const http::Header& header : one.headers) {
    if (header.name.size() == 12 && (header.name.back() | 0x20) == 't' &&
        (header.name.front() | 0x20) == 'x') {
      key += header.value + "\n";  // X-Amz-Target.
    }
  }
  return key + with_address(one.body, real_address, address);
}

// By connection, since the order between connections is chance.
void LockStep::Worker::sort_asked() {
  std::vector<std::pair<std::string, std::vector<Asked>>> connections;
  for (Asked& one : asked) {
    const auto known = std::find_if(connections.begin(), connections.end(), [&](const auto& each) {
      return one.connection != nullptr && each.second.front().connection == one.connection;
    });
    if (known == connections.end()) {
      std::string key = key_of(one);
      connections.emplace_back(std::move(key), std::vector<Asked>())
          .second.push_back(std::move(one));
    } else {
      known->second.push_back(std::move(one));
    }
  }
  std::stable_sort(connections.begin(), connections.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  asked.clear();
  for (auto& [key, requests] : connections) {
    std::move(requests.begin(), requests.end(), std::back_inserter(asked));
  }
}

void LockStep::Worker::tell(Scheduler& scheduler, const std::shared_ptr<Worker>& self) {
  busy = false;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::string text =
        without_pid(with_address(std::exchange(written[i], {}), real_address, address));
    for (std::size_t at = 0; at < text.size(); at += piece_max) {
      scheduler.post([self, stream = static_cast<Stream>(i), piece = text.substr(at, piece_max)] {
        if (self->listener != nullptr) self->listener->output(stream, piece);
      });
    }
  }
  sort_asked();
  for (Asked& one : std::exchange(asked, {})) {
    if (one.target.starts_with(runtime_api)) {
      one.body = with_address(std::move(one.body), real_address, address);
    }
    scheduler.post([self, one = std::make_shared<Asked>(std::move(one))] {
      const std::shared_ptr<http::Handler> handle = self->handler;  // It may close the port.
      if (handle == nullptr) return;
      std::vector<http::HeaderView> headers;
      for (const http::Header& header : one->headers)
        headers.push_back({header.name, header.value});
      const auto client = one->call->client.lock();
      const std::shared_ptr<const void> shown = client ? client : std::make_shared<char>();
      (*handle)({.method = one->method,
                 .target = one->target,
                 .headers = headers,
                 .body = one->body,
                 .peer = one->peer,
                 .client = one->call->knows_client ? &shown : nullptr},
                [call = one->call](http::Response response) { call->answer(std::move(response)); });
    });
  }
  if (!end) return;
  scheduler.post([self] {
    if (self->listener != nullptr) std::exchange(self->listener, nullptr)->ended(*self->end);
  });
}

class LockStep::Port final : public http::PrivatePort {
 public:
  explicit Port(std::shared_ptr<Worker> worker) : worker_(std::move(worker)) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port() override {
    worker_->handler = nullptr;
    worker_->asked.clear();
    worker_->port.reset();
  }
  std::string address() const override { return worker_->address; }

 private:
  const std::shared_ptr<Worker> worker_;
};

class LockStep::Child final : public Process {
 public:
  explicit Child(std::shared_ptr<Worker> worker) : worker_(std::move(worker)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() override {
    worker_->listener = nullptr;
    worker_->busy = false;
    worker_->process.reset();
  }
  std::int64_t pid() const override {
    return worker_->listener == nullptr ? 0 : static_cast<std::int64_t>(worker_->number);
  }
  void signal(int number) override {
    if (!worker_->process || worker_->end) return;
    worker_->told(true);
    worker_->process->signal(number);
  }

 private:
  const std::shared_ptr<Worker> worker_;
};

LockStep::LockStep(const Host& host, const Clock& wall, Scheduler& scheduler, Duration hang_max)
    : host_(host), wall_(wall), scheduler_(scheduler), hang_max_(hang_max) {}
LockStep::~LockStep() = default;

Result<std::unique_ptr<http::PrivatePort>> LockStep::open(http::Handler handler,
                                                          const std::string& path) {
  auto worker = std::make_shared<Worker>(host_, wall_);
  PORTEIRO_TRY(
      worker->port,
      host_.private_ports.open(
          [weak = std::weak_ptr(worker)](const http::Request& request, http::Responder respond) {
            const auto asker = weak.lock();
            if (asker == nullptr) return;
            asker->arrive(std::make_shared<Call>(asker, request, std::move(respond)), request);
          },
          path));
  worker->number = ++last_number_;
  worker->real_address = worker->port->address();
  worker->address =
      path.empty() ? "127.0.0.1:" + std::to_string(first_port + worker->number) : path;
  worker->handler = std::make_shared<http::Handler>(std::move(handler));
  workers_.push_back(worker);
  return std::unique_ptr<http::PrivatePort>(std::make_unique<Port>(std::move(worker)));
}

// A worker's port is the one that its environment names, or, in a sandbox, its command.
std::unique_ptr<Process> LockStep::start(ProcessOptions options, ProcessListener& listener) {
  const auto names = [&options](const std::string& address) {
    const auto one = [&](const std::string& text) {
      return with_address(text, address, {}) != text;
    };
    return std::any_of(options.environment.begin(), options.environment.end(), one) ||
           std::any_of(options.command.begin(), options.command.end(), one);
  };
  const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const auto& each) {
    return each->port && !each->process && each->listener == nullptr && names(each->address);
  });
  std::shared_ptr<Worker> worker;
  if (found != workers_.end()) {
    worker = *found;
    for (auto* texts : {&options.environment, &options.command}) {
      for (std::string& text : *texts) {
        text = with_address(std::move(text), worker->address, worker->real_address);
      }
    }
  } else {
    worker = workers_.emplace_back(std::make_shared<Worker>(host_, wall_));
    worker->number = ++last_number_;
  }
  worker->listener = &listener;
  worker->process = host_.processes.start(std::move(options), *worker);
  worker->told(false);
  return std::make_unique<Child>(std::move(worker));
}

bool LockStep::settle(Time until) {
  const auto is_busy = [](const auto& worker) { return worker->busy; };
  if (std::none_of(workers_.begin(), workers_.end(), is_busy)) return true;
  if (!gather(until)) return false;
  tell();
  return true;
}

bool LockStep::gather(Time until) {
  for (unsigned looks = 0;; ++looks) {
    const bool came = host_.pump(looks < looks_in_a_row ? Duration::zero() : pause);
    if (came) looks = 0;
    if (all_wait() && !came) return true;
    if (wall_.now() > until) return false;
    end_hung();
  }
}

// Looks at each, whatever the others do.
bool LockStep::all_wait() {
  bool all = true;
  for (const auto& worker : workers_) {
    if (!worker->busy) continue;
    worker->resting = worker->rests();
    all = all && worker->resting;
  }
  return all;
}

void LockStep::end_hung() {
  const Time now = wall_.now();
  for (const auto& worker : workers_) {
    if (!worker->busy || worker->resting) continue;
    if (now - worker->busy_since > hang_max_) worker->hang(hang_max_);
  }
}

void LockStep::tell() {
  for (const auto& worker : workers_) {
    if (worker->busy) worker->tell(scheduler_, worker);
  }
  std::erase_if(workers_, [](const auto& worker) { return worker.use_count() == 1; });
}

}  // namespace porteiro::simulation
