#include "runtime/processes.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>
#include <random>
#include <system_error>

#include "runtime/nursery_spawn.hpp"

namespace porteiro::runtime {
namespace {

using Act = NurseryProtocol::Act;
using Fact = NurseryProtocol::Fact;
using Stream = ProcessListener::Stream;

constexpr std::size_t output_bytes_max = 64U << 10;  // Of a pipe, in one turn.
constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

std::string text_of(int reason) { return std::generic_category().message(reason); }

Error not_started(const NurseryProtocol::Report& report, const std::string& program,
                  const std::string& directory) {
  const int reason = report.error;
  const bool missing = reason == ENOENT || reason == ENOTDIR;
  if (report.fact == Fact::no_directory) {
    const std::string text = "cannot enter the directory " + directory + ": " + text_of(reason);
    return error(missing ? Errc::not_found : Errc::denied, text, directory);
  }
  if (missing) {
    return error(Errc::not_found,
                 "there is no program " + program + ", or what its first line names is missing",
                 program);
  }
  const std::string text = "cannot execute " + program + ": " + text_of(reason);
  if (reason == E2BIG) return error(Errc::invalid, text, program);
  const bool denied = reason == EACCES || reason == EPERM || reason == ENOEXEC;
  return error(denied ? Errc::denied : Errc::unavailable, text, program);
}

// What the nursery is sent of a start. Errors: invalid.
Result<std::string> start_text(const ProcessOptions& options) {
  if (options.command.empty()) return error(Errc::invalid, "the command to start is empty");
  std::string text;
  const auto add = [&text](const std::string& part) {
    text.append(part).push_back('\0');
    return part.find('\0') == std::string::npos;
  };
  bool sound = add(options.directory);
  for (const std::string& part : options.command) sound = add(part) && sound;
  for (const std::string& part : options.environment) sound = add(part) && sound;
  if (!sound) {
    return error(Errc::invalid, "a NUL byte is in the command, environment or directory");
  }
  if (text.size() > NurseryProtocol::text_bytes_max) {
    return error(Errc::invalid, "the command and its environment are longer than 4 MiB");
  }
  return text;
}

struct Ends {
  Descriptor read;
  Descriptor write;
};

Result<Ends> make_pipe() {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) {
    return error(Errc::unavailable, "cannot make a pipe to a process: " + text_of(errno));
  }
  ::fcntl(pair[0], F_SETFL, O_NONBLOCK);  // Of this end alone; the other is the child's.
  return Ends{Descriptor(pair[0]), Descriptor(pair[1])};
}

}  // namespace

// A child between its start and the end that its listener hears of.
class Child final : public Counted<Child> {
 public:
  using Outcome = Result<ProcessEnd>;

  Child(NurseryProcesses& owner, std::uint64_t worker, const ProcessOptions& options,
        ProcessListener& listener)
      : owner_(&owner),
        worker_(worker),
        listener_(&listener),
        program_(options.command.empty() ? std::string() : options.command.front()),
        directory_(options.directory) {}

  std::uint64_t worker() const { return worker_; }
  std::int64_t pid() const { return pid_; }
  void signal(int number) {
    if (owner_ != nullptr) owner_->signal(worker_, number);
  }

  void watch(Descriptor out, Descriptor err);
  void reported(const NurseryProtocol::Report& report);
  void abandon();  // The listener wants to hear no more.
  void detach();   // The owner dies.
  void finish(Outcome outcome);

 private:
  struct Pipe {
    std::optional<StreamDescriptor> end;  // Empty: closed.
    std::size_t left = unlimited;         // Bytes to be read yet.
  };
  static constexpr std::size_t index(Stream stream) { return static_cast<std::size_t>(stream); }
  void read(Stream stream);
  void take(Stream stream);
  void drain(ProcessEnd end);
  void settle();
  void close();

  NurseryProcesses* owner_;  // Null: it is gone.
  const std::uint64_t worker_;
  ProcessListener* listener_;  // Null: abandoned, or it heard of the end.
  const std::string program_;
  const std::string directory_;
  std::int64_t pid_ = 0;
  std::array<Pipe, 2> pipes_;
  std::optional<ProcessEnd> end_;  // It has ended; what it wrote is being read.
};

void Child::watch(Descriptor out, Descriptor err) {
  const auto executor = owner_->loop_.io().get_executor();
  pipes_[index(Stream::out)].end.emplace(executor, out.release());
  pipes_[index(Stream::err)].end.emplace(executor, err.release());
  read(Stream::out);
  read(Stream::err);
}

void Child::read(Stream stream) {
  pipes_[index(stream)].end->async_wait(
      StreamDescriptor::wait_read, [self = boost::intrusive_ptr(this), stream](error_code failed) {
        if (self->owner_ == nullptr || failed) return;
        self->owner_->loop_.entered();
        self->take(stream);
      });
}

void Child::take(Stream stream) {
  Pipe& pipe = pipes_[index(stream)];
  if (!pipe.end) return;
  const boost::intrusive_ptr<Child> kept(this);
  char* const buffer = owner_->buffer_.get();
  const ssize_t got =
      ::read(pipe.end->native_handle(), buffer, std::min(pipe.left, output_bytes_max));
  if (got > 0) {
    if (pipe.left != unlimited) pipe.left -= static_cast<std::size_t>(got);
    if (listener_ != nullptr) listener_->output(stream, {buffer, static_cast<std::size_t>(got)});
    if (!pipe.end) return;  // Abandoned meanwhile.
  }
  const bool over = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  if (over || pipe.left == 0 || (end_ && got < 0)) {
    pipe.end.reset();
    settle();
  } else {
    read(stream);
  }
}

void Child::reported(const NurseryProtocol::Report& report) {
  switch (report.fact) {
    case Fact::started:
      pid_ = report.pid;
      return;
    case Fact::no_program:
    case Fact::no_directory:
      return finish(not_started(report, program_, directory_));
    case Fact::ended:
      return drain({.status = report.status, .signal = report.signal});
  }
}

// What it wrote is there by now; more may come from processes that it left, and is not waited for.
void Child::drain(ProcessEnd end) {
  pid_ = 0;
  end_ = end;
  for (Pipe& pipe : pipes_) {
    int there = 0;
    if (!pipe.end) continue;
    ::ioctl(pipe.end->native_handle(), FIONREAD, &there);
    pipe.left = static_cast<std::size_t>(std::max(there, 0));
    if (pipe.left == 0) pipe.end.reset();
  }
  settle();
}

void Child::settle() {
  const bool open = pipes_[0].end || pipes_[1].end;
  if (end_ && !open) finish(*end_);
}

void Child::abandon() {
  listener_ = nullptr;
  close();
  if (owner_ == nullptr) return;
  owner_->end(worker_);
  owner_->draining_.erase(this);
}

void Child::detach() {
  owner_ = nullptr;
  listener_ = nullptr;
  close();
}

void Child::finish(Outcome outcome) {
  const boost::intrusive_ptr<Child> kept(this);
  close();
  if (owner_ != nullptr) owner_->draining_.erase(this);
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->ended(std::move(outcome));
}

void Child::close() {
  pid_ = 0;
  for (Pipe& pipe : pipes_) pipe.end.reset();
}

namespace {

class ChildProcess final : public Process {
 public:
  explicit ChildProcess(boost::intrusive_ptr<Child> child) : child_(std::move(child)) {}
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() override { child_->abandon(); }
  std::int64_t pid() const override { return child_->pid(); }
  void signal(int number) override { child_->signal(number); }

 private:
  boost::intrusive_ptr<Child> child_;
};

}  // namespace

// Marks of processes: those of another emulator on this system must not be the same.
NurseryProcesses::NurseryProcesses(Loop& loop)
    : loop_(loop),
      first_worker_((std::uint64_t{std::random_device()()} << 24) + 1),
      last_worker_(first_worker_ - 1) {}

NurseryProcesses::~NurseryProcesses() {
  for (const auto& [worker, child] : children_) child->detach();
  for (const auto& [child, kept] : draining_) child->detach();
  if (link_) link_->close();
}

std::unique_ptr<Process> NurseryProcesses::start(ProcessOptions options,
                                                 ProcessListener& listener) {
  boost::intrusive_ptr child(new Child(*this, ++last_worker_, options, listener));
  auto process = std::make_unique<ChildProcess>(child);
  if (const auto begun = begin(*child, options); !begun) {
    loop_.post([child, reason = begun.error()] { child->finish(reason); });
  }
  return process;
}

Result<void> NurseryProcesses::begin(Child& child, const ProcessOptions& options) {
  PORTEIRO_TRY(const std::string text, start_text(options));
  if (!link_) {
    PORTEIRO_TRY(link_, NurseryLink::open(loop_, *this));
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(output_bytes_max);
  }
  PORTEIRO_TRY(Ends out, make_pipe());
  PORTEIRO_TRY(Ends err, make_pipe());
  child.watch(std::move(out.read), std::move(err.read));
  children_.emplace(child.worker(), &child);
  link_->send_start({.act = Act::start,
                     .worker = child.worker(),
                     .arguments = static_cast<std::uint32_t>(options.command.size()),
                     .variables = static_cast<std::uint32_t>(options.environment.size())},
                    text, std::move(out.write), std::move(err.write));
  return success();
}

void NurseryProcesses::signal(std::uint64_t worker, int number) {
  if (!children_.contains(worker)) return;
  link_->send({.act = Act::signal, .signal = number, .worker = worker});
}

void NurseryProcesses::end(std::uint64_t worker) {
  if (children_.erase(worker) == 0) return;
  link_->send({.act = Act::end, .worker = worker});
}

void NurseryProcesses::reported(const NurseryProtocol::Report& report) {
  const auto found = children_.find(report.worker);
  if (found == children_.end()) return;  // Nobody wants to know.
  const boost::intrusive_ptr<Child> child = found->second;
  if (report.fact != Fact::started) {
    children_.erase(found);
    draining_.emplace(child.get(), child);
  }
  child->reported(report);
}

void NurseryProcesses::lost() {
  link_.reset();  // A start from here on makes a new one.
  const auto children = std::exchange(children_, {});
  kill_owned(first_worker_, last_worker_);  // Nobody else does it now.
  for (const auto& [worker, child] : children) {
    child->finish(error(Errc::unavailable,
                        "the process was killed, since what supervises processes was lost"));
  }
}

}  // namespace porteiro::runtime
