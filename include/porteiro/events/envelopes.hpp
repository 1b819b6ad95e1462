// The envelope around an event: the gateway signs who asked, from where, what for, for which queue,
// when, and what; the private side verifies it before a function sees the event.
//
// The fast form is an HMAC under a key of the hour: each period of `rotate` has its own, which the
// key service derives from its HMAC key (GenerateMac) and both sides keep. So signing costs no call
// to the key service, a new period loses nothing that is under way, and a restart changes nothing.
// With a pair of keys instead, each event is signed by a call to the key service (Sign), and
// verified with the public key alone, off the loop.
// docs/envelopes.md describes the bytes. Belongs to the loop.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/events/event.hpp"
#include "porteiro/kms/kms.hpp"

namespace porteiro::events {

struct EnvelopeOptions {
  // Of the key service: HMAC_256, or to sign with, ECC_NIST_P256 or ECC_NIST_EDWARDS25519.
  std::string key;
  Duration rotate = std::chrono::hours(1);    // How long one period's key signs; at least 1 s.
  Duration age_max = std::chrono::hours(24);  // Older events are refused, however signed.
};

enum class Verdict : std::uint8_t {
  valid,
  unsigned_event,  // It has no signature.
  forged,          // The signature does not fit: made up, or something was changed afterwards.
  wrong_origin,    // Signed, but for another queue.
  expired,         // Older than age_max, or from the future.
  replayed         // Signed and fresh, but this message is a copy that the gateway did not send.
};
std::string_view to_string(Verdict verdict);  // "valid", "unsigned", "forged", "wrong-origin", …

class Envelopes {
 public:
  static constexpr Duration ahead_max = std::chrono::minutes(5);  // What a clock may be ahead.
  static constexpr std::size_t periods_max = 64;                  // Whose keys are kept.

  // Borrows all but the options.
  Envelopes(kms::Kms& kms, Environment& environment, access::Guard& guard,
            telemetry::Telemetry& telemetry, EnvelopeOptions options);
  ~Envelopes();  // Completions that did not come are dropped.

  // Derives the key of the present period; a key service that refuses for now is asked again, as
  // by Tokens::start. Errors: those of Kms::generate_mac; not_found (no such pair).
  void start(UniqueFunction<void(Result<void>)> done);

  // Sets `event.signature`. False: it takes a call to the key service, see sign_later().
  bool sign(Event& event);
  // Gives the signed event. A call that is refused for now is made three times. Errors: those of
  // Kms::generate_mac and Kms::sign.
  void sign_later(Event event, UniqueFunction<void(Result<Event>)> done);

  // What is to be thought of an event that a message of `queue` holds; `sent_here` is the
  // message's: only a gateway can set it. nullopt: it takes longer, see verify_later(); with an
  // HMAC key that is never so for a message that the gateway did not send.
  std::optional<Verdict> verify(const Event& event, std::string_view queue, bool sent_here);
  // The same. Errors: those of Kms::generate_mac.
  void verify_later(const Event& event, std::string_view queue, bool sent_here,
                    UniqueFunction<void(Result<Verdict>)> done);
  // Tells of a refused event: telemetry, log, audit, porteiro_events_refused_total{queue,reason}.
  void refused(Verdict why, const Event& event, std::string_view queue);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::events
