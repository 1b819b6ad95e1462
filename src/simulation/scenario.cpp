#include "porteiro/simulation/scenario.hpp"

#include <nlohmann/json.hpp>

#include "porteiro/access/access.hpp"
#include "porteiro/emulator/options.hpp"
#include "simulation/driver.hpp"

namespace porteiro::simulation {
namespace {

using config::Problem;
using nlohmann::json;

int severity(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return 0;
    case Outcome::unknown:
      return 1;
    case Outcome::failed:
      return 2;
    case Outcome::limit:
      return 3;
    case Outcome::not_deterministic:
      return 4;
    case Outcome::environment:
      return 5;
    case Outcome::invalid:
      return 6;
    case Outcome::usage:
      return 7;
    case Outcome::internal:
      return 8;
    case Outcome::interrupted:
      return 9;
  }
  return 9;
}

std::string relative_to(const std::string& file, const std::string& path) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string::npos || path.starts_with('/')) return path;
  return file.substr(0, slash + 1) + path;
}

std::vector<std::string> members(const json& object) {
  std::vector<std::string> out;
  for (const auto& [name, value] : object.items()) out.push_back(name);
  return out;
}

// The names that a scenario takes from its config.
class NameCheck {
 public:
  NameCheck(const std::string& file, const json& config) : file_(file), config_(config) {}

  void fault(const json& fault, const std::string& pointer) {
    const std::string kind = fault.at("fault").get<std::string>();
    const std::string group = kind.substr(0, kind.find('.'));
    const char* place = group == "worker"  ? "functions"
                        : group == "queue" ? "queues"
                        : group == "store" ? "stores"
                                           : "keys";
    if (fault.contains("target") && !one(place, fault.at("target"), pointer + "/target")) return;
    if (kind == "worker.partial_batch") batches(fault, pointer);
  }

  void send(const json& send, const std::string& pointer) {
    one("queues", send.at("queue"), pointer + "/queue");
    if (config_.at("aws").at("auth") == "sigv4") {
      add(pointer, "a scenario's messages are not signed, and the config takes signed ones only");
    }
    if (!send.contains("delay")) return;
    if (config::duration_of(send.at("delay")) % std::chrono::seconds(1) != Duration::zero()) {
      add(pointer + "/delay", "a message's delay is in whole seconds");
    }
  }

  // effect.once of traffic that sends has to know which records it writes.
  void keys(const json& check, const json& traffic, const std::string& pointer) {
    if (check.at("check") != "effect.once") return;
    const json ids = check.at("of").is_array() ? check.at("of") : json::array({check.at("of")});
    for (const json& each : traffic) {
      const bool meant = std::find(ids.begin(), ids.end(), each.at("id")) != ids.end();
      if (!meant || !each.contains("send") || each.at("send").contains("key")) continue;
      add(pointer + "/of", "the \"send\" of \"" + each.at("id").get<std::string>() +
                               "\" names no \"key\" of the record it is to write");
    }
  }

  void check(const json& check, const std::string& pointer) {
    if (check.contains("queue") && one("queues", check.at("queue"), pointer + "/queue") &&
        check.at("check") == "queue.fifo_per_group" &&
        !config_.at("queues").at(check.at("queue").get<std::string>()).value("fifo", false)) {
      add(pointer + "/queue", "this is no FIFO queue; it promises no order");
    }
    if (check.contains("key")) one("keys", check.at("key"), pointer + "/key");
    if (check.at("check") == "compare") compared(check, pointer);
    if (!check.contains("effect")) return;
    const std::string effect = check.at("effect").get<std::string>();
    const std::string store = effect.substr(0, effect.find('.'));
    if (!one("stores", store, pointer + "/effect")) return;
    const std::size_t from = store.size() + 1;
    const std::string collection =
        from > effect.size() ? "" : effect.substr(from, effect.find('.', from) - from);
    const json& collections = config_.at("stores").at(store).at("collections");
    if (!collections.contains(collection)) {
      unknown(collection, members(collections), pointer + "/effect");
    }
  }

  void reached(const json& check, const json& faults, const std::string& pointer) {
    if (check.at("check") != "reached") return;
    std::vector<std::string> known;
    for (const json& fault : faults) known.push_back("fault:" + fault.at("id").get<std::string>());
    for (std::size_t i = 0; i < static_cast<std::size_t>(FaultPoint::count_); ++i) {
      known.emplace_back(to_string(static_cast<FaultPoint>(i)));
    }
    const std::string point = check.at("point").get<std::string>();
    if (std::find(known.begin(), known.end(), point) == known.end()) {
      unknown(point, known, pointer + "/point");
    }
  }

  void add(const std::string& pointer, std::string text) {
    problems_.push_back({file_, pointer, std::move(text)});
  }
  std::vector<Problem> problems() && { return std::move(problems_); }

 private:
  void compared(const json& check, const std::string& pointer) {
    const std::string measure = check.at("measure").get<std::string>();
    const bool of_traffic = measure == "p50" || measure == "p99" || measure == "refused";
    if (of_traffic && !check.contains("of")) {
      add(pointer, "\"" + measure + "\" is measured of traffic; name it by \"of\"");
    }
    if (measure != "kms_calls" && (check.contains("key") || check.contains("call"))) {
      add(pointer, "\"key\" and \"call\" are for \"kms_calls\" only");
    }
    if (check.at("variant") == check.at("to")) {
      add(pointer + "/to", "a variant cannot be compared with itself");
    }
  }
  // Only the answer to a batch can name messages of it.
  void batches(const json& fault, const std::string& pointer) {
    const json sources = config_.value("sources", json::array());
    const bool some = std::any_of(sources.begin(), sources.end(), [&](const json& source) {
      return source.at("report_failures").get<bool>() &&
             (!fault.contains("target") || source.at("function") == fault.at("target"));
    });
    if (some) return;
    add(pointer + "/target",
        "no source of the config with \"report_failures\" feeds a function that is meant here");
  }
  bool one(const char* place, const std::string& name, const std::string& pointer) {
    const json names = config_.value(place, json::object());
    if (names.contains(name)) return true;
    unknown(name, members(names), pointer);
    return false;
  }
  void unknown(const std::string& name, const std::vector<std::string>& known,
               const std::string& pointer) {
    const std::string near = config::nearest(name, known);
    add(pointer,
        "unknown name \"" + name + "\"" + (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }

  const std::string& file_;
  const json& config_;
  std::vector<Problem> problems_;
};

// Every {{name}} must be a datum or "n".
void check_templates(const json& node, const json& data, const std::string& pointer,
                     NameCheck& names) {
  if (node.is_structured()) {
    for (const auto& [key, value] : node.items()) {
      check_templates(value, data, pointer + "/" + key, names);
    }
    return;
  }
  if (!node.is_string()) return;
  const std::string& text = node.get_ref<const std::string&>();
  for (std::size_t at = text.find("{{"); at != std::string::npos; at = text.find("{{", at + 2)) {
    const std::size_t end = text.find("}}", at);
    const std::string name = end == std::string::npos ? "" : text.substr(at + 2, end - at - 2);
    if (name == "n" || data.contains(name)) continue;
    const std::string near = config::nearest(name, members(data));
    names.add(pointer, "{{" + name + "}} is no member of \"data\"" +
                           (near.empty() ? "" : "; did you mean {{" + near + "}}?"));
  }
}

std::vector<Problem> check_names(const std::string& file, const json& scenario,
                                 const json& config) {
  NameCheck names(file, config);
  const json faults = scenario.value("faults", json::array());
  for (std::size_t i = 0; i < faults.size(); ++i)
    names.fault(faults[i], "/faults/" + std::to_string(i));
  const auto look_at = [&](const json& checks, const std::string& place) {
    for (std::size_t i = 0; i < checks.size(); ++i) {
      const std::string pointer = place + "/" + std::to_string(i);
      names.check(checks[i], pointer);
      names.keys(checks[i], scenario.at("traffic"), pointer);
      names.reached(checks[i], faults, pointer);
    }
  };
  look_at(scenario.at("expect"), "/expect");
  if (const auto claim = scenario.find("claim"); claim != scenario.end()) {
    look_at(claim->at("holds_if"), "/claim/holds_if");
  }
  const json data = scenario.value("data", json::object());
  const json& traffic = scenario.at("traffic");
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    const std::string pointer = "/traffic/" + std::to_string(i);
    const char* kind = traffic[i].contains("send") ? "send" : "request";
    check_templates(traffic[i].at(kind), data, pointer + "/" + kind, names);
    if (traffic[i].contains("send")) names.send(traffic[i].at("send"), pointer + "/send");
  }
  return std::move(names).problems();
}

// Everything on, each layer off by itself, all off.
json layer_variants() {
  json all = json::array();
  json variants{{"all on", {{"security", {{"off", json::array()}}}}}};
  for (const access::LayerName& layer : access::layer_names()) {
    const std::string name(layer.name);
    all.push_back(name);
    variants["no " + name] = {{"security", {{"off", {name}}}}};
  }
  variants["all off"] = {{"security", {{"off", all}}}};
  return variants;
}

// The config with each variant's patch (RFC 7396), which has to give a valid config again.
std::vector<Problem> make_variants(const json& document, const json& config, Scenario& scenario) {
  const json patches = document.value("variants", json::object());
  if (patches.empty()) {
    scenario.variants = {{"", config.dump()}};
    return {};
  }
  for (const auto& [name, patch] : patches.items()) {
    const std::string place = scenario.file + ": variant \"" + name + "\"";
    json patched = config, valid;
    patched.merge_patch(patch);
    if (auto problems = config::validate(patched.dump(), place, config::config_schema(), valid);
        !problems.empty()) {
      return problems;
    }
    scenario.variants.push_back({name, valid.dump()});
  }
  return {};
}

// That the variants' configs are whole, and have what the scenario names.
std::vector<Problem> check_variants(const json& document, const Scenario& scenario) {
  for (const Variant& variant : scenario.variants) {
    const json config = json::parse(variant.config);
    const std::string file = variant.name.empty()
                                 ? scenario.config_file
                                 : scenario.file + ": variant \"" + variant.name + "\"";
    if (const auto options =
            emulator::options_from_json(config, config::folder_of(scenario.config_file));
        !options) {
      return {{file, options.error().at, options.error().detail}};
    }
    if (auto problems = check_names(scenario.file, document, config); !problems.empty()) {
      return problems;
    }
  }
  return {};
}

}  // namespace

Outcome worse(Outcome a, Outcome b) { return severity(a) >= severity(b) ? a : b; }

std::vector<Problem> load_scenario(const std::string& path, Scenario& scenario, Unvaried unvaried) {
  json document;
  if (auto problems = config::load(path, config::scenario_schema(), document); !problems.empty()) {
    return problems;
  }
  if (unvaried == Unvaried::by_layers && document.value("variants", json::object()).empty()) {
    document["variants"] = layer_variants();
  }
  scenario.file = path;
  scenario.name = document.at("name").get<std::string>();
  scenario.predict = document.value("predict", "");
  scenario.config_file = relative_to(path, document.at("config").get<std::string>());
  scenario.seed_first = document.at("seeds").at("from").get<std::uint64_t>();
  scenario.seed_count = document.at("seeds").at("count").get<std::uint64_t>();
  scenario.virtual_max = config::duration_of(document.at("limits").at("virtual"));
  scenario.wall_max = config::duration_of(document.at("limits").at("wall"));
  scenario.hang_max = config::duration_of(document.at("limits").at("hang"));

  json config;
  if (auto problems = config::load(scenario.config_file, config::config_schema(), config);
      !problems.empty()) {
    return problems;
  }
  if (auto problems = make_variants(document, config, scenario); !problems.empty()) return problems;
  if (auto problems = check_variants(document, scenario); !problems.empty()) return problems;
  scenario.document = document.dump();
  return {};
}

}  // namespace porteiro::simulation
