#include "runtime/tls.hpp"

#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <climits>

#include "porteiro/base/bytes.hpp"

namespace porteiro::runtime {
namespace {

// Forward secrecy and authenticated encryption alone; of TLS 1.3 all suites have both.
constexpr const char* suites_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";

constexpr std::size_t outgoing_bytes_kept = 64u << 10;

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};
using Bio = std::unique_ptr<BIO, Release<BIO_free>>;
using Certificate = std::unique_ptr<X509, Release<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;

// openssl.cnf is not read, and the table of digests stays empty when the key service comes first
// (see kms): those that certificates are signed with are put there by name.
void initialise() {
  static const bool done = [] {
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    return EVP_add_digest(EVP_sha256()) == 1 && EVP_add_digest(EVP_sha384()) == 1 &&
           EVP_add_digest(EVP_sha512()) == 1;
  }();
  PORTEIRO_ASSERT(done);
}

Bio bio_of(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PORTEIRO_ASSERT(bio != nullptr);
  return bio;
}

Error bad(const char* part, const char* problem) {
  ERR_clear_error();
  return error(Errc::invalid, problem, part);
}

// A key under a passphrase would make the process wait for somebody at a terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<void> use_certificate(SSL_CTX* context, std::string_view pem) {
  const Bio bio = bio_of(pem);
  const Certificate own(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return bad("certificate", "is no certificate in PEM form; give the server's certificate");
  }
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
    PORTEIRO_ASSERT(SSL_CTX_add0_chain_cert(context, next.release()) == 1);
  }
  ERR_clear_error();  // The last read found the end.
  return ok();
}

Result<void> use_key(SSL_CTX* context, std::string_view pem) {
  const Bio bio = bio_of(pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) {
    return bad("key", "is no private key in PEM form, or has a passphrase; give one without");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return bad("key", "is not the key of the certificate; give the one it was made with");
  }
  return ok();
}

Result<void> use_authority(SSL_CTX* context, std::string_view pem) {
  if (pem.empty()) return ok();
  const Bio bio = bio_of(pem);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
    if (X509_STORE_add_cert(store, next.get()) != 1 ||
        SSL_CTX_add_client_CA(context, next.get()) != 1) {
      return bad("client_ca", "holds a certificate that cannot be an authority");
    }
    ++count;
  }
  ERR_clear_error();
  if (count == 0) {
    return bad("client_ca",
               "holds no certificate in PEM form; give that of the clients' authority");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, 4);
  return ok();
}

// RFC 7301. A client that names protocols, but not ours, would misread what we say.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  const int match =
      SSL_select_next_proto(&found, chosen_size, ours.data(), ours.size(), offered, offered_size);
  *chosen = found;
  return match == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string subject_of(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PORTEIRO_ASSERT(bio != nullptr);
  // As RFC 2253 and its follower RFC 4514 write it, but UTF-8 stays as it is.
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string fingerprint_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  PORTEIRO_ASSERT(X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1);
  return to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::create(const TlsOptions& options) {
  initialise();
  std::unique_ptr<TlsContext> context(new TlsContext(SSL_CTX_new(TLS_server_method())));
  SSL_CTX* const native = context->native();
  PORTEIRO_ASSERT(native != nullptr);
  SSL_CTX_set_min_proto_version(native, options.only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  PORTEIRO_ASSERT(SSL_CTX_set_cipher_list(native, suites_1_2) == 1);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  PORTEIRO_TRY(use_certificate(native, options.certificate));
  PORTEIRO_TRY(use_key(native, options.key));
  PORTEIRO_TRY(use_authority(native, options.client_ca));
  return context;
}

TlsSession::TlsSession(const TlsContext& context)
    : session_(SSL_new(context.native())), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  PORTEIRO_ASSERT(session_ != nullptr && in_ != nullptr && out_ != nullptr);
  SSL_set_bio(session_.get(), in_, out_);
  SSL_set_accept_state(session_.get());
}

void TlsSession::feed(std::string_view bytes) {
  PORTEIRO_ASSERT(bytes.size() <= INT_MAX);
  const int size = static_cast<int>(bytes.size());
  PORTEIRO_ASSERT(BIO_write(in_, bytes.data(), size) == size);
  hungry_ = false;
}

bool TlsSession::fed() const {
  return !hungry_ && (SSL_pending(session_.get()) > 0 || BIO_ctrl_pending(in_) > 0);
}

TlsSession::State TlsSession::state_after(int result) {
  const int reason = SSL_get_error(session_.get(), result);
  ERR_clear_error();
  switch (reason) {
    case SSL_ERROR_NONE:
      return State::open;
    case SSL_ERROR_WANT_READ:
      hungry_ = true;
      return State::hungry;
    case SSL_ERROR_ZERO_RETURN:
      return State::ended;
    default:
      return State::failed;
  }
}

TlsSession::State TlsSession::handshake() {
  ERR_clear_error();
  const State state = state_after(SSL_do_handshake(session_.get()));
  if (state != State::open) return state;
  established_ = true;
  const Certificate shown(SSL_get1_peer_certificate(session_.get()));
  if (shown != nullptr && SSL_get_verify_result(session_.get()) == X509_V_OK) {
    certificate_ = {subject_of(shown.get()), fingerprint_of(shown.get())};
  }
  return state;
}

TlsSession::State TlsSession::read(char* into, std::size_t room, std::size_t& size) {
  ERR_clear_error();
  const int result = SSL_read_ex(session_.get(), into, room, &size);
  if (result != 1) size = 0;
  return state_after(result);
}

bool TlsSession::write(std::string_view plain) {
  ERR_clear_error();
  std::size_t written = 0;  // The memory takes all of it.
  if (SSL_write_ex(session_.get(), plain.data(), plain.size(), &written) == 1) return true;
  ERR_clear_error();
  return false;
}

void TlsSession::end() {
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

std::string_view TlsSession::outgoing() const {
  const char* bytes = nullptr;
  const long size = BIO_get_mem_data(out_, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

void TlsSession::sent(std::size_t bytes) {
  std::array<char, 4096> passed;
  while (bytes > 0) {
    const int size = static_cast<int>(std::min(bytes, passed.size()));
    PORTEIRO_ASSERT(BIO_read(out_, passed.data(), size) == size);
    bytes -= static_cast<std::size_t>(size);
  }
  BUF_MEM* memory = nullptr;
  BIO_get_mem_ptr(out_, &memory);
  if (memory->length > 0 || memory->max <= outgoing_bytes_kept) return;
  out_ = BIO_new(BIO_s_mem());  // Memory of this kind never shrinks.
  PORTEIRO_ASSERT(out_ != nullptr);
  SSL_set0_wbio(session_.get(), out_);
}

}  // namespace porteiro::runtime
