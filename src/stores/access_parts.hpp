// What the parts of Access share.
#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/stores/access.hpp"

namespace porteiro::stores {

using access::Reason;
using access::Rule;
using Rules = std::vector<const Rule*>;

inline bool holds(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

inline bool reaches_field(const Rules& rules, std::string_view field) {
  return std::any_of(rules.begin(), rules.end(), [&](const Rule* rule) {
    return rule->fields.empty() || holds(rule->fields, field);
  });
}

// An entry for something that is about to be done.
struct Access::Line {
  const Entry& entry;
  Act act;
  std::string subject;
  std::vector<std::string> fields{};
};

// Owned, since the access outlives the call.
struct Access::Told {
  const Entry& entry;
  std::size_t collection;
  Act act;
  Id trace;
  std::string purpose, client;
  View view;
  std::string subject{};  // As the key says; empty: only the records do.

  Cause cause() const { return {trace, purpose, client, false}; }
};

template <class T>
void Access::deny(const Entry& entry, Act act, const Cause& cause, std::string_view subject,
                  Reason reason, Done<T> done) {
  access::Decision asked = decision(entry, act, cause);
  asked.subject = subject;
  scheduler_.post([done = std::move(done), why = guard_.deny(asked, reason)]() mutable {
    done(std::move(why));
  });
}

}  // namespace porteiro::stores
