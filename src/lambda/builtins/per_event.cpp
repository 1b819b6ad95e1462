#include "lambda/builtins/per_event.hpp"

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/base/json_scan.hpp"
#include "porteiro/base/json_tree.hpp"

namespace porteiro::lambda::builtins {
namespace {

struct Batch {
  std::shared_ptr<const Invocation> invocation;
  Completion done;
  std::size_t left;
  std::string failures;

  void ended(std::size_t index, const Result<Reply>& outcome) {
    if (!outcome && retryable(outcome.error().code)) {
      failures += failures.empty() ? "" : ",";
      failures += "{\"itemIdentifier\":\"";
      append_text(failures, invocation->events[index].id);
      failures += "\"}";
    }
    if (--left > 0) return;
    done(Reply{200, "application/json", "{\"batchItemFailures\":[" + failures + "]}"});
  }
};

Reply reply_of(int status, std::string_view key, std::uint64_t version) {
  std::string text = "{\"key\":";
  append_json_string(text, key);
  text += ",\"version\":" + std::to_string(version) + "}";
  return Reply{status, "application/json", std::move(text)};
}

}  // namespace

void PerEvent::invoke(std::shared_ptr<const Invocation> invocation, Completion done) {
  if (invocation->events.size() == 1) {
    const events::Event* event = &invocation->event();
    return handle(SharedEvent(std::move(invocation), event), std::move(done));
  }
  auto batch =
      std::make_shared<Batch>(Batch{invocation, std::move(done), invocation->events.size(), {}});
  for (std::size_t i = 0; i < invocation->events.size(); ++i) {
    handle(SharedEvent(invocation, &invocation->events[i]),
           [batch, i](Result<Reply> outcome) { batch->ended(i, outcome); });
  }
}

Result<std::string> Key::of(const events::Event& event) const {
  auto text = path_.empty() ? first_path_parameter(event) : member(event, path_);
  if (!text) {
    return error(Errc::invalid, "the event does not say which record it is about",
                 path_.empty() ? "path" : path_);
  }
  return std::move(*text);
}

Result<std::string> Key::of(const events::Event& event, const nlohmann::json& body) const {
  if (!needs_body()) return of(event);
  auto text = body_member(body, path_);
  if (!text) {
    return error(Errc::invalid, "the event does not say which record it is about", path_);
  }
  return std::move(*text);
}

const nlohmann::json* find_in_body(const nlohmann::json& body, std::string_view path) {
  const nlohmann::json* at = &body;
  path.remove_prefix(std::min(path.size(), std::string_view("body.").size()));
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    const auto found = at->is_object() ? at->find(std::string(name)) : at->end();
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::optional<std::string> body_member(const nlohmann::json& body, std::string_view path) {
  const nlohmann::json* value = find_in_body(body, path);
  if (value == nullptr || value->is_null() || value->is_structured()) return std::nullopt;
  return value->is_string() ? value->get<std::string>() : value->dump();
}

Result<nlohmann::json> parse_json(std::string_view text) {
  if (nests_deeper(text, json_levels_max)) {
    return error(Errc::invalid, "the body is nested more than 64 deep", "body");
  }
  auto parsed = json_tree(text);
  if (parsed.is_discarded()) return error(Errc::invalid, "the body is not JSON", "body");
  return parsed;
}

void parsed_body(const SharedEvent& event, Services& services,
                 UniqueFunction<void(Result<nlohmann::json>)> done) {
  body(*event, services, [event, done = std::move(done)](Result<std::string> text) mutable {
    if (!text) return done(text.error());
    done(parse_json(text.value()));
  });
}

Result<Reply> write_failed(const Error& failed) {
  if (failed.code != Errc::conflict) return failed;
  http::Response conflict = http::problem(failed);
  return Reply{conflict.status, std::move(conflict.content_type), std::move(conflict.body)};
}

void WriteReply::operator()(Result<stores::Committed> committed) {
  if (!committed) return done(write_failed(committed.error()));
  const stores::Committed& written = committed.value();
  if (!written.repeated && !written.changes.empty()) {
    const stores::Change& first = written.changes.front();
    return done(reply_of(status, first.key, first.version));
  }
  const SharedEvent of = event;  // `done` may be the last to hold it.
  store.find(collection, key, cause_of(*of),
             [status = repeated_status,
              done = std::move(done)](Result<std::optional<stores::Record>> found) mutable {
               if (!found) return done(found.error());
               if (!found.value()) return done(Reply{status, "application/json", "{}"});
               done(reply_of(status, found.value()->key, found.value()->version));
             });
}

std::string once_key(const events::Event& event, std::string_view function) {
  std::string key = to_text(event.id);
  key += '/';
  key += function;
  return key;
}

}  // namespace porteiro::lambda::builtins
