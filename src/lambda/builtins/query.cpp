// record.query {store, collection, where, order, limit}: 200 {"items":[…],"next":…}; `next` is null
// on the last page, else what the request's query parameter `after` takes to go on.
//   where  {"status": "query.status", "kind": {"value": "loan"}}: fields and what they equal, from
//          the event's data or as written; a number or a boolean is read from its text
//   order  "asc" (default) or "desc", of the index that serves the fields of `where`
//   limit  of items, 1 to 1000; default: 100
#include <algorithm>
#include <charconv>

#include "lambda/builtins/builtins.hpp"
#include "lambda/builtins/per_event.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::lambda::builtins {
namespace {

using nlohmann::json;

struct Condition {
  std::string field;
  stores::Type type;
  std::string path;  // Empty: `value`.
  json value;
};

Result<json> typed(const Condition& condition, std::string text) {
  if (condition.type == stores::Type::integer) {
    std::int64_t number = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (bad == std::errc() && end == text.data() + text.size()) return json(number);
    return error(Errc::invalid, "has to be a whole number", condition.path);
  }
  if (condition.type == stores::Type::boolean) {
    if (text == "true" || text == "false") return json(text == "true");
    return error(Errc::invalid, "has to be true or false", condition.path);
  }
  return json(std::move(text));
}

class Find final : public PerEvent {
 public:
  Find(Services& services, stores::Access& store, std::string collection,
       std::vector<Condition> where, bool descending, std::size_t limit)
      : services_(services),
        store_(store),
        collection_(std::move(collection)),
        where_(std::move(where)),
        needs_body_(std::any_of(where_.begin(), where_.end(),
                                [](const Condition& c) { return in_body(c.path); })),
        descending_(descending),
        limit_(limit) {}

 private:
  void handle(SharedEvent event, Completion done) override {
    if (!needs_body_) return find(*event, nullptr, std::move(done));
    parsed_body(event, services_, [this, event, done = std::move(done)](Result<json> body) mutable {
      if (!body) return done(body.error());
      find(*event, body.value(), std::move(done));
    });
  }

  void find(const events::Event& event, const json& body, Completion done) {
    auto query = make_query(event, body);
    if (!query) return done(query.error());
    store_.query(collection_, std::move(query).value(), cause_of(event),
                 [done = std::move(done)](Result<stores::Page> page) mutable {
                   if (!page) return done(page.error());
                   done(reply_of(page.value()));
                 });
  }

  Result<stores::Query> make_query(const events::Event& event, const json& body) const {
    stores::Query query;
    query.descending = descending_;
    query.limit = limit_;
    query.after = member(event, "query.after").value_or(std::string());
    for (const Condition& condition : where_) {
      json value = condition.value;
      if (!condition.path.empty()) {
        auto text = in_body(condition.path) ? body_member(body, condition.path)
                                            : member(event, condition.path);
        if (!text) return error(Errc::invalid, "is missing", condition.path);
        PORTEIRO_TRY(value, typed(condition, std::move(*text)));
      }
      query.filters.push_back({condition.field, stores::Comparison::equal, std::move(value)});
    }
    return query;
  }

  static Reply reply_of(const stores::Page& page) {
    std::string text = "{\"items\":[";
    for (const stores::Record& record : page.records) {
      if (&record != &page.records.front()) text += ',';
      text += record.document;
    }
    text += "],\"next\":";
    if (page.next.empty()) {
      text += "null";
    } else {
      append_json_string(text, page.next);
    }
    text += '}';
    return Reply{200, "application/json", std::move(text)};
  }

  Services& services_;
  stores::Access& store_;
  const std::string collection_;
  const std::vector<Condition> where_;
  const bool needs_body_;
  const bool descending_;
  const std::size_t limit_;
};

Result<Condition> read_condition(const stores::Collection& collection, const std::string& name,
                                 const json& given) {
  const std::string at = "where/" + name;
  const stores::Field* field = collection.field(name);
  if (field == nullptr) {
    return wrong("collection " + collection.name + " has no field " + name, at);
  }
  Condition condition{name, field->type, {}, {}};
  if (given.is_object() && given.size() == 1 && given.contains("value")) {
    condition.value = given.at("value");
    return condition;
  }
  if (!given.is_string() || !is_event_path(given.get_ref<const std::string&>())) {
    return wrong("has to be a member of the event's data, such as query.from, or {\"value\": …}",
                 at);
  }
  condition.path = given.get<std::string>();
  return condition;
}

// Brings the conditions into the order of an index that they are the beginning of.
bool order_by_index(const stores::Collection& collection, std::vector<Condition>& where) {
  if (where.empty()) return true;
  const Condition& first = where.front();
  if (where.size() == 1 &&
      (first.field == collection.key || first.type == stores::Type::reference)) {
    return true;
  }
  for (const auto& index : collection.indexes) {
    if (index.size() < where.size()) continue;
    const auto end = index.begin() + static_cast<std::ptrdiff_t>(where.size());
    const auto place = [&](const Condition& c) { return std::find(index.begin(), end, c.field); };
    if (std::any_of(where.begin(), where.end(),
                    [&](const Condition& c) { return place(c) == end; })) {
      continue;
    }
    std::sort(where.begin(), where.end(),
              [&](const Condition& a, const Condition& b) { return place(a) < place(b); });
    return true;
  }
  return false;
}

Result<std::vector<Condition>> read_where(const With& with, const stores::Collection& collection) {
  std::vector<Condition> where;
  if (!with.has("where")) return where;
  const json& given = with.at("where");
  if (!given.is_object()) return wrong("has to be an object: field to value", "where");
  for (const auto& [name, value] : given.items()) {
    PORTEIRO_TRY(auto condition, read_condition(collection, name, value));
    where.push_back(std::move(condition));
  }
  if (!order_by_index(collection, where)) {
    return wrong(
        "its fields have to be the key, a reference, or the first fields of an index of "
        "collection " +
            collection.name,
        "where");
  }
  return where;
}

}  // namespace

Result<std::unique_ptr<Function>> make_query(const Definition& definition) {
  const With with(definition);
  PORTEIRO_TRY(with.only({"store", "collection", "where", "order", "limit"}));
  PORTEIRO_TRY(stores::Access * store, with.store(definition.services));
  PORTEIRO_TRY(const stores::Collection* collection, with.collection(*store));
  PORTEIRO_TRY(auto where, read_where(with, *collection));
  PORTEIRO_TRY(const std::string order, with.text("order", "asc"));
  if (order != "asc" && order != "desc") return wrong("is \"asc\" or \"desc\"", "order");
  PORTEIRO_TRY(const std::int64_t limit, with.integer("limit", 1, stores::query_limit_max, 100));
  return std::unique_ptr<Function>(
      std::make_unique<Find>(definition.services, *store, collection->name, std::move(where),
                             order == "desc", static_cast<std::size_t>(limit)));
}

}  // namespace porteiro::lambda::builtins
