#include "porteiro/events/envelopes.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/identity/digest.hpp"

namespace porteiro::events {
namespace {

constexpr char format_version = 1;
// The forms of a signature: HMAC-SHA256 and a pair's, over the first way to write events as bytes.
constexpr std::string_view form = "h1.", pair_form = "p1.";
constexpr std::size_t code_chars = 43;  // 32 bytes in base64url.
constexpr int attempts_max = 3;
constexpr int start_attempts_max = 10;
constexpr Duration retry_delay_min = std::chrono::milliseconds(50);
constexpr Duration retry_delay_max = std::chrono::seconds(2);

// Every text has its length in front: no two events have the same bytes.
void append_signed(std::string& out, const Event& event, std::int64_t period) {
  out.clear();
  out += format_version;
  append_u64(out, static_cast<std::uint64_t>(period));
  for (const Id id : {event.id, event.correlation, event.causation}) {
    append_u64(out, id.high);
    append_u64(out, id.low);
  }
  // As an event's JSON has it: in whole milliseconds.
  const auto at = std::chrono::floor<std::chrono::milliseconds>(event.time.time_since_epoch());
  append_u64(out, static_cast<std::uint64_t>(at.count()));
  append_sized(out, event.source);
  append_sized(out, event.type);
  append_sized(out, event.subject);
  append_sized(out, event.classification);
  append_sized(out, event.principal);
  append_sized(out, event.purpose);
  append_sized(out, event.audience);
  out += event.masked ? '\1' : '\0';
  const auto digest = kms::sha256(event.data);
  out.append(digest.data(), digest.size());
}

// "h1.PERIOD.CODE"; nullopt: it is no signature of ours.
struct Signature {
  std::int64_t period;
  std::string_view code;
};
std::optional<Signature> parse_signature(std::string_view text) {
  if (!text.starts_with(form)) return std::nullopt;
  text.remove_prefix(form.size());
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > 18) return std::nullopt;
  std::int64_t period = 0;
  for (const char c : text.substr(0, dot)) {
    if (c < '0' || c > '9') return std::nullopt;
    period = period * 10 + (c - '0');
  }
  const std::string_view code = text.substr(dot + 1);
  if (code.size() != code_chars) return std::nullopt;
  return Signature{period, code};
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, 6> names{"valid",        "unsigned", "forged",
                                                  "wrong-origin", "expired",  "replayed"};
  return names[static_cast<std::size_t>(verdict)];
}

struct Envelopes::State {
  using Done = UniqueFunction<void(Result<void>)>;
  struct Call {  // To the key service, under way.
    std::vector<Done> waiters;
    int attempts_left;
    Duration delay = retry_delay_min;
  };

  State(kms::Kms& kms_, Environment& environment_, access::Guard& guard_,
        telemetry::Telemetry& telem, EnvelopeOptions given)
      : kms(kms_),
        environment(environment_),
        scheduler(environment_.scheduler),
        guard(guard_),
        telemetry(telem),
        options(std::move(given)),
        pair(kms.public_key(options.key)) {
    if (pair != nullptr) lane = environment.offload.lane("envelopes");
    PORTEIRO_ASSERT(options.rotate >= std::chrono::seconds(1));
  }

  std::int64_t period_of(Time at) const {
    return std::max<std::int64_t>(at.time_since_epoch() / options.rotate, 0);
  }
  kms::Hmac* find(std::int64_t period) {
    const auto found = keys.find(period);
    return found == keys.end() ? nullptr : &found->second;
  }

  void ask(std::int64_t period, int attempts, Done done) {
    const auto [call, fresh] = calls.try_emplace(period, Call{{}, attempts});
    call->second.waiters.push_back(std::move(done));
    if (fresh) derive(period);
  }

  void derive(std::int64_t period) {
    kms.generate_mac(options.key, "porteiro envelope " + std::to_string(period), Id{},
                     [this, weak = std::weak_ptr<int>(alive), period](Result<std::string> mac) {
                       if (!weak.expired()) answered(period, std::move(mac));
                     });
  }

  void answered(std::int64_t period, Result<std::string> mac) {
    Call& call = calls.at(period);
    if (!mac && mac.error().code == Errc::unavailable && --call.attempts_left > 0) {
      const Duration delay = call.delay;
      call.delay = std::min(2 * delay, retry_delay_max);
      scheduler.after(delay, [this, weak = std::weak_ptr<int>(alive), period] {
        if (!weak.expired()) derive(period);
      });
      return;
    }
    if (mac) {
      keep(period, kms::Secret(mac.value()));
      kms::wipe(mac.value());
    }
    std::vector<Done> waiters = std::move(call.waiters);
    calls.erase(period);
    for (Done& done : waiters) {  // One of them may end this.
      if (mac) {
        done(success());
      } else {
        done(mac.error());
      }
    }
  }

  void keep(std::int64_t period, const kms::Secret& secret) {
    keys.try_emplace(period, secret);
    if (keys.size() <= periods_max) return;
    // The one that is furthest from now goes, on whichever side; not the one that is wanted.
    const std::int64_t now = period_of(scheduler.now());
    const auto first = keys.begin()->first == period ? std::next(keys.begin()) : keys.begin();
    const auto end = std::prev(keys.end());
    const auto last = end->first == period ? std::prev(end) : end;
    keys.erase(now - first->first >= last->first - now ? first : last);
  }

  std::array<char, 32> code(kms::Hmac& key, const Event& event, std::int64_t period) {
    append_signed(scratch, event, period);
    return key(scratch);
  }

  void ready(std::int64_t period, Done done) {
    if (find(period) != nullptr) return done(success());
    ask(period, attempts_max, std::move(done));
  }

  // Everything but the signature, which is good.
  Verdict judge(Time time, bool for_this_queue, bool sent_here) const {
    if (!for_this_queue) return Verdict::wrong_origin;
    const Duration age = scheduler.now() - time;
    if (age > options.age_max || -age > ahead_max) return Verdict::expired;
    return sent_here ? Verdict::valid : Verdict::replayed;
  }

  void sign_with_pair(Event event, int attempts_left, UniqueFunction<void(Result<Event>)> done) {
    std::string bytes;
    append_signed(bytes, event, 0);
    const Id trace = event.correlation;
    kms.sign(options.key, bytes, trace,
             [this, weak = std::weak_ptr<int>(alive), event = std::move(event), attempts_left,
              done = std::move(done)](Result<std::string> signature) mutable {
               if (weak.expired()) return;
               if (signature) {
                 event.signature = pair_form;
                 event.signature += to_base64url(signature.value());
                 return done(std::move(event));
               }
               if (signature.error().code != Errc::unavailable || attempts_left <= 1) {
                 return done(signature.error());
               }
               scheduler.after(retry_delay_min, [this, weak, event = std::move(event),
                                                 attempts_left, done = std::move(done)]() mutable {
                 if (!weak.expired())
                   sign_with_pair(std::move(event), attempts_left - 1, std::move(done));
               });
             });
  }

  void verify_with_pair(const Event& event, bool for_this_queue, bool sent_here,
                        UniqueFunction<void(Result<Verdict>)> done) {
    struct Work {
      std::string bytes, signature;
      bool good = false;
    };
    const auto work = std::make_shared<Work>();
    append_signed(work->bytes, event, 0);
    const auto signature = from_base64url(event.signature.substr(pair_form.size()));
    if (!signature) return done(Verdict::forged);
    work->signature = *signature;
    const auto algorithm = pair->spec() == kms::KeySpec::ecc_nist_edwards25519
                               ? kms::SigningAlgorithm::ed25519_sha_512
                               : kms::SigningAlgorithm::ecdsa_sha_256;
    environment.offload.run(
        lane,
        [work, key = pair, algorithm] {
          work->good = key->verify(algorithm, work->bytes, work->signature);
        },
        [this, weak = std::weak_ptr<int>(alive), work, time = event.time, for_this_queue, sent_here,
         done = std::move(done)]() mutable {
          if (weak.expired()) return;
          done(work->good ? judge(time, for_this_queue, sent_here) : Verdict::forged);
        });
  }

  kms::Kms& kms;
  Environment& environment;
  Scheduler& scheduler;
  access::Guard& guard;
  telemetry::Telemetry& telemetry;
  const EnvelopeOptions options;
  const kms::KeyPair::Shared pair;         // Null: the key is one for HMACs.
  Offload::Lane lane{};                    // Of the pair's verifications.
  std::map<std::int64_t, kms::Hmac> keys;  // By period.
  std::map<std::int64_t, Call> calls;
  std::string scratch;  // Reused.
  std::shared_ptr<int> alive = std::make_shared<int>();
};

Envelopes::Envelopes(kms::Kms& kms, Environment& environment, access::Guard& guard,
                     telemetry::Telemetry& telemetry, EnvelopeOptions options)
    : state_(std::make_unique<State>(kms, environment, guard, telemetry, std::move(options))) {
  telemetry.describe("porteiro_events_refused_total",
                     "Events whose envelope was refused, by queue and reason.");
}
Envelopes::~Envelopes() = default;

void Envelopes::start(UniqueFunction<void(Result<void>)> done) {
  if (state_->pair != nullptr) return done(success());
  state_->ask(state_->period_of(state_->scheduler.now()), start_attempts_max, std::move(done));
}

bool Envelopes::sign(Event& event) {
  const std::int64_t period = state_->period_of(event.time);
  kms::Hmac* const key = state_->find(period);
  if (key == nullptr) return false;
  const auto code = state_->code(*key, event, period);
  event.signature = form;
  event.signature.append(std::to_string(period)).append(".");
  event.signature.append(to_base64url({code.data(), code.size()}));
  return true;
}

void Envelopes::sign_later(Event event, UniqueFunction<void(Result<Event>)> done) {
  if (state_->pair != nullptr) {
    return state_->sign_with_pair(std::move(event), attempts_max, std::move(done));
  }
  const std::int64_t period = state_->period_of(event.time);
  state_->ready(
      period, [this, event = std::move(event), done = std::move(done)](Result<void> ready) mutable {
        if (!ready) return done(ready.error());
        if (sign(event)) return done(std::move(event));
        done(error(Errc::unavailable, "too many periods' keys were needed at a time"));
      });
}

std::optional<Verdict> Envelopes::verify(const Event& event, std::string_view queue,
                                         bool sent_here) {
  if (event.signature.empty()) return Verdict::unsigned_event;
  if (state_->pair != nullptr) {
    constexpr std::size_t chars_max = 128;  // Ed25519's has 86, one over P-256 at most 96.
    const std::string& text = event.signature;
    if (!text.starts_with(pair_form) || text.size() > chars_max) return Verdict::forged;
    return std::nullopt;
  }
  const auto signature = parse_signature(event.signature);
  const std::int64_t period = state_->period_of(event.time);
  if (!signature || signature->period != period) return Verdict::forged;
  kms::Hmac* const key = state_->find(period);
  if (key == nullptr) {
    // Who puts messages there by hand cannot make the key service work.
    if (sent_here) return std::nullopt;
    return Verdict::forged;
  }
  const auto code = state_->code(*key, event, period);
  if (!identity::same_secret(to_base64url({code.data(), code.size()}), signature->code))
    return Verdict::forged;
  return state_->judge(event.time, event.audience == queue, sent_here);
}

void Envelopes::verify_later(const Event& event, std::string_view queue, bool sent_here,
                             UniqueFunction<void(Result<Verdict>)> done) {
  if (state_->pair != nullptr) {
    return state_->verify_with_pair(event, event.audience == queue, sent_here, std::move(done));
  }
  const std::int64_t period = state_->period_of(event.time);
  state_->ready(period, [this, event, queue = std::string(queue), sent_here,
                         done = std::move(done)](Result<void> ready) mutable {
    if (!ready) return done(ready.error());
    if (const auto verdict = verify(event, queue, sent_here)) return done(*verdict);
    done(error(Errc::unavailable, "too many periods' keys were needed at a time"));
  });
}

void Envelopes::refused(Verdict why, const Event& event, std::string_view queue) {
  constexpr std::array<std::string_view, 6> reasons{
      "",
      "an event without a signature",
      "an event whose signature does not fit it: it was forged, or changed on its way",
      "an event that was signed for another queue",
      "an event that is too old, or from the future",
      "a copy of an event that the gateway had sent once"};
  std::string labels = "queue=\"" + std::string(queue) + "\",reason=\"";
  labels.append(to_string(why)).append("\"");
  ++state_->telemetry.counter("porteiro_events_refused_total", labels);
  std::string text = "the queue " + std::string(queue) + " held ";
  text.append(reasons[static_cast<std::size_t>(why)]).append("; it was deleted");
  state_->guard.denied({.principal = "anonymous",
                        .role = {},
                        .zone = access::Zone::private_zone,
                        .action = "event:deliver",
                        .resource = queue,
                        .reason = text,
                        .trace = event.correlation});
}

}  // namespace porteiro::events
