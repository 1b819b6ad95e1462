// record.put {store, collection | split, key, from, link, defaults, expect}: writes documents, all
// or none, once for an event; 201 {"key":…,"version":…} when the first one is new, else 200 (also
// when an earlier delivery of the event has written them).
//   split     {"person": "$", "debt": "$.debts[*]"}: where each collection's records are
//   key       where the key of the record "$" is in the event's data; default: in the document
//   from      where the document is in the event's data; default: body
//   link      whether references to the record "$" are filled in where absent; default: true
//   defaults  whether uuid keys are made where absent, for an event always the same; default: true
//   expect    "absent": the first record must not exist (409)
// Two records of a collection with one key are refused (400), as is a record that is there already
// and belongs to another data subject (409).
#include <set>

#include "lambda/builtins/builtins.hpp"
#include "lambda/builtins/per_event.hpp"
#include "lambda/builtins/split.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::lambda::builtins {
namespace {

using nlohmann::json;

struct Settings {
  std::vector<Part> parts;
  Key key;
  bool has_key = false;
  std::string from;
  bool link = true, defaults = true, absent = false;
};

// RFC 9562's version 8: a UUID made from what one likes, here a hash of what it is for.
std::string derived_uuid(const std::string& name) {
  const auto hash = kms::sha256(name);
  std::string bytes(hash.data(), 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = to_hex(bytes);
  for (const std::size_t place : {8u, 13u, 18u, 23u}) text.insert(place, 1, '-');
  return text;
}

bool absent(const json& document, const std::string& field) {
  const auto found = document.find(field);
  return found == document.end() || found->is_null();
}

class Put final : public PerEvent {
 public:
  Put(const Definition& definition, stores::Access& store, Settings settings)
      : name_(definition.name),
        services_(definition.services),
        store_(store),
        settings_(std::move(settings)) {}

 private:
  void handle(SharedEvent event, Completion done) override {
    if (!in_body(settings_.from) && !settings_.key.needs_body()) {
      return put(std::move(event), "null", true, std::move(done));
    }
    body(*event, services_,
         [this, event, done = std::move(done)](Result<std::string> text) mutable {
           if (!text) return done(text.error());
           put(std::move(event), std::move(text).value(), true, std::move(done));
         });
  }

  // At first as if the first record were new, which is how one learns that it is.
  void put(SharedEvent event, std::string body, bool as_new, Completion done) {
    auto batch = make_batch(*event, body);
    if (!batch) return done(batch.error());
    auto& first = std::get<stores::write::Put>(batch.value().writes.front());
    if (as_new) first.expect.kind = stores::Expect::Kind::absent;
    const std::string& field = store_.collection(first.collection)->key;
    std::string key;  // Absent or no text: the store refuses it.
    if (const auto found = first.document.find(field); found != first.document.end()) {
      key = found->is_string() ? found->get<std::string>() : found->dump();
    }
    const stores::Cause cause = cause_of(*event);  // Of the event, which the completion keeps.
    const bool again = as_new && !settings_.absent;
    WriteReply reply{store_,
                     first.collection,
                     std::move(key),
                     as_new ? 201 : 200,
                     settings_.absent ? 201 : 200,
                     std::move(event),
                     std::move(done)};
    store_.batch(std::move(batch).value(), cause,
                 [this, reply = std::move(reply), body = std::move(body),
                  again](Result<stores::Committed> committed) mutable {
                   const bool there = !committed && committed.error().code == Errc::conflict;
                   if (!there || !again) return reply(std::move(committed));
                   put(std::move(reply.event), std::move(body), false, std::move(reply.done));
                 });
  }

  Result<stores::Batch> make_batch(const events::Event& event, std::string_view text) {
    PORTEIRO_TRY(json body, parse_json(text));
    std::string key;
    if (settings_.has_key) {
      PORTEIRO_TRY(key, settings_.key.of(event, body));
    }
    PORTEIRO_TRY(json source, document(event, std::move(body)));
    PORTEIRO_TRY(auto records, take_apart(settings_.parts, std::move(source)));
    if (settings_.has_key) {
      for (json& record : records.front()) {
        record[settings_.parts.front().collection->key] = key;
      }
    }
    stores::Batch batch;
    batch.once_key = once_key(event, name_);
    for (std::size_t i = 0; i < records.size(); ++i) {
      fill(event, records, i);
      PORTEIRO_TRY(check_keys(settings_.parts[i], records[i]));
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
      for (json& record : records[i]) {
        stores::Expect expect;
        if (settings_.absent) expect.kind = stores::Expect::Kind::absent;
        batch.writes.emplace_back(
            stores::write::Put{settings_.parts[i].collection->name, std::move(record), expect});
      }
    }
    if (batch.writes.empty()) {
      return error(Errc::invalid, "holds no record to write", settings_.from);
    }
    return batch;
  }

  Result<json> document(const events::Event& event, json body) const {
    if (settings_.from == "body") return body;
    if (in_body(settings_.from)) {
      const json* found = find_in_body(body, settings_.from);
      if (found == nullptr) return error(Errc::invalid, "is missing", settings_.from);
      return *found;
    }
    const auto raw = find_member(event.data, settings_.from);
    if (!raw) return error(Errc::invalid, "is missing", settings_.from);
    return parse_json(*raw);
  }

  // The second of two records with one key would take the first one's place.
  static Result<void> check_keys(const Part& part, const std::vector<json>& records) {
    if (records.size() < 2) return ok();
    std::set<std::string_view> keys;
    for (const json& record : records) {
      const auto key = record.find(part.collection->key);
      if (key == record.end() || !key->is_string()) continue;  // The store refuses it.
      if (keys.insert(key->get_ref<const std::string&>()).second) continue;
      return error(Errc::invalid, "holds two records with the same " + part.collection->key,
                   part.place());
    }
    return ok();
  }

  void fill(const events::Event& event, std::vector<std::vector<json>>& records, std::size_t i) {
    const Part& part = settings_.parts[i];
    const std::string& key = part.collection->key;
    const bool make_keys =
        settings_.defaults && part.collection->key_field().type == stores::Type::uuid;
    for (std::size_t index = 0; index < records[i].size(); ++index) {
      json& record = records[i][index];
      if (make_keys && absent(record, key)) {
        record[key] = derived_uuid(once_key(event, name_) + "/" + part.collection->name + "/" +
                                   std::to_string(index));
      }
      if (!settings_.link) continue;
      for (const auto& [field, parent] : part.links) {
        const std::string& parent_key = settings_.parts[parent].collection->key;
        if (!absent(record, field) || records[parent].empty()) continue;
        if (absent(records[parent].front(), parent_key)) continue;
        record[field] = records[parent].front()[parent_key];
      }
    }
  }

  const std::string name_;
  Services& services_;
  stores::Access& store_;
  const Settings settings_;
};

}  // namespace

Result<std::unique_ptr<Function>> make_put(const Definition& definition) {
  const With with(definition);
  PORTEIRO_TRY(
      with.only({"store", "collection", "split", "key", "from", "link", "defaults", "expect"}));
  PORTEIRO_TRY(stores::Access * store, with.store(definition.services));
  Settings settings;
  PORTEIRO_TRY(settings.parts, read_parts(with, *store));
  PORTEIRO_TRY(std::string key, with.path("key", {}));
  settings.has_key = !key.empty();
  settings.key = Key(std::move(key));
  if (settings.has_key && (!settings.parts.front().path.empty() || settings.parts.front().many)) {
    return wrong("sets the key of the record \"$\", and there is none", "key");
  }
  PORTEIRO_TRY(settings.from, with.path("from", "body"));
  PORTEIRO_TRY(settings.link, with.boolean("link", true));
  PORTEIRO_TRY(settings.defaults, with.boolean("defaults", true));
  PORTEIRO_TRY(const std::string expect, with.text("expect", {}));
  if (!expect.empty() && expect != "absent") return wrong("can only be \"absent\"", "expect");
  settings.absent = !expect.empty();
  return std::unique_ptr<Function>(std::make_unique<Put>(definition, *store, std::move(settings)));
}

}  // namespace porteiro::lambda::builtins
