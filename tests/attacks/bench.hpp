// A whole emulator in virtual time, for those who try to get past its doors: requests to the public
// and to the inside port, what came of them, and what was told of denials.
#pragma once
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/emulator/emulator.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace porteiro::attacks {

using namespace std::chrono_literals;
using nlohmann::json;

struct Answer {
  int status = 0;  // 0: there was none.
  std::string body{};
  std::vector<http::Header> headers{};

  std::string header(std::string_view name) const;
  json parsed() const { return json::parse(body, nullptr, false); }
  bool holds(std::string_view text) const { return body.find(text) != std::string::npos; }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class Bench {
 public:
  // A valid config as JSON text, comments allowed; or with members laid over the shipped example.
  explicit Bench(std::string_view config, std::uint64_t seed = 1);
  static std::string example(const json& patch = json::object());
  ~Bench();

  // Each runs until the emulator has nothing more to do, or for `patience` of virtual time.
  Answer ask(std::string_view method, std::string_view target, Headers headers = {},
             std::string_view body = {});
  Answer inside(std::string_view method, std::string_view target, Headers headers = {},
                std::string_view body = {});
  // A call of an AWS service in JSON: aws("AmazonSQS.SendMessage", {...}).
  Answer aws(std::string_view target, const json& input, Headers headers = {});
  std::string queue_url(std::string_view queue) const;
  void pass(Duration time) { world.scheduler.run_for(time); }

  // The reasons of all denials that were told until now.
  std::vector<std::string> denials() const;
  // Whether one of the denials, log lines, metrics, traces and business events holds the text.
  bool leaked(std::string_view text);
  double metric(std::string_view line) const;  // `name{labels}`; 0: it is not there.

  virtual_world::World world;
  std::unique_ptr<emulator::Emulator> emulator;

  static constexpr Duration patience = std::chrono::seconds(40);

 private:
  using Handle = void (emulator::Emulator::*)(const http::Request&, http::Responder);
  Answer send(Handle handle, std::string_view method, std::string_view target,
              const Headers& headers, std::string_view body);
};

// The example's usual clients and people.
inline const Headers lender{{"X-Api-Key", "demo-lender-key"}};
inline const Headers shop{{"X-Api-Key", "demo-shop-key"}};
Headers with_json(Headers headers);  // And a content type.
inline constexpr std::string_view ana = "11144477735";
inline constexpr std::string_view secret_name = "Ana Canary Lima";
// Registers Ana with that name and one debt, and sees that it is done.
void register_ana(Bench& bench);
std::string token_of_ana(Bench& bench);  // As the business events of her registration show it.
// What the gateway makes of a request for her record, but for the signature.
json request_for_ana(Bench& bench);

}  // namespace porteiro::attacks
