#include "porteiro/events/event.hpp"

#include <array>
#include <optional>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"

namespace porteiro::events {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out += name;
  append_json_string(out, text);
}

void append_member(std::string& out, std::string_view name, Id id) {
  if (!id) return;
  out += name;
  out += '"';
  append_text(out, id);
  out += '"';
}

enum class Member : std::uint8_t {
  specversion,
  id,
  source,
  type,
  subject,
  time,
  datacontenttype,
  traceparent,
  correlationid,
  causationid,
  dataclassification,
  principal,
  purpose,
  audience,
  masked,
  signature,
  data,
  data_base64,
  count_
};
constexpr std::array<std::string_view, static_cast<std::size_t>(Member::count_)> member_names{
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "traceparent",
    "correlationid",
    "causationid",
    "dataclassification",
    "principal",
    "purpose",
    "audience",
    "masked",
    "signature",
    "data",
    "data_base64"};

// Gathers one event from the members as they come. Stops at the first that is wrong.
class Parser {
 public:
  bool take(std::string_view name, std::string_view raw) {
    if (name.find('\\') != std::string_view::npos) {
      return refuse("an event's member names are written without escapes");
    }
    const auto member = member_of(name);
    if (!member) return true;  // An extension of somebody else's.
    const std::uint32_t bit = 1U << static_cast<unsigned>(*member);
    if ((seen_ & bit) != 0) return refuse("is given twice", *member);
    seen_ |= bit;
    // CloudEvents: an attribute that is null is one that is not there.
    if (raw == "null" && *member > Member::type && *member != Member::data) return true;
    return set(*member, raw);
  }

  Result<Event> finish(bool well_formed) {
    if (failure_) return *failure_;
    if (!well_formed) return error(Errc::invalid, "an event is one JSON object; this is none");
    for (const Member member : {Member::specversion, Member::id, Member::source, Member::type}) {
      if ((seen_ & (1U << static_cast<unsigned>(member))) != 0) continue;
      refuse("is missing", member);
      return *failure_;
    }
    if (!event_.correlation) event_.correlation = id_of_trace();
    return std::move(event_);
  }

 private:
  // Looked for from the member after the last one on: ours come in the table's order.
  std::optional<Member> member_of(std::string_view name) {
    for (std::size_t tries = 0; tries < member_names.size(); ++tries) {
      if (next_ == member_names.size()) next_ = 0;
      if (name == member_names[next_++]) return static_cast<Member>(next_ - 1);
    }
    return std::nullopt;
  }

  bool set(Member member, std::string_view raw) {
    switch (member) {
      case Member::specversion:
        if (raw == "\"1.0\"") return true;
        return refuse("has to be \"1.0\"", member);
      case Member::id:
        return set_id(member, raw, event_.id);
      case Member::source:
        return set_text(member, raw, event_.source, 1);
      case Member::type:
        return set_text(member, raw, event_.type, 1);
      case Member::subject:
        return set_text(member, raw, event_.subject, 0);
      case Member::time:
        return set_time(raw);
      case Member::datacontenttype:
        return check_content_type(raw);
      case Member::traceparent:
        if (raw.size() > 2 && raw.front() == '"') traceparent_ = raw.substr(1, raw.size() - 2);
        return true;
      case Member::correlationid:
        return set_id(member, raw, event_.correlation);
      case Member::causationid:
        return set_id(member, raw, event_.causation);
      case Member::dataclassification:
        return set_text(member, raw, event_.classification, 0);
      case Member::principal:
        return set_text(member, raw, event_.principal, 0);
      case Member::purpose:
        return set_text(member, raw, event_.purpose, 0);
      case Member::audience:
        return set_text(member, raw, event_.audience, 0);
      case Member::masked:
        if (raw != "true" && raw != "false") return refuse("has to be true or false", member);
        event_.masked = raw == "true";
        return true;
      case Member::signature:
        return set_text(member, raw, event_.signature, 0);
      case Member::data:
        event_.data = raw;
        return true;
      case Member::data_base64:
        return refuse("is not supported: send JSON in data", member);
      case Member::count_:
        break;
    }
    return true;
  }

  // A string's content: a view when nothing is escaped, else unescaped into `scratch_`.
  std::optional<std::string_view> text_of(std::string_view raw) {
    if (raw.size() < 2 || raw.front() != '"') return std::nullopt;
    const std::string_view inside = raw.substr(1, raw.size() - 2);
    if (inside.find('\\') == std::string_view::npos) return inside;
    auto value = string_value(raw);
    if (!value) return std::nullopt;
    scratch_ = std::move(*value);
    return scratch_;
  }

  bool set_text(Member member, std::string_view raw, std::string& to, std::size_t size_min) {
    const auto text = text_of(raw);
    if (!text) return refuse("has to be a string", member);
    if (text->size() < size_min) return refuse("is empty", member);
    to = *text;
    return true;
  }

  bool set_id(Member member, std::string_view raw, Id& to) {
    const auto text = text_of(raw);
    const auto id = text ? parse_id(*text) : std::nullopt;
    if (!id || !*id) return refuse("has to be 32 hexadecimal digits or a UUID, not zero", member);
    to = *id;
    return true;
  }

  bool set_time(std::string_view raw) {
    const auto text = text_of(raw);
    if (!text) return refuse("has to be a string", Member::time);
    const auto time = parse_rfc3339(*text);
    if (!time) return refuse(time.error().detail, Member::time);
    event_.time = time.value();
    return true;
  }

  bool check_content_type(std::string_view raw) {
    const auto text = text_of(raw);
    if (!text) return refuse("has to be a string", Member::datacontenttype);
    const std::string_view type = text->substr(0, text->find(';'));
    if (type == "application/json" || type.ends_with("+json")) return true;
    return refuse("has to be application/json", Member::datacontenttype);
  }

  // As W3C trace context says, one that cannot be read is as if it were not there.
  Id id_of_trace() const {
    const std::string_view text = traceparent_;
    if (text.size() < 55 || text.starts_with("ff")) return {};
    if (text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
    if (text.size() > 55 && (text.starts_with("00") || text[55] != '-')) return {};
    return parse_id(text.substr(3, 32)).value_or(Id{});
  }

  bool refuse(std::string_view what) {
    failure_ = error(Errc::invalid, std::string(what));
    return false;
  }
  bool refuse(std::string_view what, Member member) {
    const std::string_view name = member_names[static_cast<std::size_t>(member)];
    failure_ =
        error(Errc::invalid, "the event's member " + std::string(name) + " " + std::string(what),
              std::string(name));
    return false;
  }

  Event event_;
  std::string_view traceparent_;
  std::size_t next_ = 0;
  std::uint32_t seen_ = 0;
  std::string scratch_;
  std::optional<Error> failure_;
};

}  // namespace

std::string to_json(const Event& event) {
  std::string out;
  out.reserve(envelope_bytes_max + event.source.size() + event.type.size() + event.subject.size() +
              event.classification.size() + event.principal.size() + event.purpose.size() +
              event.audience.size() + event.signature.size() + event.data.size());
  out += "{\"specversion\":\"1.0\"";
  append_member(out, ",\"id\":", event.id);
  append_member(out, ",\"source\":", event.source);
  append_member(out, ",\"type\":", event.type);
  append_member(out, ",\"subject\":", event.subject);
  if (event.time != Time{}) append_member(out, ",\"time\":", to_rfc3339(event.time));
  if (!event.data.empty()) out += ",\"datacontenttype\":\"application/json\"";
  if (event.correlation) {
    out += ",\"traceparent\":\"00-";
    append_text(out, event.correlation);
    out += '-';
    append_text(out, event.id);
    out.resize(out.size() - 16);  // A span id is 16 digits.
    out += "-01\"";
  }
  append_member(out, ",\"correlationid\":", event.correlation);
  append_member(out, ",\"causationid\":", event.causation);
  append_member(out, ",\"dataclassification\":", event.classification);
  append_member(out, ",\"principal\":", event.principal);
  append_member(out, ",\"purpose\":", event.purpose);
  append_member(out, ",\"audience\":", event.audience);
  if (event.masked) out += ",\"masked\":true";
  append_member(out, ",\"signature\":", event.signature);
  if (!event.data.empty()) out.append(",\"data\":").append(event.data);
  out += '}';
  return out;
}

Result<Event> parse_event(std::string_view json) {
  Parser parser;
  const bool well_formed = scan_object(
      json,
      [&parser](std::string_view name, std::string_view raw) { return parser.take(name, raw); });
  return parser.finish(well_formed);
}

}  // namespace porteiro::events
