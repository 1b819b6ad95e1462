// The envelope around an event: the gateway signs who asked, from where, what for, for which queue,
// when, and what; the private side verifies it before a function sees the event. The fast form is
// an HMAC under a key of the day: each period of `rotate` has its own, which the key service
// derives from its HMAC key (GenerateMac) and both sides keep. So signing costs no call to the key
// service, a new period loses nothing that is under way, and a restart changes nothing.
// docs/envelopes.md describes the bytes. Belongs to the loop.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/access/access.hpp"
#include "porteiro/base/scheduler.hpp"
#include "porteiro/events/event.hpp"
#include "porteiro/kms/kms.hpp"

namespace porteiro::events {

struct EnvelopeOptions {
  std::string key;                            // Of the key service: HMAC_256.
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
  Envelopes(kms::Kms& kms, Scheduler& scheduler, access::Guard& guard,
            telemetry::Telemetry& telemetry, EnvelopeOptions options);
  ~Envelopes();  // Completions that did not come are dropped.

  // Derives the key of the present period; a key service that refuses for now is asked again, as
  // by Tokens::start. Errors: those of Kms::generate_mac.
  void start(UniqueFunction<void(Result<void>)> done);

  // Sets `event.signature`. False: the period's key has to be asked for first, with ready().
  bool sign(Event& event);
  // `done` runs once the key for an event of the time `at` is there: then sign() and verify() can
  // do their work. Three attempts. Errors: those of Kms::generate_mac.
  void ready(Time at, UniqueFunction<void(Result<void>)> done);

  // What is to be thought of an event that a message of `queue` holds; `sent_here` is the
  // message's: only a gateway can set it. nullopt: the key has to be asked for first, with
  // ready(event.time); that is never so for a message that the gateway did not send.
  std::optional<Verdict> verify(const Event& event, std::string_view queue, bool sent_here);
  // Tells of a refused event: telemetry, log, audit, porteiro_events_refused_total{queue,reason}.
  void refused(Verdict why, const Event& event, std::string_view queue);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porteiro::events
