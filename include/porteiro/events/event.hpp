// The CloudEvents 1.0 envelope that every request becomes. The JSON form is the structured content
// mode; `data` is kept as raw JSON text and passed on without being parsed.
#pragma once
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
  Id correlation;       // The W3C trace id; the extension `correlationid`, and in `traceparent`.
  Id causation;         // The event that led to this one; zero: none.
  std::string classification;  // The extension `dataclassification`: "restricted" when data is sealed.
  std::string data;            // Raw JSON. Of a route: {"path":{…},"query":{…},"body":…,"sealed":"…"}.
};

std::string to_json(const Event& event);
Result<Event> parse_event(std::string_view json);  // Errors: invalid, naming the member.

}  // namespace porteiro::events
