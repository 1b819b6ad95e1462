#include "attacks/bench.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "porteiro/config/config.hpp"

namespace porteiro::attacks {

std::string Answer::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const http::Header& each) { return each.name == name; });
  return found == headers.end() ? std::string() : found->value;
}

std::string Bench::example(const json& patch) {
  json config;
  const auto problems = config::load(PORTEIRO_EXAMPLE, config::config_schema(), config);
  REQUIRE(problems.empty());
  // Functions outside need processes, which a virtual world has not.
  for (const char* name : {"limit-node", "limit-python", "limit-shell", "limit-cpp"}) {
    config["functions"].erase(name);
  }
  json routes = json::array();
  for (const json& route : config["gateway"]["routes"]) {
    if (route.value("to", "").starts_with("limit-")) continue;
    routes.push_back(route);
  }
  config["gateway"]["routes"] = routes;
  config.merge_patch(patch);
  return config.dump();
}

Bench::Bench(std::string_view text, std::uint64_t seed) : world(seed) {
  json config;
  const auto problems = config::validate(text, "config", config::config_schema(), config);
  for (const config::Problem& problem : problems) MESSAGE(config::to_text(problem));
  REQUIRE(problems.empty());
  auto options = emulator::options_from_json(config);
  if (!options) MESSAGE(options.error().at << ": " << options.error().detail);
  REQUIRE(options.has_value());
  lambda::Registry registry;
  lambda::add_builtins(registry);
  lambda::add_linked(registry);
  auto opened = emulator::Emulator::open(std::move(options).value(), world.environment, registry);
  if (!opened) MESSAGE(opened.error().at << ": " << opened.error().detail);
  REQUIRE(opened.has_value());
  emulator = std::move(opened).value();
  bool started = false;
  emulator->start([&started](Result<void> done) { started = done.has_value(); });
  for (int i = 0; i < 100 && !started; ++i) world.scheduler.run_for(100ms);
  REQUIRE(started);
}

Bench::~Bench() { emulator.reset(); }  // Before the world that it borrows.

Answer Bench::send(Handle handle, std::string_view method, std::string_view target,
                   const Headers& headers, std::string_view body) {
  std::vector<http::HeaderView> views;
  for (const auto& [name, value] : headers) views.push_back({name, value});
  const http::Request request{method, target, views, body, "127.0.0.1:50000"};
  const auto answer = std::make_shared<Answer>();
  ((*emulator).*handle)(request, [answer](http::Response response) {
    answer->status = response.status;
    answer->body = std::move(response.body);
    answer->headers = std::move(response.headers);
  });
  const Time until = world.scheduler.now() + patience;
  while (answer->status == 0 && world.scheduler.now() < until) world.scheduler.run_for(10ms);
  return *answer;
}

Answer Bench::ask(std::string_view method, std::string_view target, Headers headers,
                  std::string_view body) {
  return send(&emulator::Emulator::handle_public, method, target, headers, body);
}

Answer Bench::inside(std::string_view method, std::string_view target, Headers headers,
                     std::string_view body) {
  headers.emplace_back("Host", "127.0.0.1:4566");
  return send(&emulator::Emulator::handle_inside, method, target, headers, body);
}

Answer Bench::aws(std::string_view target, const json& input, Headers headers) {
  headers.emplace_back("X-Amz-Target", std::string(target));
  headers.emplace_back("Content-Type", "application/x-amz-json-1.1");
  return inside("POST", "/", std::move(headers), input.dump());
}

std::string Bench::queue_url(std::string_view queue) const {
  return "http://127.0.0.1:4566/000000000000/" + std::string(queue);
}

std::vector<std::string> Bench::denials() const {
  std::vector<std::string> out;
  const telemetry::Telemetry& telemetry = emulator->telemetry();
  telemetry.read(0, [&](const telemetry::Record& record) {
    if (record.kind != telemetry::Kind::note) return;
    const std::string_view text = telemetry.note_text(record.extra);
    if (text.starts_with("denied: ")) out.emplace_back(text);
  });
  return out;
}

bool Bench::leaked(std::string_view text) {
  std::string all = emulator->telemetry().metrics();
  const telemetry::Telemetry& telemetry = emulator->telemetry();
  telemetry.read(0, [&](const telemetry::Record& record) {
    all += to_json(telemetry, record);
    if (record.kind == telemetry::Kind::note) all += telemetry.note_text(record.extra);
  });
  all += inside("GET", "/_porteiro/events?limit=1000").body;
  return all.find(text) != std::string::npos;
}

double Bench::metric(std::string_view line) const {
  const std::string text = "\n" + emulator->telemetry().metrics();
  const std::string wanted = "\n" + std::string(line) + " ";
  const std::size_t at = text.find(wanted);
  return at == std::string::npos ? 0 : std::stod(text.substr(at + wanted.size()));
}

Headers with_json(Headers headers) {
  headers.emplace_back("Content-Type", "application/json");
  return headers;
}

void register_ana(Bench& bench) {
  const json person{
      {"cpf", ana},
      {"name", secret_name},
      {"debts", {{{"creditor", "Banco Canary"}, {"amount_cents", 100}, {"status", "open"}}}}};
  const Answer answer = bench.ask("POST", "/v1/people", with_json(lender), person.dump());
  REQUIRE(answer.status == 202);
  bench.pass(5s);
  const Answer status = bench.ask("GET", answer.header("Location"), lender);
  REQUIRE(status.status == 200);
  REQUIRE(status.holds("succeeded"));
}

std::string token_of_ana(Bench& bench) {
  const json events = bench.inside("GET", "/_porteiro/events").parsed();
  const std::string token = events.at("events").at(0).at("event").at("subject");
  REQUIRE(token.starts_with("cpf_"));
  return token;
}

json request_for_ana(Bench& bench) {
  return {{"specversion", "1.0"},
          {"id", "00000000000000000000000000000001"},
          {"source", "/x"},
          {"type", "person.requested"},
          {"principal", "lender"},
          {"purpose", "credit-protection"},
          {"data", {{"path", {{"cpf", token_of_ana(bench)}}}}}};
}

}  // namespace porteiro::attacks
