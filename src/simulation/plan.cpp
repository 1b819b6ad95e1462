#include "simulation/plan.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"

namespace porteiro::simulation {

using nlohmann::json;

Template Template::cut(std::string_view text, Form form) {
  Template out;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    const std::size_t close = open == text.npos ? open : text.find("}}", open);
    if (close == text.npos) break;
    const std::string name(text.substr(open + 2, close - open - 2));
    std::string_view before = text.substr(0, open);
    text.remove_prefix(close + 2);
    Form here = form;
    if (form == Form::json_text && before.ends_with('"') && text.starts_with('"')) {
      before.remove_suffix(1);
      text.remove_prefix(1);
      here = Form::json;
    }
    out.pieces_.push_back({Form::literal, std::string(before)});
    out.pieces_.push_back({here, name});
  }
  out.pieces_.push_back({Form::literal, std::string(text)});
  return out;
}

Template Template::of_text(std::string_view text) { return cut(text, Form::text); }
Template Template::of_path(std::string_view text) { return cut(text, Form::path); }
Template Template::of_json(const json& document) { return cut(document.dump(), Form::json_text); }

std::string Template::render(const Lookup& lookup) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    switch (piece.form) {
      case Form::literal:
        out += piece.text;
        break;
      case Form::text:
        out += lookup(piece.text).text;
        break;
      case Form::path:
        out += percent_encode(lookup(piece.text).text);
        break;
      case Form::json:
        out += lookup(piece.text).json;
        break;
      case Form::json_text: {
        std::string quoted;
        append_json_string(quoted, lookup(piece.text).text);
        out.append(quoted, 1, quoted.size() - 2);
        break;
      }
    }
  }
  return out;
}

SendTemplate::SendTemplate(const json& spec) : queue_(spec.at("queue").get<std::string>()) {
  copy_of_ = spec.value("copy_of", "");
  if (copy_of_.empty()) {
    const json& body = spec.at("body");
    body_ = body.is_string() ? Template::of_text(body.get<std::string>()) : Template::of_json(body);
  }
  for (const auto& [member, parameter] :
       {std::pair("group", "MessageGroupId"),
        std::pair("deduplication_id", "MessageDeduplicationId")}) {
    if (!spec.contains(member)) continue;
    texts_.push_back({parameter, Template::of_text(spec.at(member).get<std::string>())});
  }
  if (spec.contains("delay")) {
    delay_s_ = config::duration_of(spec.at("delay")) / std::chrono::seconds(1);
  }
  const json attributes = spec.value("attributes", json::object());
  for (const auto& [name, value] : attributes.items()) {
    attributes_.push_back({name, Template::of_text(value.get<std::string>())});
  }
  key_ = Template::of_text(spec.value("key", ""));
}

http::ClientRequest SendTemplate::render(const Template::Lookup& lookup,
                                         std::optional<std::string> copy) const {
  http::ClientRequest request;
  request.method = "POST";
  request.url = "/";
  request.headers.push_back({"Content-Type", "application/x-amz-json-1.0"});
  request.headers.push_back({"X-Amz-Target", "AmazonSQS.SendMessage"});
  std::string& out = request.body;
  const auto text = [&out](std::string_view name, std::string_view value) {
    out.append(out.empty() || out.back() == '{' ? "" : ",");
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  };
  out = "{";
  text("QueueUrl", queue_);
  text("MessageBody", copy ? *copy : body_.render(lookup));
  for (const Text& each : texts_) text(each.name, each.value.render(lookup));
  if (delay_s_) out += ",\"DelaySeconds\":" + std::to_string(*delay_s_);
  if (!attributes_.empty()) out += ",\"MessageAttributes\":{";
  for (const Text& each : attributes_) {
    out.append(out.back() == '{' ? "" : ",");
    append_json_string(out, each.name);
    out += ":{";
    text("DataType", "String");
    text("StringValue", each.value.render(lookup));
    out += '}';
  }
  out += attributes_.empty() ? "}" : "}}";
  return request;
}

std::string SendTemplate::key(const Template::Lookup& lookup) const { return key_.render(lookup); }

Population::Population(const json& spec, const Generators& generators, Random random)
    : generators_(generators),
      names_(spec.at("of").get<std::vector<std::string>>()),
      members_(spec.at("count").get<std::size_t>()),
      random_(random) {
  if (!spec.contains("access") || !spec.at("access").contains("zipf")) return;
  const double exponent = spec.at("access").at("zipf").get<double>();
  double total = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    total += 1e12 / std::pow(static_cast<double>(i + 1), exponent);
    cumulative_.push_back(static_cast<std::uint64_t>(total));
  }
}

std::size_t Population::pick(Random& random) const {
  if (cumulative_.empty()) return random.below(members_.size());
  const std::uint64_t at = random.below(cumulative_.back());
  const auto it = std::upper_bound(cumulative_.begin(), cumulative_.end(), at);
  return static_cast<std::size_t>(it - cumulative_.begin());
}

const Value* Population::value(std::size_t member, std::string_view name,
                               const OnCanary& on_canary) {
  const auto it = std::find(names_.begin(), names_.end(), name);
  if (it == names_.end()) return nullptr;
  Values& values = members_[member];
  if (values.empty()) {
    Random random = random_.fork(member);
    for (const std::string& each : names_) {
      values.push_back(generators_.make(each, random, Time{}));
      if (generators_.canary(each)) on_canary(values.back().text);
    }
  }
  return &values[static_cast<std::size_t>(it - names_.begin())];
}

Traffic::Traffic(const json& spec, const Generators& generators, Population* population,
                 Random random, OnCanary on_canary)
    : id_(spec.at("id").get<std::string>()),
      generators_(generators),
      population_(population),
      each_(spec.contains("each")),
      arrivals_(random.fork(1)),
      values_(random.fork(2)),
      on_canary_(std::move(on_canary)) {
  if (spec.contains("send")) {
    send_.emplace(spec.at("send"));
  } else {
    read_request(spec.at("request"));
  }
  count_ = each_ ? population_->count() : spec.at("count").get<std::uint64_t>();
  const json& arrival = spec.at("arrival");
  poisson_ = arrival.contains("poisson");
  const std::uint64_t rate = config::rate_of(arrival.at(poisson_ ? "poisson" : "constant"));
  mean_gap_ = Duration(std::chrono::seconds(1)) / static_cast<std::int64_t>(rate);
  resend_parts_per_million_ =
      static_cast<std::uint32_t>(std::lround(spec.value("resend", 0.0) * 1e6));
}

void Traffic::read_request(const json& request) {
  method_ = request.at("method").get<std::string>();
  path_ = Template::of_path(request.at("path").get<std::string>());
  if (request.contains("body")) {
    has_body_ = true;
    body_ = Template::of_json(request.at("body"));
  }
  if (!request.contains("headers")) return;
  for (const auto& [name, value] : request.at("headers").items()) {
    const std::string text = value.get<std::string>();
    if (text.find("{{") == text.npos) key_headers_.push_back({name, text});
    headers_.push_back({name, Template::of_text(text)});
  }
}

std::optional<Duration> Traffic::gap() {
  if (made_ == count_) return std::nullopt;
  return poisson_ ? arrivals_.exponential(mean_gap_) : mean_gap_;
}

Traffic::Planned Traffic::next(Time now, const CopyOf& copy) {
  const std::uint64_t n = ++made_;
  std::size_t member = 0;
  if (population_ != nullptr) member = each_ ? n - 1 : population_->pick(values_);

  StringMap<Value> fresh;
  fresh.emplace("n", Value{std::to_string(n), std::to_string(n)});
  const Template::Lookup lookup = [&](std::string_view name) -> const Value& {
    if (population_ != nullptr) {
      if (const Value* value = population_->value(member, name, on_canary_)) return *value;
    }
    auto it = fresh.find(name);
    if (it == fresh.end()) {
      it = fresh.emplace(name, generators_.make(name, values_, now)).first;
      if (generators_.canary(name)) on_canary_(it->second.text);
    }
    return it->second;
  };

  Planned planned;
  planned.number = n;
  std::optional<std::string> event;
  if (send_ && !send_->copy_of().empty()) event = copy ? copy(send_->copy_of(), n) : "";
  planned.request = send_ ? send_->render(lookup, std::move(event)) : render_request(lookup);
  if (send_) planned.key = send_->key(lookup);
  planned.resend = resend_parts_per_million_ > 0 && values_.chance(resend_parts_per_million_);
  return planned;
}

http::ClientRequest Traffic::render_request(const Template::Lookup& lookup) const {
  http::ClientRequest request;
  request.method = method_;
  request.url = path_.render(lookup);
  for (const HeaderTemplate& header : headers_) {
    request.headers.push_back({header.name, header.value.render(lookup)});
  }
  if (has_body_) {
    request.body = body_.render(lookup);
    request.headers.push_back({"Content-Type", "application/json"});
  }
  return request;
}

}  // namespace porteiro::simulation
