// record.get {store, collection, key, include, purpose}: a record by its key, 200 or not_found.
//   key      where the key is in the event's data; default: the first path parameter
//   include  {"debts": "debt"}: the records of `debt` that refer to this one, as member `debts`;
//            ["debt"] is {"debt": "debt"}
//   purpose  why it is read; a text
#include "lambda/builtins/builtins.hpp"
#include "lambda/builtins/per_event.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::lambda::builtins {
namespace {

struct Include {
  std::string member, collection, field;
};

// A record with its includes, one after the other, page by page.
struct Gathering {
  stores::Access& store;
  const std::vector<Include>& includes;
  SharedEvent event;
  Completion done;
  std::string key, document;
  std::size_t next = 0;
  bool first_item = true;
};

void open_member(Gathering& g) {
  g.document.pop_back();  // The closing brace.
  if (g.document.size() > 1) g.document += ',';
  append_json_string(g.document, g.includes[g.next].member);
  g.document += ":[";
  g.first_item = true;
}

void gather(std::unique_ptr<Gathering> g, std::string after);

void add_page(std::unique_ptr<Gathering> g, stores::Page page) {
  for (const stores::Record& record : page.records) {
    if (!std::exchange(g->first_item, false)) g->document += ',';
    g->document += record.document;
  }
  if (!page.next.empty()) return gather(std::move(g), std::move(page.next));
  g->document += "]}";
  ++g->next;
  gather(std::move(g), {});
}

void gather(std::unique_ptr<Gathering> g, std::string after) {
  if (g->next == g->includes.size()) {
    return g->done(Reply{200, "application/json", std::move(g->document)});
  }
  if (after.empty()) open_member(*g);
  const Include& include = g->includes[g->next];
  stores::Query query;
  query.filters.push_back({include.field, stores::Comparison::equal, g->key});
  query.limit = stores::query_limit_max;
  query.after = std::move(after);
  stores::Access& store = g->store;
  const SharedEvent event = g->event;
  store.query(include.collection, std::move(query), cause_of(*event),
              [g = std::move(g)](Result<stores::Page> page) mutable {
                if (!page) return g->done(page.error());
                add_page(std::move(g), std::move(page).value());
              });
}

class Get final : public PerEvent {
 public:
  Get(Services& services, stores::Access& store, std::string collection, Key key,
      std::vector<Include> includes)
      : services_(services),
        store_(store),
        collection_(std::move(collection)),
        key_(std::move(key)),
        includes_(std::move(includes)) {}

 private:
  void handle(SharedEvent event, Completion done) override {
    if (!key_.needs_body()) {
      auto key = key_.of(*event);
      return get(std::move(event), std::move(key), std::move(done));
    }
    parsed_body(event, services_,
                [this, event, done = std::move(done)](Result<nlohmann::json> body) mutable {
                  if (!body) return done(body.error());
                  get(event, key_.of(*event, body.value()), std::move(done));
                });
  }

  void get(SharedEvent event, Result<std::string> key, Completion done) {
    if (!key) return done(key.error());
    const stores::Cause cause = cause_of(*event);  // Of the event, which the completion keeps.
    store_.get(collection_, key.value(), cause,
               [this, event = std::move(event),
                done = std::move(done)](Result<std::optional<stores::Record>> found) mutable {
                 if (!found) return done(found.error());
                 if (!found.value()) {
                   return done(error(Errc::not_found, "there is no such " + collection_));
                 }
                 stores::Record& record = *found.value();
                 if (includes_.empty()) {
                   return done(Reply{200, "application/json", std::move(record.document)});
                 }
                 gather(std::make_unique<Gathering>(
                            Gathering{store_, includes_, std::move(event), std::move(done),
                                      std::move(record.key), std::move(record.document)}),
                        {});
               });
  }

  Services& services_;
  stores::Access& store_;
  const std::string collection_;
  const Key key_;
  const std::vector<Include> includes_;
};

// The field of `child` by which records are found that refer to `parent`.
Result<Include> make_include(const stores::Access& store, const stores::Collection& parent,
                             std::string member, const nlohmann::json& name) {
  if (!name.is_string()) return wrong("has to name a collection", "include/" + member);
  PORTEIRO_TRY(const stores::Collection* child,
               find_collection(store, name.get_ref<const std::string&>(), "include/" + member));
  for (const stores::Field& field : child->fields) {
    if (field.type == stores::Type::reference && field.reference == parent.name) {
      return Include{std::move(member), child->name, field.name};
    }
  }
  return wrong("collection " + child->name + " has no reference to " + parent.name,
               "include/" + member);
}

Result<std::vector<Include>> make_includes(const With& with, const stores::Access& store,
                                           const stores::Collection& parent) {
  std::vector<Include> includes;
  if (!with.has("include")) return includes;
  const nlohmann::json& given = with.at("include");
  if (!given.is_structured()) {
    return wrong("has to be an object: member name to collection", "include");
  }
  for (const auto& [name, value] : given.items()) {
    std::string member = given.is_array() && value.is_string() ? value.get<std::string>() : name;
    if (parent.field(member) != nullptr) {
      return wrong("collection " + parent.name + " has a field of that name", "include/" + name);
    }
    PORTEIRO_TRY(auto include, make_include(store, parent, std::move(member), value));
    includes.push_back(std::move(include));
  }
  return includes;
}

}  // namespace

Result<std::unique_ptr<Function>> make_get(const Definition& definition) {
  const With with(definition);
  PORTEIRO_TRY(with.only({"store", "collection", "key", "include", "purpose"}));
  PORTEIRO_TRY(with.text("purpose", {}));
  PORTEIRO_TRY(stores::Access * store, with.store(definition.services));
  PORTEIRO_TRY(const stores::Collection* collection, with.collection(*store));
  PORTEIRO_TRY(std::string key, with.path("key", {}));
  PORTEIRO_TRY(auto includes, make_includes(with, *store, *collection));
  return std::unique_ptr<Function>(std::make_unique<Get>(
      definition.services, *store, collection->name, Key(std::move(key)), std::move(includes)));
}

}  // namespace porteiro::lambda::builtins
