// Goal: what was counted, at the prices given, line by line; what is paid by time beside what is
// paid by use.
#include "porteiro/telemetry/cost.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/virtual_world/virtual_world.hpp"

using namespace porteiro;
using namespace porteiro::telemetry;
using namespace std::chrono_literals;

namespace {

constexpr Prices prices{.million_requests = 1,
                        .million_queue_requests = 0.4,
                        .million_fifo_requests = 0.5,
                        .million_invocations = 0.2,
                        .gigabyte_second = 0.0000166667,
                        .kms_calls_10000 = 0.03,
                        .kms_asymmetric_calls_10000 = 0.15,
                        .key_month = 1};

struct Bench {
  virtual_world::World world;
  Telemetry telemetry{world.scheduler, {}};
  void count(const char* name, const char* labels, std::uint64_t value) {
    telemetry.counter(name, labels) += value;
  }
  Cost bill(Rented rented = {}, Duration time = 0s) const {
    return cost(telemetry, prices, rented, time);
  }
  static double usd(const Cost& cost, std::string_view what) {
    for (const CostLine& line : cost.lines) {
      if (line.what == what) return line.usd;
    }
    return -1;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Bench, "cost: nothing counted costs nothing") {
  const Cost bill = this->bill();
  CHECK(bill.lines.empty());
  CHECK(bill.total() == 0);
  CHECK(to_json(bill) == R"({"usd":0,"by_use_usd":0,"by_time_usd":0,"requests":0,"lines":[]})");
}

// The price list's own example: a million decrypts are 3.00 dollars, and 0.03 with 100 uses a key.
TEST_CASE_FIXTURE(Bench, "cost: KMS calls are priced by ten thousand, those of key pairs apart") {
  count("porteiro_kms_calls_total", R"(key="vault",op="decrypt")", 900'000);
  count("porteiro_kms_calls_total", R"(key="vault",op="generate_data_key")", 100'000);
  count("porteiro_kms_calls_total", R"(key="signing",op="sign")", 10'000);
  CHECK(usd(bill(), "KMS calls") == doctest::Approx(3.0));
  CHECK(usd(bill(), "KMS calls of key pairs") == doctest::Approx(0.15));
  CHECK(bill().by_use() == doctest::Approx(3.15));
}

TEST_CASE_FIXTURE(Bench, "cost: requests, messages and functions, each by its own measure") {
  count("porteiro_gateway_requests_total", R"(route="GET /a",status="200")", 1'500'000);
  count("porteiro_gateway_requests_total", R"(route="GET /a",status="404")", 500'000);
  count("porteiro_queue_billed_requests_total", R"(queue="jobs")", 1'000'000);
  count("porteiro_queue_billed_requests_total", R"(queue="jobs.fifo")", 1'000'000);
  count("porteiro_function_invocations_total", R"(function="f")", 1'000'000);
  count("porteiro_function_busy_microseconds_total", R"(function="f")", 8'000'000);
  count("porteiro_function_busy_microseconds_total", R"(function="big")", 1'000'000);
  Rented rented;
  rented.function_mib.emplace("big", 2048);
  const Cost bill = this->bill(rented);
  CHECK(bill.requests == 2'000'000);
  CHECK(usd(bill, "requests") == doctest::Approx(2));
  CHECK(usd(bill, "queue requests") == doctest::Approx(0.4));
  CHECK(usd(bill, "FIFO queue requests") == doctest::Approx(0.5));
  CHECK(usd(bill, "invocations") == doctest::Approx(0.2));
  CHECK(usd(bill, "function time") == doctest::Approx(3 * 0.0000166667));  // 8 s / 8, 1 s x 2.
}

TEST_CASE_FIXTURE(Bench, "cost: databases and keys are paid by time, and told apart") {
  count("porteiro_gateway_requests_total", R"(route="GET /a",status="200")", 1000);
  Rented rented;
  rented.databases = {{"store A", 0.065}, {"store C", 0.078}};
  rented.keys = 2;
  const Cost bill = this->bill(rented, 2h);
  CHECK(usd(bill, "store A") == doctest::Approx(0.13));
  CHECK(usd(bill, "store C") == doctest::Approx(0.156));
  CHECK(usd(bill, "keys") == doctest::Approx(2 * 2 / 730.0));
  CHECK(bill.by_use() == doctest::Approx(0.001));
  CHECK(bill.by_time() == doctest::Approx(0.286 + 4 / 730.0));
  const auto told = nlohmann::json::parse(to_json(bill));
  CHECK(told.at("usd_per_million_requests").get<double>() == doctest::Approx(1));
  CHECK(told.at("lines").size() == 4);
  CHECK(told.at("lines").back().at("paid") == "by time");
}
