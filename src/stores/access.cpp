// What a principal may do with a store, and what of it is told; writes are in access_writes.cpp.
#include <algorithm>
#include <set>
#include <unordered_set>

#include "porteiro/base/json_scan.hpp"
#include "porteiro/stores/mask.hpp"
#include "stores/access_parts.hpp"

namespace porteiro::stores {

namespace {

constexpr std::array<std::string_view, 5> act_names{
    access::action::store_get, access::action::store_query, access::action::store_put,
    access::action::store_erase, access::action::store_changes};

bool reaches_all_fields(const Rules& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const Rule* rule) { return rule->fields.empty(); });
}

}  // namespace

Access::Access(Store& store, const Asker& asker, access::Guard& guard, Scheduler& scheduler)
    : store_(store),
      asker_(asker),
      guard_(guard),
      scheduler_(scheduler),
      audited_(store.options().audit && guard.layers().audit),
      entries_(store.options().collections.size()) {}

std::size_t Access::place(std::string_view collection) const {
  const auto& all = store_.options().collections;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == collection) return i;
  }
  return SIZE_MAX;
}

Access::Entry& Access::entry(std::size_t collection, Act act) {
  std::optional<Entry>& made = entries_[collection][static_cast<std::size_t>(act)];
  if (made) return *made;
  const StoreOptions& options = store_.options();
  made.emplace();
  made->resource = options.name + "/" + options.collections[collection].name;
  made->right = guard_.right(asker_.role, act_names[static_cast<std::size_t>(act)], made->resource);
  const bool reached = !guard_.layers().roles || access::reaches(asker_.zone, options.zone);
  if (made->right.reason == Reason::allowed && !reached) made->right = {Reason::zone, {}};
  made->always = made->right.reason == Reason::allowed && made->right.always();
  return *made;
}

// Nothing is to be looked at, told or changed.
bool Access::plain(const Entry& entry, const Cause& cause) const {
  return entry.always && !audited_ && !cause.masked;
}

// The rules that hold for this purpose.
Reason Access::select(const Entry& entry, std::string_view purpose, Rules& rules) const {
  if (entry.right.reason != Reason::allowed) return entry.right.reason;
  const bool checked = guard_.layers().roles;
  if (checked && store_.options().audit && purpose.empty()) return Reason::purpose;
  for (const Rule* rule : entry.right.rules) {
    if (rule->purposes.empty() || holds(rule->purposes, purpose)) rules.push_back(rule);
  }
  return rules.empty() ? Reason::purpose : Reason::allowed;
}

Access::View Access::view(std::size_t collection, const Rules& rules, bool masked) const {
  masked = masked && guard_.layers().masking;
  const bool all = reaches_all_fields(rules);
  if (all && !masked) return {};
  View view;
  for (const Field& field : store_.options().collections[collection].fields) {
    Shown shown = Shown::whole;
    if (is_protected(field)) {
      if (masked) shown = field.mask.empty() ? Shown::left_out : Shown::masked;
      if (!all && !reaches_field(rules, field.name)) shown = Shown::left_out;
    }
    view.push_back(shown);
  }
  return view;
}

access::Decision Access::decision(const Entry& entry, Act act, const Cause& cause) const {
  return {.allowed = true,
          .principal = asker_.name,
          .role = asker_.role,
          .zone = asker_.zone,
          .action = act_names[static_cast<std::size_t>(act)],
          .resource = entry.resource,
          .purpose = cause.purpose,
          .client = cause.client,
          .trace = cause.trace};
}

std::shared_ptr<Access::Told> Access::tell(std::size_t collection, Act act, const Cause& cause,
                                           View view) {
  return std::make_shared<Told>(Told{entry(collection, act), collection, act, cause.trace,
                                     std::string(cause.purpose), std::string(cause.client),
                                     std::move(view)});
}

std::vector<std::string> Access::fields_of(const Told& told) const {
  const auto& fields = store_.options().collections[told.collection].fields;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Shown shown = told.view.empty() ? Shown::whole : told.view[i];
    if (shown == Shown::whole) names.push_back(fields[i].name);
    if (shown == Shown::masked) names.push_back(fields[i].name + ":masked");
  }
  return names;
}

void Access::record(const Told& told, std::string_view subject, std::string_view refused,
                    access::Recorder::Done done) {
  const std::vector<std::string> fields = fields_of(told);
  access::Decision decided = decision(told.entry, told.act, told.cause());
  decided.subject = subject;
  decided.fields = fields;
  decided.refused = !refused.empty();
  decided.reason = refused;
  guard_.record(decided, std::move(done));
}

// The subject's token, where the key says it.
std::string Access::subject_of_key(std::size_t collection, std::string_view key) const {
  const Collection& described = store_.options().collections[collection];
  const Field& field = described.key_field();
  const bool names_subject = described.subject.empty()
                                 ? field.type == Type::token || !field.token.empty()
                                 : described.subject == described.key;
  if (!names_subject) return {};
  auto known = store_.known_key(described.name, key);
  return known ? std::move(known).value() : std::string();
}

void Access::show(const Told& told, Record& record) const {
  if (told.view.empty() || record.document.empty()) return;
  const auto& fields = store_.options().collections[told.collection].fields;
  std::string shown = "{";
  scan_object(record.document, [&](std::string_view name, std::string_view value) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& each) { return each.name == name; });
    if (field == fields.end()) return true;
    const Shown how = told.view[static_cast<std::size_t>(field - fields.begin())];
    if (how == Shown::left_out) return true;
    if (shown.size() > 1) shown += ',';
    append_json_string(shown, name);
    shown += ':';
    shown += how == Shown::masked ? masked(field->mask, value) : std::string(value);
    return true;
  });
  shown += '}';
  record.document = std::move(shown);
}

void Access::get(std::string_view collection, std::string_view key, const Cause& cause,
                 Done<std::optional<Record>> done) {
  const std::size_t at = place(collection);
  if (at == SIZE_MAX) return store_.get(collection, key, cause.trace, std::move(done));
  const Entry& right = entry(at, Act::get);
  if (plain(right, cause)) return store_.get(collection, key, cause.trace, std::move(done));
  Rules rules;
  if (const Reason reason = select(right, cause.purpose, rules); reason != Reason::allowed) {
    return deny(right, Act::get, cause, subject_of_key(at, key), reason, std::move(done));
  }
  auto told = tell(at, Act::get, cause, view(at, rules, cause.masked));
  if (audited_) told->subject = subject_of_key(at, key);
  store_.get(collection, key, cause.trace,
             [this, alive = Alive(alive_), told = std::move(told),
              done = std::move(done)](Result<std::optional<Record>> found) mutable {
               if (!alive.expired()) give(told, std::move(found), std::move(done));
             });
}

// Nothing leaves before its entry is written.
void Access::give(const std::shared_ptr<Told>& told, Result<std::optional<Record>> found,
                  Done<std::optional<Record>> done) {
  if (found && found.value()) show(*told, *found.value());
  if (!audited_) return done(std::move(found));
  if (!found) {
    record(*told, told->subject, to_string(found.error().code), [](const Result<void>&) {});
    return done(std::move(found));
  }
  std::string subject = std::move(told->subject);
  if (found.value() && !found.value()->subject.empty()) subject = found.value()->subject;
  record(*told, subject, {},
         [found = std::move(found), done = std::move(done)](Result<void> written) mutable {
           if (!written) return done(written.error());
           done(std::move(found));
         });
}

void Access::query(std::string_view collection, Query query, const Cause& cause, Done<Page> done) {
  const std::size_t at = place(collection);
  if (at == SIZE_MAX) {
    return store_.query(collection, std::move(query), cause.trace, std::move(done));
  }
  const Entry& right = entry(at, Act::query);
  if (plain(right, cause)) {
    return store_.query(collection, std::move(query), cause.trace, std::move(done));
  }
  Rules rules;
  Reason reason = select(right, cause.purpose, rules);
  if (reason == Reason::allowed) reason = may_ask(at, query, cause, rules);
  if (reason != Reason::allowed) {
    return deny(right, Act::query, cause, {}, reason, std::move(done));
  }
  store_.query(collection, std::move(query), cause.trace,
               [this, alive = Alive(alive_),
                told = tell(at, Act::query, cause, view(at, rules, cause.masked)),
                done = std::move(done)](Result<Page> page) mutable {
                 if (!alive.expired()) give(told, std::move(page), std::move(done));
               });
}

// One entry for each subject whose records are given.
void Access::give(const std::shared_ptr<Told>& told, Result<Page> page, Done<Page> done) {
  if (!page) {
    if (audited_) {
      record(*told, {}, to_string(page.error().code), [](const Result<void>&) {});
    }
    return done(std::move(page));
  }
  std::vector<std::string> subjects;
  if (audited_) {
    std::unordered_set<std::string_view> seen;
    for (const Record& each : page.value().records) {
      const std::string_view subject =
          each.subject.empty() ? std::string_view(each.key) : std::string_view(each.subject);
      if (seen.insert(subject).second) subjects.emplace_back(subject);
    }
    if (subjects.empty()) subjects.emplace_back();
  }
  for (Record& each : page.value().records) show(*told, each);
  if (!audited_) return done(std::move(page));
  for (std::size_t i = 0; i + 1 < subjects.size(); ++i) {
    record(*told, subjects[i], {}, [](const Result<void>&) {});
  }
  record(*told, subjects.back(), {},
         [page = std::move(page), done = std::move(done)](Result<void> written) mutable {
           if (!written) return done(written.error());
           done(std::move(page));
         });
}

// What it may not see it may not guess either; but whoever has a key may ask for its record.
Reason Access::may_ask(std::size_t collection, const Query& query, const Cause& cause,
                       const Rules& rules) const {
  const Collection& described = store_.options().collections[collection];
  for (const Filter& filter : query.filters) {
    const Field* field = described.field(filter.field);
    if (field == nullptr || !is_protected(*field) || field->name == described.key) continue;
    if (!reaches_field(rules, field->name)) return Reason::fields;
    if (cause.masked && guard_.layers().masking) return Reason::masked;
  }
  return Reason::allowed;
}

void Access::find(std::string_view collection, std::string_view key, const Cause& cause,
                  Done<std::optional<Record>> done) {
  const std::size_t at = place(collection);
  if (at == SIZE_MAX) return store_.get(collection, key, cause.trace, std::move(done));
  const Entry& right = entry(at, Act::put);
  Rules rules;
  if (const Reason reason = select(right, cause.purpose, rules); reason != Reason::allowed) {
    return deny(right, Act::put, cause, subject_of_key(at, key), reason, std::move(done));
  }
  View key_only;
  const Collection& described = store_.options().collections[at];
  for (const Field& field : described.fields) {
    key_only.push_back(field.name == described.key ? Shown::whole : Shown::left_out);
  }
  auto told = tell(at, Act::put, cause, std::move(key_only));
  if (audited_) told->subject = subject_of_key(at, key);
  store_.get(collection, key, cause.trace,
             [this, alive = Alive(alive_), told = std::move(told),
              done = std::move(done)](Result<std::optional<Record>> found) mutable {
               if (alive.expired()) return;
               if (found && found.value()) found.value()->document.clear();
               give(told, std::move(found), std::move(done));
             });
}

bool Access::may_follow(std::string_view collection, std::string_view purpose) {
  const std::size_t at = place(collection);
  if (at == SIZE_MAX) return false;
  Rules rules;
  return select(entry(at, Act::changes), purpose, rules) == Reason::allowed;
}

Result<void> Access::follow(const Cause& cause) {
  Entry any;
  any.resource = store_.options().name + "/*";
  any.right.reason = Reason::no_role;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Rules rules;
    const Reason reason = select(entry(i, Act::changes), cause.purpose, rules);
    any.right.reason = reason;
    if (reason == Reason::allowed) break;
  }
  if (any.right.reason == Reason::allowed) return ok();
  return guard_.deny(decision(any, Act::changes, cause), any.right.reason);
}

void Access::show(const std::vector<Change>& changes, const Cause& cause,
                  access::Recorder::Done done) {
  std::vector<Line> lines;
  std::set<std::pair<std::string_view, std::string>> seen;
  for (const Change& change : changes) {
    const std::size_t at = place(change.collection);
    if (!audited_ || at == SIZE_MAX) continue;
    std::string subject = subject_of_key(at, change.key);
    if (!seen.emplace(change.collection, subject).second) continue;
    lines.push_back({entry(at, Act::changes), Act::changes, std::move(subject)});
    lines.back().fields.push_back(store_.options().collections[at].key);
  }
  if (lines.empty()) return done(ok());
  record_all(lines, cause, std::move(done));
}

Access* Accesses::find(std::string_view store) {
  if (const auto made = made_.find(store); made != made_.end()) return made->second.get();
  const auto found = stores_.find(store);
  if (found == stores_.end()) return nullptr;
  auto access = std::make_unique<Access>(*found->second, asker_, guard_, scheduler_);
  return made_.emplace(found->first, std::move(access)).first->second.get();
}

}  // namespace porteiro::stores
