// record.append {store, collection, key, field}: the body becomes the last item of the list `field`
//   of a record, which is made when it is absent; 201 {"key":…,"version":…}.
// record.delete {store, collection, key}: 204, also when there was none.
#include "lambda/builtins/builtins.hpp"
#include "lambda/builtins/per_event.hpp"

namespace porteiro::lambda::builtins {
namespace {

class Append final : public PerEvent {
 public:
  Append(const Definition& definition, stores::Access& store, std::string collection, Key key,
         std::string field)
      : name_(definition.name),
        services_(definition.services),
        store_(store),
        collection_(std::move(collection)),
        key_(std::move(key)),
        field_(std::move(field)) {}

 private:
  void handle(SharedEvent event, Completion done) override {
    parsed_body(event, services_,
                [this, event, done = std::move(done)](Result<nlohmann::json> body) mutable {
                  if (!body) return done(body.error());
                  append(std::move(event), std::move(body).value(), std::move(done));
                });
  }

  void append(SharedEvent event, nlohmann::json item, Completion done) {
    auto key = key_.of(*event, item);
    if (!key) return done(key.error());
    stores::Batch batch;
    batch.once_key = once_key(*event, name_);
    batch.writes.emplace_back(
        stores::write::Append{collection_, key.value(), field_, std::move(item)});
    const stores::Cause cause = cause_of(*event);  // Of the event, which the completion keeps.
    store_.batch(std::move(batch), cause,
                 WriteReply{store_, collection_, std::move(key).value(), 201, 201, std::move(event),
                            std::move(done)});
  }

  const std::string name_;
  Services& services_;
  stores::Access& store_;
  const std::string collection_;
  const Key key_;
  const std::string field_;
};

class Delete final : public PerEvent {
 public:
  Delete(const Definition& definition, stores::Access& store, std::string collection, Key key)
      : name_(definition.name),
        services_(definition.services),
        store_(store),
        collection_(std::move(collection)),
        key_(std::move(key)) {}

 private:
  void handle(SharedEvent event, Completion done) override {
    if (!key_.needs_body()) return erase(*event, key_.of(*event), std::move(done));
    parsed_body(event, services_,
                [this, event, done = std::move(done)](Result<nlohmann::json> body) mutable {
                  if (!body) return done(body.error());
                  erase(*event, key_.of(*event, body.value()), std::move(done));
                });
  }

  void erase(const events::Event& event, Result<std::string> key, Completion done) {
    if (!key) return done(key.error());
    stores::Batch batch;
    batch.once_key = once_key(event, name_);
    batch.writes.emplace_back(stores::write::Erase{collection_, std::move(key).value(), {}});
    store_.batch(std::move(batch), cause_of(event),
                 [done = std::move(done)](Result<stores::Committed> committed) mutable {
                   if (committed) return done(Reply{204, {}, {}});
                   done(write_failed(committed.error()));
                 });
  }

  const std::string name_;
  Services& services_;
  stores::Access& store_;
  const std::string collection_;
  const Key key_;
};

}  // namespace

Result<std::unique_ptr<Function>> make_append(const Definition& definition) {
  const With with(definition);
  PORTEIRO_TRY(with.only({"store", "collection", "key", "field"}));
  PORTEIRO_TRY(stores::Access * store, with.store(definition.services));
  PORTEIRO_TRY(const stores::Collection* collection, with.collection(*store));
  PORTEIRO_TRY(std::string key, with.path("key", {}));
  PORTEIRO_TRY(std::string name, with.text("field"));
  const stores::Field* field = collection->field(name);
  if (field == nullptr) {
    return wrong("collection " + collection->name + " has no field " + name, "field");
  }
  if (field->type != stores::Type::list || field->field_class > stores::Class::internal) {
    return wrong("has to be an unprotected list", "field");
  }
  return std::unique_ptr<Function>(std::make_unique<Append>(definition, *store, collection->name,
                                                            Key(std::move(key)), std::move(name)));
}

Result<std::unique_ptr<Function>> make_delete(const Definition& definition) {
  const With with(definition);
  PORTEIRO_TRY(with.only({"store", "collection", "key"}));
  PORTEIRO_TRY(stores::Access * store, with.store(definition.services));
  PORTEIRO_TRY(const stores::Collection* collection, with.collection(*store));
  PORTEIRO_TRY(std::string key, with.path("key", {}));
  return std::unique_ptr<Function>(
      std::make_unique<Delete>(definition, *store, collection->name, Key(std::move(key))));
}

}  // namespace porteiro::lambda::builtins
