#include "porteiro/lambda/event_data.hpp"

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::lambda {
namespace {

std::optional<std::string> text_of(std::string_view raw) {
  if (raw.empty() || raw == "null") return std::nullopt;
  if (raw.front() == '"') return string_value(raw);
  if (raw.front() == '{' || raw.front() == '[') return std::nullopt;
  return std::string(raw);
}

}  // namespace

std::optional<std::string> member(const events::Event& event, std::string_view path) {
  const auto raw = find_member(event.data, path);
  return raw ? text_of(*raw) : std::nullopt;
}

std::optional<std::string> first_path_parameter(const events::Event& event) {
  const auto parameters = find_member(event.data, "path");
  std::optional<std::string> first;
  if (!parameters) return first;
  scan_object(*parameters, [&first](std::string_view, std::string_view value) {
    first = text_of(value);
    return false;
  });
  return first;
}

stores::Cause cause_of(const events::Event& event) {
  return {event.correlation, event.purpose, event.principal, event.masked};
}

kms::EncryptionContext sealing_context(const events::Event& event) {
  return {{"event", event.type}};
}

void body(const events::Event& event, Services& services, BodyDone done) {
  if (const auto sealed = member(event, "sealed")) {
    auto bytes = from_base64(*sealed);
    if (!bytes) return done(error(Errc::corrupt, "the sealed body is not base64", "sealed"));
    return services.sealer.unseal(std::move(*bytes), sealing_context(event), cause_of(event),
                                  std::move(done));
  }
  const auto raw = find_member(event.data, "body");
  if (!raw) return done(error(Errc::invalid, "the event has no body", "body"));
  done(std::string(*raw));
}

}  // namespace porteiro::lambda
