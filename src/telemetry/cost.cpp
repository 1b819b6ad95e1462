#include "porteiro/telemetry/cost.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace porteiro::telemetry {
namespace {

constexpr double million = 1e6;
constexpr double hours_of_month = 730;      // As AWS's calculator has it.
constexpr double mib_of_gigabyte = 1024;    // Lambda's GB-second: 1,024 MB.
constexpr std::uint32_t default_mib = 128;  // Lambda's smallest.

// The calls that only key pairs have.
bool is_asymmetric(std::string_view op) {
  constexpr std::array<std::string_view, 4> ops{"sign", "verify", "generate_data_key_pair",
                                                "derive_shared_secret"};
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

class Meter {
 public:
  Meter(const Telemetry& telemetry, const Prices& prices)
      : telemetry_(telemetry), prices_(prices) {}

  void requests() {
    std::uint64_t count = 0;
    each("porteiro_gateway_requests_total",
         [&](std::string_view, std::uint64_t value) { count += value; });
    cost_.requests = count;
    add("requests", static_cast<double>(count), "requests", prices_.million_requests / million);
  }

  void queues() {
    double standard = 0, fifo = 0;
    each("porteiro_queue_billed_requests_total", [&](std::string_view labels, std::uint64_t value) {
      (label_of(labels, "queue").ends_with(".fifo") ? fifo : standard) +=
          static_cast<double>(value);
    });
    add("queue requests", standard, "requests", prices_.million_queue_requests / million);
    add("FIFO queue requests", fifo, "requests", prices_.million_fifo_requests / million);
  }

  void functions(const Rented& rented) {
    double count = 0, gigabyte_seconds = 0;
    each("porteiro_function_invocations_total",
         [&](std::string_view, std::uint64_t value) { count += static_cast<double>(value); });
    each("porteiro_function_busy_microseconds_total",
         [&](std::string_view labels, std::uint64_t value) {
           const auto mib = rented.function_mib.find(label_of(labels, "function"));
           const double size = mib == rented.function_mib.end() ? default_mib : mib->second;
           gigabyte_seconds += size / mib_of_gigabyte * static_cast<double>(value) / million;
         });
    add("invocations", count, "invocations", prices_.million_invocations / million);
    add("function time", gigabyte_seconds, "GB-s", prices_.gigabyte_second);
  }

  void kms() {
    double symmetric = 0, asymmetric = 0;
    each("porteiro_kms_calls_total", [&](std::string_view labels, std::uint64_t value) {
      (is_asymmetric(label_of(labels, "op")) ? asymmetric : symmetric) +=
          static_cast<double>(value);
    });
    add("KMS calls", symmetric, "calls", prices_.kms_calls_10000 / 1e4);
    add("KMS calls of key pairs", asymmetric, "calls", prices_.kms_asymmetric_calls_10000 / 1e4);
  }

  void rented(const Rented& rented, Duration time) {
    const double hours = std::chrono::duration<double>(time).count() / 3600;
    add("keys", static_cast<double>(rented.keys) * hours / hours_of_month, "key months",
        prices_.key_month, true);
    for (const Rented::Database& each : rented.databases) {
      add(each.name, hours, "hours", each.hour, true);
    }
  }

  Cost take() && { return std::move(cost_); }

 private:
  template <class Each>
  void each(std::string_view name, Each each) {
    telemetry_.counters(name, each);
  }
  void add(std::string what, double quantity, std::string unit, double price,
           bool by_time = false) {
    if (quantity <= 0) return;
    cost_.lines.push_back({std::move(what), quantity, std::move(unit), quantity * price, by_time});
  }

  const Telemetry& telemetry_;
  const Prices& prices_;
  Cost cost_;
};

std::string number(double value) {
  std::array<char, 32> buffer;
  const auto [end, failure] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                            std::chars_format::general, 10);
  return failure == std::errc() ? std::string(buffer.data(), end) : "0";
}

double sum(const std::vector<CostLine>& lines, bool by_time) {
  double usd = 0;
  for (const CostLine& line : lines) {
    if (line.by_time == by_time) usd += line.usd;
  }
  return usd;
}

}  // namespace

std::string_view label_of(std::string_view labels, std::string_view name) {
  const std::string start = std::string(name) + "=\"";
  std::size_t at = labels.find(start);
  if (at == std::string_view::npos) return {};
  at += start.size();
  return labels.substr(at, labels.find('"', at) - at);
}

double Cost::by_use() const { return sum(lines, false); }
double Cost::by_time() const { return sum(lines, true); }

Cost cost(const Telemetry& telemetry, const Prices& prices, const Rented& rented, Duration time) {
  Meter meter(telemetry, prices);
  meter.requests();
  meter.queues();
  meter.functions(rented);
  meter.kms();
  meter.rented(rented, time);
  return std::move(meter).take();
}

std::string to_json(const Cost& cost) {
  std::string out = "{\"usd\":" + number(cost.total()) +
                    ",\"by_use_usd\":" + number(cost.by_use()) +
                    ",\"by_time_usd\":" + number(cost.by_time()) +
                    ",\"requests\":" + std::to_string(cost.requests);
  if (cost.requests > 0) {
    out += ",\"usd_per_million_requests\":" +
           number(cost.by_use() * million / static_cast<double>(cost.requests));
  }
  out += ",\"lines\":[";
  for (const CostLine& line : cost.lines) {
    if (&line != &cost.lines.front()) out += ',';
    out += "{\"what\":";
    append_json_string(out, line.what);
    out += ",\"quantity\":" + number(line.quantity) + ",\"unit\":";
    append_json_string(out, line.unit);
    out += ",\"usd\":" + number(line.usd);
    out += line.by_time ? ",\"paid\":\"by time\"}" : ",\"paid\":\"by use\"}";
  }
  return out + "]}";
}

}  // namespace porteiro::telemetry
