// Writes under a role: what may be written, and the entries that come before it.
#include <algorithm>
#include <set>
#include <span>

#include "stores/access_parts.hpp"

namespace porteiro::stores {

namespace {

std::string_view collection_of(const Write& write) {
  return std::visit([](const auto& each) -> std::string_view { return each.collection; }, write);
}

}  // namespace

std::string Access::subject_of(const Write& write) const {
  const std::size_t at = place(collection_of(write));
  if (const auto* append = std::get_if<write::Append>(&write)) {
    return subject_of_key(at, append->key);
  }
  if (const auto* erase = std::get_if<write::Erase>(&write)) return subject_of_key(at, erase->key);
  const Collection& described = store_.options().collections[at];
  const auto& document = std::get<write::Put>(write).document;
  const std::string& field = described.subject.empty() ? described.key : described.subject;
  const auto value = document.is_object() ? document.find(field) : document.end();
  if (value == document.end() || !value->is_string()) return {};
  if (field == described.key) return subject_of_key(at, value->get_ref<const std::string&>());
  auto known =
      store_.known_value(described.name, field, value->template get_ref<const std::string&>());
  return known ? std::move(known).value() : std::string();
}

// A put replaces the whole record: who does not reach all of its fields may only make new ones.
Reason Access::may_write(std::size_t collection, const Write& write, const Cause& cause,
                         const Rules& rules) const {
  const Collection& described = store_.options().collections[collection];
  if (const auto* append = std::get_if<write::Append>(&write)) {
    return reaches_field(rules, append->field) ? Reason::allowed : Reason::fields;
  }
  const auto* put = std::get_if<write::Put>(&write);
  if (put == nullptr || !put->document.is_object()) return Reason::allowed;
  const bool masks = cause.masked && guard_.layers().masking;
  const bool replaces = put->expect.kind != Expect::Kind::absent;
  for (const auto& [name, value] : put->document.items()) {
    if (name != described.key && !reaches_field(rules, name)) return Reason::fields;
  }
  for (const Field& field : described.fields) {
    if (field.name == described.key) continue;
    if (!replaces && !put->document.contains(field.name)) continue;
    if (!reaches_field(rules, field.name)) return Reason::fields;
    if (masks && is_protected(field) && field.name != described.subject) return Reason::masked;
  }
  return Reason::allowed;
}

Reason Access::check(const Write& write, const Cause& cause) {
  const std::size_t at = place(collection_of(write));
  if (at == SIZE_MAX) return Reason::allowed;  // The store refuses it, and the batch with it.
  const bool erases = std::holds_alternative<write::Erase>(write);
  const Entry& right = entry(at, erases ? Act::erase : Act::put);
  if (plain(right, cause)) return Reason::allowed;
  Rules rules;
  const Reason reason = select(right, cause.purpose, rules);
  return reason == Reason::allowed ? may_write(at, write, cause, rules) : reason;
}

// The entries come first: nothing is written that is not in the log.
void Access::batch(Batch batch, const Cause& cause, Done<Committed> done) {
  for (const Write& write : batch.writes) {
    const Reason reason = check(write, cause);
    if (reason == Reason::allowed) continue;
    const bool erases = std::holds_alternative<write::Erase>(write);
    const Act act = erases ? Act::erase : Act::put;
    const std::string subject = subject_of(write);
    return deny(entry(place(collection_of(write)), act), act, cause, subject, reason,
                std::move(done));
  }
  const auto unknown = [this](const Write& write) {
    return place(collection_of(write)) == SIZE_MAX;
  };
  const bool refused =
      batch.writes.empty() || std::any_of(batch.writes.begin(), batch.writes.end(), unknown);
  if (!audited_ || refused) return store_.batch(std::move(batch), cause.trace, std::move(done));
  auto held = std::make_shared<Batch>(std::move(batch));
  record_writes(*held, cause,
                [this, alive = Alive(alive_), held, trace = cause.trace,
                 done = std::move(done)](Result<void> written) mutable {
                  if (alive.expired()) return;
                  if (!written) return done(written.error());
                  store_.batch(std::move(*held), trace, std::move(done));
                });
}

void Access::record_writes(const Batch& batch, const Cause& cause, access::Recorder::Done done) {
  std::vector<Line> lines;
  for (const Write& write : batch.writes) {
    const std::size_t at = place(collection_of(write));
    const Collection& described = store_.options().collections[at];
    const auto* erase = std::get_if<write::Erase>(&write);
    const Act act = erase != nullptr ? Act::erase : Act::put;
    lines.push_back({entry(at, act), act, subject_of(write)});
    std::vector<std::string>& fields = lines.back().fields;
    if (const auto* put = std::get_if<write::Put>(&write); put && put->document.is_object()) {
      for (const auto& [name, value] : put->document.items()) fields.push_back(name);
      std::erase_if(fields, [&](const auto& name) { return described.field(name) == nullptr; });
    } else if (const auto* append = std::get_if<write::Append>(&write)) {
      if (described.field(append->field) != nullptr) fields.push_back(append->field);
    }
    if (erase != nullptr) add_cascades(at, erase->key, lines);
  }
  record_all(lines, cause, std::move(done));
}

// A line for each collection whose records go with one of this, whatever the way to it. They are
// of the person that the record's key names where they say so by the reference itself.
void Access::add_cascades(std::size_t collection, std::string_view key, std::vector<Line>& lines) {
  const auto& all = store_.options().collections;
  std::vector<std::size_t> going{collection};
  std::set<std::size_t> seen;
  for (std::size_t next = 0; next < going.size(); ++next) {
    const Collection& target = all[going[next]];
    for (std::size_t i = 0; i < all.size(); ++i) {
      bool goes = false, names_the_person = false;
      for (const Field& field : all[i].fields) {
        const bool by_this = field.cascade && field.reference == target.name;
        goes = goes || by_this;
        names_the_person = names_the_person || (by_this && field.name == all[i].subject);
      }
      if (!goes || !seen.insert(i).second) continue;
      going.push_back(i);
      lines.push_back({entry(i, Act::erase), Act::erase, {}});
      if (next > 0 || !names_the_person) continue;
      auto known = store_.known_key(target.name, key);
      if (known) lines.back().subject = std::move(known).value();
    }
  }
}

// They are appended in order, so that the last one's is the end of all.
void Access::record_all(const std::vector<Line>& lines, const Cause& cause,
                        access::Recorder::Done done) {
  const auto record = [&](const Line& line, access::Recorder::Done then) {
    access::Decision decided = decision(line.entry, line.act, cause);
    decided.subject = line.subject;
    decided.fields = line.fields;
    guard_.record(decided, std::move(then));
  };
  for (const Line& line : std::span(lines).first(lines.size() - 1)) {
    record(line, [](const auto&) {});
  }
  record(lines.back(), std::move(done));
}

}  // namespace porteiro::stores
