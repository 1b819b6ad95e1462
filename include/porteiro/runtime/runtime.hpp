// base's interfaces over the real world: Asio's loop, Beast's HTTP, threads, files, system entropy.
// The only module with sockets, threads and real clocks. No Boost in this header.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "porteiro/base/activity.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"

namespace porteiro::runtime {

// TLS 1.2 and 1.3 of a server, from texts in PEM form.
struct TlsOptions {
  std::string certificate;  // The server's, then those between it and its authority.
  std::string key;          // Its private key, without a passphrase.
  std::string client_ca;    // Not empty: every client has to show a certificate that one of these
                            // authorities has signed; requests then name it.
  bool only_1_3 = false;
};

struct ServerOptions {
  std::size_t connections_max = 10'000;      // More are answered 503 and closed.
  std::size_t header_bytes_max = 16u << 10;  // 431.
  std::size_t body_bytes_max = 1u << 20;     // 413.
  // For a target of which this says yes, the other limit applies. May be null.
  bool (*may_be_large)(std::string_view target) = nullptr;
  std::size_t large_body_bytes_max = 0;
  std::size_t pipeline_max = 64;  // Unanswered requests of a connection; then it is not read.
  // Between requests, within one, and for the client's closing after the last. Duration::max():
  // nothing is timed.
  Duration idle_timeout = std::chrono::seconds(75);
  std::size_t buffer_bytes_kept = 64u << 10;  // Of each direction, by an idle connection.
  // The fields behind a chunked body count as headers. Only where no header is a promise of
  // something in front, since none of those saw them; otherwise they are dropped.
  bool trailers = false;
  // The server speaks TLS alone. What a client does wrong in it ends its connection.
  const TlsOptions* tls = nullptr;  // Null: plain. Read by listen() alone.
  Duration handshake_timeout = std::chrono::seconds(10);
};

// A listener with its connections. Its death closes them all.
class Server {
 public:
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;  // 0 for a unix-domain socket.
  // No more connections; idle ones close, busy ones after their answer; then `done`.
  virtual void stop(Task done) = 0;
  virtual std::size_t connections() const = 0;
};

class Runtime {
 public:
  static std::unique_ptr<Runtime> create(std::uint64_t seed);
  virtual ~Runtime() = default;

  virtual Scheduler& scheduler() = 0;
  virtual const Clock& stopwatch() = 0;  // Reads the system on every call: to measure with.
  virtual Offload& offload() = 0;
  virtual Entropy& entropy() = 0;
  virtual Random& random() = 0;
  virtual Files& files() = 0;
  virtual http::Client& client() = 0;
  // Children live below a nursery (nursery.hpp), which is started with the first of them. With this
  // runtime's death all of them are killed; it waits for that, two seconds at most.
  virtual Processes& processes() = 0;
  virtual http::PrivatePorts& private_ports() = 0;
  Environment environment() {
    return {.scheduler = scheduler(),
            .offload = offload(),
            .entropy = entropy(),
            .random = random(),
            .files = files(),
            .processes = &processes(),
            .private_ports = &private_ports()};
  }

  // Errors: conflict (the address is in use; the text names it), unavailable, invalid (an address
  // that is none; a part of the TLS options: `at` is "certificate", "key" or "client_ca").
  virtual Result<std::unique_ptr<Server>> listen(const std::string& address, std::uint16_t port,
                                                 ServerOptions options, http::Handler handler) = 0;
  virtual Result<std::unique_ptr<Server>> listen_unix(const std::string& path,
                                                      ServerOptions options,
                                                      http::Handler handler) = 0;

  // SIGINT and SIGTERM. The second signal ends the process at once with 130.
  virtual void on_interrupt(Task task) = 0;
  virtual void run() = 0;   // Until quit(); on the calling thread.
  virtual void quit() = 0;  // run() returns after the running task.
  // For who turns the loop between other work: runs what is ready now, or else waits for something,
  // at most so long. False: nothing ran. Not within run().
  virtual bool pump(Duration wait_max) = 0;
  virtual Activity activity(std::int64_t pid) = 0;  // Of a child of processes(), as it is now.
};

}  // namespace porteiro::runtime
