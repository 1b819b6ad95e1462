// The CloudEvents 1.0 envelope that every request becomes. The JSON form is the structured content
// mode; `data` is kept as raw JSON text and passed on without being parsed.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "porteiro/base/id.hpp"
#include "porteiro/base/result.hpp"
#include "porteiro/base/time.hpp"

namespace porteiro::events {

struct Event {
  Id id;
  std::string source;   // "/porteiro/gateway" + route path.
  std::string type;     // "person.registered".
  std::string subject;  // A token, never a restricted value; may be empty.
  Time time;
  Id correlation;  // The W3C trace id; the extension `correlationid`, and in `traceparent`.
  Id causation;    // The event that led to this one; zero: none.
  // The extension `dataclassification`: "restricted" when data is sealed.
  std::string classification;
  // Who asked, as the gateway knows it: the name of one of its clients, the extension `principal`.
  std::string principal;
  std::string purpose;   // What the access is for, as the route declares it; `purpose`.
  std::string audience;  // The queue it was made for; the extension `audience`.
  bool masked = false;   // The client may not see protected values whole; `masked`: true.
  // Of all the above and of data, as events::Envelopes makes it; the extension `signature`.
  std::string signature;
  // Raw JSON. Of a route: {"path":{…},"query":{…},"body":…,"sealed":"…","headers":{…}}.
  std::string data;
};

// Members that are empty (zero) are left out. `data` goes in as it is: it has to be JSON. The span
// id of `traceparent` is the first half of the event's id. Not longer than the members by more than
// `envelope_bytes_max`, escapes aside.
std::string to_json(const Event& event);
inline constexpr std::size_t envelope_bytes_max = 768;

// Accepts what other producers write, too: `time`, `subject`, `data` and the extensions may be
// missing or null, unknown members are ignored, a missing `correlationid` is taken from
// `traceparent`. A member that comes twice, or whose name is written with escapes, is refused. Text
// that is not UTF-8 passes: who takes bytes from outside checks that. Errors: invalid, naming the
// member in `at`, never its value.
Result<Event> parse_event(std::string_view json);

}  // namespace porteiro::events
