// What functions read from an event's data. Of a route's event that is {"path":{…},"query":{…}} and
// "body", or "sealed": the body under a data key, in base64.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "porteiro/lambda/function.hpp"

namespace porteiro::lambda {

// The member "path.cpf" or "query.from" as text: a string's value, or a number's or a boolean's
// JSON form. nullopt: absent, null, or neither of these. A sealed body has no members here.
std::optional<std::string> member(const events::Event& event, std::string_view path);

// The value of the route's first path parameter; nullopt: it has none.
std::optional<std::string> first_path_parameter(const events::Event& event);

// What an access to the stores is for. Views into the event.
stores::Cause cause_of(const events::Event& event);

// What a sealed body is bound to: who seals one gives the same.
kms::EncryptionContext sealing_context(const events::Event& event);

// The body as JSON text, unsealed where it is sealed: `done` runs at once when there is nothing to
// unseal. It lives on in the invocation only: do not keep it. Errors: invalid (there is none, at
// "body"), those of kms::Sealer::unseal.
using BodyDone = UniqueFunction<void(Result<std::string>)>;
void body(const events::Event& event, Services& services, BodyDone done);
inline void body(const std::shared_ptr<const Invocation>& invocation, Services& services,
                 BodyDone done) {
  body(invocation->event(), services, std::move(done));
}

}  // namespace porteiro::lambda
