// The Lambda Runtime API (2018-06-01) as one worker sees it: a state machine over HTTP requests.
// Whose worker it is, it knows from the port the request came to. Statuses, error types and texts
// are those of AWS's own runtime interface emulator. Belongs to the loop.
//
//   starting ──next──▶ waiting ──give──▶ running ──response | error──▶ answered ──next──▶ waiting
//   starting ──init/error──▶ failed
//
// A worker is given an invocation before it asks for it, too: then its next `next` is not held.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/base/id.hpp"

namespace porteiro::lambda {

inline constexpr std::size_t response_bytes_max = 6'291'556;  // AWS Lambda: 6 MB and 100 bytes.
// Of a streamed response, which is collected here. Ours: AWS Lambda takes 200 MB.
inline constexpr std::size_t stream_bytes_max = 20u << 20;

class RuntimeApi {
 public:
  // What a worker says. Any of these may end its life and this object's.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void ready() = 0;  // Its first `next`.
    // Of the invocation it was given; the views are valid during the call.
    virtual void responded(std::string_view content_type, std::string_view body) = 0;
    virtual void failed(std::string_view type, std::string_view object) = 0;
    virtual void too_large(std::size_t bytes) = 0;  // Its response was; it heard so.
    virtual void init_failed(std::string_view type, std::string_view object) = 0;
    virtual void refused(std::string_view why) = 0;  // For the log: it asked what makes no sense.
  };

  explicit RuntimeApi(Listener& listener) : listener_(listener) {}

  static bool takes(const http::Request& request);
  void handle(const http::Request& request, http::Responder respond);

  struct Invocation {
    std::string id;                     // A UUID.
    std::vector<http::Header> headers;  // The Lambda-Runtime-… ones, the id's among them.
    std::string payload;
  };
  void give(Invocation invocation);                             // None may be with the worker.
  bool handed_out() const { return state_ == State::running; }  // The worker has what it was given.
  bool running() const { return handed_out() || given_.has_value(); }

 private:
  enum class State : std::uint8_t { starting, waiting, running, answered, failed };
  std::string_view state_name() const;
  void next(const http::Request& request, http::Responder respond);
  void hand_out();
  void response(const http::Request& request, http::Responder respond);
  void invocation_error(const http::Request& request, http::Responder respond);
  void init_error(const http::Request& request, http::Responder respond);
  bool is_current(std::string_view id, http::Responder& respond);
  bool in_order(std::string_view wanted, http::Responder& respond);
  void refuse(http::Responder& respond, int status, std::string_view type, std::string message);

  Listener& listener_;
  State state_ = State::starting;
  std::string id_;                   // Of the invocation that runs, or was answered last.
  std::optional<Invocation> given_;  // Not yet handed out.
  http::Responder held_;             // A `next` that waits.
  std::optional<std::weak_ptr<const void>> held_client_;
};

}  // namespace porteiro::lambda
