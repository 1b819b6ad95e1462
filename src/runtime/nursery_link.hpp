// The emulator's end of a nursery: starts it, sends commands, hands out its reports.
#pragma once
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <deque>
#include <string>

#include "porteiro/base/result.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/loop.hpp"
#include "runtime/nursery_protocol.hpp"

namespace porteiro::runtime {

using StreamDescriptor = asio::posix::basic_stream_descriptor<Executor>;

class NurseryLink final : public Counted<NurseryLink> {
 public:
  using Command = NurseryProtocol::Command;
  using Report = NurseryProtocol::Report;

  class Owner {  // Is called from the loop, until the link is closed.
   public:
    virtual void reported(const Report& report) = 0;
    virtual void lost() = 0;  // The nursery is dead, and the link closed.

   protected:
    ~Owner() = default;
  };

  // Errors: unavailable.
  static Result<boost::intrusive_ptr<NurseryLink>> open(Loop& loop, Owner& owner);
  NurseryLink(Loop& loop, Owner& owner, int socket, pid_t pid);

  void send(const Command& command);
  // Of a start: what it carries is sent in as many packets as it takes.
  void send_start(const Command& command, std::string_view text, Descriptor out, Descriptor err);
  void close();  // The nursery ends all below it, and then itself; waits for that, within limits.

 private:
  struct Packet {
    std::string bytes;
    Descriptor out{};
    Descriptor err{};
  };

  void queue(const Command& command, std::string_view text, Descriptor out, Descriptor err);
  void flush();
  bool send_front();  // False: not now.
  void read();
  void take_reports();
  void lost();

  Loop& loop_;
  Owner* owner_;  // Null: closed.
  StreamDescriptor socket_;
  pid_t pid_;
  std::deque<Packet> packets_;
  bool waiting_ = false;  // To send on.
};

}  // namespace porteiro::runtime
