// TLS of a server's connections over memory: whoever has the socket carries the bytes. Sessions are
// not resumed: a certificate is looked at anew for each connection.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string_view>

#include "porteiro/base/http.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/runtime/runtime.hpp"

namespace porteiro::runtime {

class TlsContext {
 public:
  // Errors: invalid, with `at` as TlsOptions names the part; no text holds anything of the key.
  static Result<std::unique_ptr<TlsContext>> create(const TlsOptions& options);
  SSL_CTX* native() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, Free> context_;
};

// One connection's. Its members are called by one thread at a time.
class TlsSession {
 public:
  enum class State : std::uint8_t {
    open,    // Something was done; there may be more to do.
    hungry,  // It has to be fed first.
    ended,   // The client sends no more.
    failed,  // Not TLS, not by our rules, or broken; what is outgoing tells the client.
  };

  explicit TlsSession(const TlsContext& context);

  void feed(std::string_view bytes);  // From the socket.
  // Goes on with the handshake; `open` when it is done. Asymmetric cryptography: off the loop.
  State handshake();
  bool established() const { return established_; }
  const http::PeerCertificate* certificate() const {
    return certificate_ ? &*certificate_ : nullptr;
  }

  // Decrypts into the room that is there; `size` is 0 unless `open`.
  State read(char* into, std::size_t room, std::size_t& size);
  bool fed() const;                    // Something was fed that may be read.
  bool write(std::string_view plain);  // Encrypts all of it. False: failed.
  void end();                          // Tells the client that no more comes.

  std::string_view outgoing() const;  // What the socket has to send.
  void sent(std::size_t bytes);       // Of these.

 private:
  struct Free {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  State state_after(int result);

  std::unique_ptr<SSL, Free> session_;
  BIO* in_;  // Both belong to the session.
  BIO* out_;
  bool established_ = false;
  bool hungry_ = true;
  std::optional<http::PeerCertificate> certificate_;
};

}  // namespace porteiro::runtime
