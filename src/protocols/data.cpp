#include "porteiro/protocols/data.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "protocols/aws/digest.hpp"
#include "protocols/data/answers.hpp"
#include "protocols/data/feed.hpp"
#include "protocols/data/input.hpp"
#include "protocols/data/target.hpp"

namespace porteiro::protocols {
namespace {

using data::refusal;
using data::Target;
using data::Verb;
using nlohmann::json;

constexpr std::size_t changes_max = 1000;

// A request that may go on: everything about it but the answer.
struct Call {
  const http::Request& request;
  Target target;
  stores::Access& store;
  const stores::Collection* collection;  // Null: the verb has none.
  const lambda::Caller& caller;

  stores::Cause cause() const { return caller.cause(); }
};

bool has_token(const http::Request& request, std::string_view token) {
  constexpr std::string_view scheme = "bearer ";
  std::string_view given = request.header("Authorization");
  if (given.size() < scheme.size()) return false;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((static_cast<unsigned char>(given[i]) | 0x20U) != static_cast<unsigned char>(scheme[i])) {
      return false;
    }
  }
  given.remove_prefix(scheme.size());
  return !token.empty() && aws::same_secret(given, token);
}

http::Response unauthorized() {
  http::Response response =
      refusal(401, "unauthenticated",
              "the data API takes the worker's own token: Authorization: Bearer and what "
              "PORTEIRO_DATA_TOKEN of its environment says");
  response.headers.push_back({"WWW-Authenticate", "Bearer"});
  return response;
}

// A precondition that failed is told apart from other conflicts: its place is the collection.
http::Response write_refusal(const Error& failed, const std::string& collection, bool conditional) {
  if (failed.code != Errc::conflict || !conditional || failed.at != collection) {
    return refusal(failed);
  }
  return refusal(412, to_string(failed.code), failed.detail, failed.at);
}

std::string_view collection_of(const stores::Write& write) {
  return std::visit([](const auto& each) -> std::string_view { return each.collection; }, write);
}

}  // namespace

struct Data::Core {
  Core(Scheduler& loop, stores::Stores& all) : scheduler(loop), stores(all) {}

  void dispatch(const lambda::Caller& caller, const http::Request& request,
                http::Responder respond);
  void get(const Call& call, http::Responder respond);
  void query(const Call& call, http::Responder respond);
  Result<stores::Batch> one_write(const Call& call, bool& conditional);
  Result<json> document_of(const Call& call);
  void write_one(const Call& call, http::Responder respond);
  Result<stores::Batch> many_writes(const Call& call);
  void write_many(const Call& call, http::Responder respond);
  Result<data::ChangesAsked> changes_asked(const Call& call);
  void changes(const Call& call, http::Responder respond);

  Scheduler& scheduler;
  stores::Stores& stores;
  StringMap<data::Feed> feeds{};  // By store; made at the first use.
  bool stopping = false;
};

Data::Data(Scheduler& scheduler, stores::Stores& stores)
    : core_(std::make_unique<Core>(scheduler, stores)) {}
Data::~Data() = default;

void Data::stop() {
  core_->stopping = true;
  for (auto& [name, feed] : core_->feeds) feed.stop();
}

void Data::handle(std::shared_ptr<lambda::Caller> caller, const http::Request& request,
                  http::Responder respond) {
  if (!has_token(request, caller->token)) return respond(unauthorized());
  if (!caller->active) {
    return respond(refusal(403, "denied",
                           "this worker has no invocation now: the data API serves a start or an "
                           "invocation; end what it does before it answers"));
  }
  if (caller->calls >= data_calls_max) {
    return respond(refusal(429, "limit_exceeded",
                           "more than " + std::to_string(data_calls_max) +
                               " requests of this worker are unanswered: wait for some of them"));
  }
  const lambda::Caller& who = *caller;
  ++caller->calls;
  core_->dispatch(
      who, request,
      [caller = std::move(caller), respond = std::move(respond)](http::Response response) mutable {
        --caller->calls;
        respond(std::move(response));
      });
}

void Data::Core::dispatch(const lambda::Caller& caller, const http::Request& request,
                          http::Responder respond) {
  http::Response refused;
  auto target = data::parse_target(request, refused);
  if (!target) return respond(std::move(refused));
  if (request.body.size() > data_body_bytes_max) {
    return respond(refusal(413, "invalid", "a body has at most 6 MB", "body"));
  }
  stores::Access* store = caller.stores->find(target->store);
  if (store == nullptr) {
    return respond(refusal(404, "not_found", "the configuration has no such store", "store"));
  }
  Call call{request, std::move(*target), *store, nullptr, caller};
  const bool whole = call.target.verb == Verb::batch || call.target.verb == Verb::changes;
  if (!whole) {
    call.collection = call.store.collection(call.target.collection);
    if (call.collection == nullptr) {
      return respond(refusal(404, "not_found", "the store has no such collection", "collection"));
    }
  }
  switch (call.target.verb) {
    case Verb::get:
      return get(call, std::move(respond));
    case Verb::put:
    case Verb::append:
    case Verb::erase:
      return write_one(call, std::move(respond));
    case Verb::query:
      return query(call, std::move(respond));
    case Verb::batch:
      return write_many(call, std::move(respond));
    case Verb::changes:
      return changes(call, std::move(respond));
  }
}

void Data::Core::get(const Call& call, http::Responder respond) {
  call.store.get(
      call.target.collection, call.target.key, call.cause(),
      [respond = std::move(respond)](Result<std::optional<stores::Record>> found) mutable {
        if (!found) return respond(refusal(found.error()));
        if (found.value()) return respond(data::record(*found.value()));
        respond(refusal(404, "not_found", "there is no record with this key"));
      });
}

void Data::Core::query(const Call& call, http::Responder respond) {
  auto query = [&]() -> Result<stores::Query> {
    if (call.request.body.empty()) return stores::Query{};
    PORTEIRO_TRY(const json body, data::parse_body(call.request.body));
    return data::query_of(body, *call.collection);
  }();
  if (!query) return respond(refusal(query.error()));
  call.store.query(call.target.collection, std::move(query).value(), call.cause(),
                   [respond = std::move(respond)](Result<stores::Page> page) mutable {
                     respond(page ? data::page(page.value()) : refusal(page.error()));
                   });
}

// The path says which record it is: the document may leave its key out, or say the same.
Result<json> Data::Core::document_of(const Call& call) {
  PORTEIRO_TRY(json document, data::parse_body(call.request.body));
  if (!document.is_object()) return error(Errc::invalid, "has to be an object", "body");
  const std::string& name = call.collection->key;
  const auto key = document.find(name);
  if (key == document.end() || key->is_null()) {
    document[name] = call.target.key;
    return document;
  }
  if (!key->is_string()) return document;  // The store refuses it.
  PORTEIRO_TRY(const std::string of_path,
               call.store.known_key(call.target.collection, call.target.key));
  PORTEIRO_TRY(const std::string of_document,
               call.store.known_key(call.target.collection, key->get_ref<const std::string&>()));
  if (of_path == of_document) return document;
  return error(Errc::invalid, "the document's key is not that of the path; it may be left out",
               call.target.collection + "." + name);
}

Result<stores::Batch> Data::Core::one_write(const Call& call, bool& conditional) {
  const Target& target = call.target;
  stores::Batch batch;
  PORTEIRO_TRY(batch.once_key,
               data::once_key(call.caller.function, call.request.header("Idempotency-Key")));
  if (target.verb == Verb::append) {
    PORTEIRO_TRY(json item, data::parse_body(call.request.body));
    batch.writes.emplace_back(
        stores::write::Append{target.collection, target.key, target.field, std::move(item)});
    return batch;
  }
  PORTEIRO_TRY(const stores::Expect expect, data::precondition(call.request));
  conditional = expect.kind != stores::Expect::Kind::anything;
  if (target.verb == Verb::erase) {
    batch.writes.emplace_back(stores::write::Erase{target.collection, target.key, expect});
    return batch;
  }
  PORTEIRO_TRY(json document, document_of(call));
  batch.writes.emplace_back(stores::write::Put{target.collection, std::move(document), expect});
  return batch;
}

void Data::Core::write_one(const Call& call, http::Responder respond) {
  bool conditional = false;
  auto batch = one_write(call, conditional);
  if (!batch) return respond(refusal(batch.error()));
  const Verb verb = call.target.verb;
  const auto* put = std::get_if<stores::write::Put>(&batch.value().writes.front());
  const bool creates =
      verb == Verb::append || (put != nullptr && put->expect.kind == stores::Expect::Kind::absent);
  const int status = verb == Verb::erase ? 204 : creates ? 201 : 200;
  call.store.batch(std::move(batch).value(), call.cause(),
                   [collection = call.target.collection, conditional, status,
                    respond = std::move(respond)](Result<stores::Committed> done) mutable {
                     if (!done) {
                       return respond(write_refusal(done.error(), collection, conditional));
                     }
                     if (status == 204) return respond(http::Response{.status = 204});
                     respond(data::written(done.value(), status));
                   });
}

Result<stores::Batch> Data::Core::many_writes(const Call& call) {
  PORTEIRO_TRY(json body, data::parse_body(call.request.body));
  PORTEIRO_TRY(auto batch, data::batch_of(std::move(body)));
  PORTEIRO_TRY(batch.once_key, data::once_key(call.caller.function, batch.once_key));
  for (const stores::Write& write : batch.writes) {
    const std::string_view name = collection_of(write);
    if (call.store.collection(name) == nullptr) {
      return error(Errc::invalid, "the store has no such collection", "writes");
    }
  }
  return batch;
}

void Data::Core::write_many(const Call& call, http::Responder respond) {
  auto batch = many_writes(call);
  if (!batch) return respond(refusal(batch.error()));
  call.store.batch(std::move(batch).value(), call.cause(),
                   [respond = std::move(respond)](Result<stores::Committed> done) mutable {
                     respond(done ? data::batch_written(done.value()) : refusal(done.error()));
                   });
}

// A role sees the changes of the collections it may see, and is denied when it may see none.
Result<data::ChangesAsked> Data::Core::changes_asked(const Call& call) {
  PORTEIRO_TRY(call.store.follow(call.cause()));
  data::ChangesAsked asked;
  const auto read = [&](const char* name, std::uint64_t usual, std::uint64_t least,
                        std::uint64_t most) {
    return data::number_of(call.request, name, usual, least, most);
  };
  if (call.request.query_value("after") == "latest") {
    asked.after = stores.find(call.target.store)->second->last_sequence();
  } else {
    PORTEIRO_TRY(asked.after, read("after", 0, 0, ~std::uint64_t{0}));
  }
  PORTEIRO_TRY(asked.limit, read("limit", 100, 1, changes_max));
  constexpr std::uint64_t wait_max = data_wait_max / std::chrono::seconds(1);
  PORTEIRO_TRY(const std::uint64_t wait, read("wait", 0, 0, wait_max));
  if (!stopping) asked.wait = std::chrono::seconds(wait);
  asked.may_see = [&store = call.store,
                   purpose = call.caller.purpose](std::string_view collection) {
    return store.may_follow(collection, purpose);
  };
  asked.show = [&store = call.store, trace = call.caller.trace, purpose = call.caller.purpose,
                client = call.caller.client](const std::vector<stores::Change>& changes,
                                             UniqueFunction<void(Result<void>)> done) {
    store.show(changes, {trace, purpose, client}, std::move(done));
  };
  return asked;
}

void Data::Core::changes(const Call& call, http::Responder respond) {
  auto asked = changes_asked(call);
  if (!asked) return respond(refusal(asked.error()));
  asked.value().respond = std::move(respond);
  const auto feed =
      feeds.try_emplace(call.target.store, scheduler, *stores.find(call.target.store)->second)
          .first;
  feed->second.ask(std::move(asked).value());
}

}  // namespace porteiro::protocols
