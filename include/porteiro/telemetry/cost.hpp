// What the same use would cost in a cloud: what telemetry has counted, times a price list. Made
// only when somebody asks, from counters that are there anyway, so that it costs requests nothing.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/time.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::telemetry {

// In US dollars; the schema of configs holds the defaults and says where they are from.
struct Prices {
  double million_requests = 0;        // At the gateway.
  double million_queue_requests = 0;  // Of 64 KiB: to send, to receive, to delete.
  double million_fifo_requests = 0;
  double million_invocations = 0;
  double gigabyte_second = 0;
  double kms_calls_10000 = 0;             // Of symmetric and HMAC keys.
  double kms_asymmetric_calls_10000 = 0;  // Of key pairs.
  double key_month = 0;
};

// What is paid for by the hour, and what functions are weighed with.
struct Rented {
  struct Database {
    std::string name;  // "store A"
    double hour;       // In US dollars.
  };
  std::vector<Database> databases;
  std::size_t keys = 0;
  StringMap<std::uint32_t> function_mib;  // By function; one that is not in it has 128.
};

struct CostLine {
  std::string what;  // "requests", "queue requests", "KMS calls", "store A".
  double quantity = 0;
  std::string unit;  // "requests", "GB-s", "calls", "hours".
  double usd = 0;
  bool by_time = false;  // Paid for whether it is used or not.
};

struct Cost {
  std::vector<CostLine> lines;  // In a fixed order; those without quantity are left out.
  std::uint64_t requests = 0;   // At the gateway.
  double by_use() const;        // US dollars, all lines but those by time.
  double by_time() const;
  double total() const { return by_use() + by_time(); }
};

// Of what was counted since start or the last reset, `time` ago. What is left out: empty receives,
// batches (each message is its own request), the free tiers, traffic, storage, logs.
Cost cost(const Telemetry& telemetry, const Prices& prices, const Rented& rented, Duration time);

// The value of one of a counter's labels, `queue` in `queue="a",state="b"`; empty: it has no such.
std::string_view label_of(std::string_view labels, std::string_view name);

// {"usd":…,"by_use_usd":…,"by_time_usd":…,"requests":…,"usd_per_million_requests":…,"lines":[…]};
// the price per million requests is of what is paid by use, and left out without requests.
std::string to_json(const Cost& cost);

}  // namespace porteiro::telemetry
