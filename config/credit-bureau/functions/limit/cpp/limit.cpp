// How much a person may borrow: by the score's band, so many hundredths of the monthly income. The
// same function as in the folders beside this one, in C++, as a program of its own.
#include <array>
#include <nlohmann/json.hpp>
#include <porteiro/worker.hpp>

namespace {

using nlohmann::json;

struct Band {
  int above;
  const char* name;
  std::int64_t hundredths;
};
constexpr std::array<Band, 4> bands{
    {{700, "excellent", 300}, {500, "good", 150}, {300, "regular", 50}, {-1, "low", 0}}};

std::string limit(const porteiro::worker::Invocation& invocation) {
  const json event = json::parse(invocation.payload);
  const auto person = event.at("pathParameters").at("cpf").get<std::string>();
  const auto found = porteiro::worker::ask_data("GET", "/B/profile/" + person);
  if (found.status == 404) return R"({"statusCode":404,"body":"{\"error\":\"unknown person\"}"})";
  if (found.status != 200) throw porteiro::worker::Failure("Data.Refused", found.body);
  const json profile = json::parse(found.body);
  std::int64_t income = 0;
  for (const json& each : profile.value("income_sources", json::array())) {
    income += each.at("monthly_cents").get<std::int64_t>();
  }
  const int score = profile.value("score", 0);
  const Band& band = *std::find_if(bands.begin(), bands.end(),
                                   [&](const Band& each) { return score > each.above; });
  const std::int64_t cents = income * band.hundredths / 100;
  const json body{{"band", band.name}, {"limit_cents", cents}};
  return json{{"statusCode", 200},
              {"headers", {{"content-type", "application/json"}}},
              {"body", body.dump()}}
      .dump();
}

}  // namespace

int main() { return porteiro::worker::run(limit); }
