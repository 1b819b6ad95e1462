#include "porteiro/events/envelopes.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "porteiro/base/bytes.hpp"

namespace porteiro::events {
namespace {

constexpr char format_version = 1;
constexpr std::string_view form = "h1.";  // HMAC-SHA256, the first way to write events as bytes.
constexpr std::size_t code_chars = 43;    // 32 bytes in base64url.
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
  append_u64(out, static_cast<std::uint64_t>(event.time.time_since_epoch().count()));
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

bool same(std::string_view a, std::string_view b) {  // In constant time.
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
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

  State(kms::Kms& kms_, Scheduler& scheduler_, access::Guard& guard_, telemetry::Telemetry& telem,
        EnvelopeOptions given)
      : kms(kms_),
        scheduler(scheduler_),
        guard(guard_),
        telemetry(telem),
        options(std::move(given)) {
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
    // The one that is furthest from now goes, on whichever side.
    const std::int64_t now = period_of(scheduler.now());
    const std::int64_t before = now - keys.begin()->first, after = keys.rbegin()->first - now;
    keys.erase(before >= after ? keys.begin() : std::prev(keys.end()));
  }

  std::array<char, 32> code(kms::Hmac& key, const Event& event, std::int64_t period) {
    append_signed(scratch, event, period);
    return key(scratch);
  }

  kms::Kms& kms;
  Scheduler& scheduler;
  access::Guard& guard;
  telemetry::Telemetry& telemetry;
  const EnvelopeOptions options;
  std::map<std::int64_t, kms::Hmac> keys;  // By period.
  std::map<std::int64_t, Call> calls;
  std::string scratch;  // Reused.
  std::shared_ptr<int> alive = std::make_shared<int>();
};

Envelopes::Envelopes(kms::Kms& kms, Scheduler& scheduler, access::Guard& guard,
                     telemetry::Telemetry& telemetry, EnvelopeOptions options)
    : state_(std::make_unique<State>(kms, scheduler, guard, telemetry, std::move(options))) {
  telemetry.describe("porteiro_events_refused_total",
                     "Events whose envelope was refused, by queue and reason.");
}
Envelopes::~Envelopes() = default;

void Envelopes::start(UniqueFunction<void(Result<void>)> done) {
  state_->ask(state_->period_of(state_->scheduler.now()), start_attempts_max, std::move(done));
}

void Envelopes::ready(Time at, UniqueFunction<void(Result<void>)> done) {
  const std::int64_t period = state_->period_of(at);
  if (state_->find(period) != nullptr) return done(success());
  state_->ask(period, attempts_max, std::move(done));
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

std::optional<Verdict> Envelopes::verify(const Event& event, std::string_view queue,
                                         bool sent_here) {
  if (event.signature.empty()) return Verdict::unsigned_event;
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
  if (!same(to_base64url({code.data(), code.size()}), signature->code)) return Verdict::forged;
  if (event.audience != queue) return Verdict::wrong_origin;
  const Duration age = state_->scheduler.now() - event.time;
  if (age > state_->options.age_max || -age > ahead_max) return Verdict::expired;
  return sent_here ? Verdict::valid : Verdict::replayed;
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
