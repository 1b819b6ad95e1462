// The counters and gauges, and their page in the Prometheus text format.
#include <charconv>
#include <cmath>
#include <map>

#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::telemetry {
namespace {

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  const auto [end, failure] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return failure == std::errc{} ? std::string(buffer, end) : "NaN";
}

// "porteiro_kms_calls_total" gives "kms calls".
std::string spelled_out(std::string_view name) {
  if (name.starts_with("porteiro_")) name.remove_prefix(9);
  if (name.ends_with("_total")) name.remove_suffix(6);
  std::string text(name);
  for (char& c : text) {
    if (c == '_') c = ' ';
  }
  return text;
}

void append_head(std::string& page, std::string_view name, std::string_view help) {
  page.append("# HELP ").append(name).append(" ");
  for (const char c : help) {
    if (c == '\\') {
      page += "\\\\";
    } else if (c == '\n') {
      page += "\\n";
    } else {
      page += c;
    }
  }
  page.append("\n# TYPE ").append(name);
  page += name.ends_with("_total") ? " counter\n" : " gauge\n";
}

void append_sample(std::string& page, std::string_view name, std::string_view labels,
                   std::string_view value) {
  page += name;
  if (!labels.empty()) page.append("{").append(labels).append("}");
  page.append(" ").append(value).append("\n");
}

}  // namespace

Telemetry::Metric& Telemetry::metric(std::string_view name, std::string_view labels) {
  std::string key(name);
  key.append("{").append(labels);
  if (const auto found = metric_index_.find(key); found != metric_index_.end()) {
    return metrics_[found->second];
  }
  if (metrics_free_.empty()) {
    metrics_free_.push_back(metrics_.size());
    metrics_.emplace_back();
  }
  const std::size_t place = metrics_free_.back();
  metrics_free_.pop_back();
  metric_index_.emplace(std::move(key), place);
  metrics_[place] = {std::string(name), std::string(labels), 0, {}};
  return metrics_[place];
}

void Telemetry::forget(std::string_view labels) {
  std::erase_if(metric_index_, [&](const auto& entry) {
    Metric& metric = metrics_[entry.second];
    if (metric.labels != labels) return false;
    metric = {};
    metrics_free_.push_back(entry.second);
    return true;
  });
}

std::uint64_t& Telemetry::counter(std::string_view name, std::string_view labels) {
  return metric(name, labels).value;
}

void Telemetry::counters(
    std::string_view name,
    UniqueFunction<void(std::string_view labels, std::uint64_t value)> each) const {
  for (const Metric& metric : metrics_) {
    if (metric.name == name && !metric.read) each(metric.labels, metric.value);
  }
}

void Telemetry::gauge(std::string_view name, std::string_view labels,
                      UniqueFunction<double()> read) {
  metric(name, labels).read = std::move(read);
}

void Telemetry::describe(std::string_view name, std::string_view help) {
  help_.insert_or_assign(std::string(name), std::string(help));
}

std::string Telemetry::metrics() const {
  // All samples of a name have to follow each other; within it they keep the order they came in.
  std::map<std::string_view, std::vector<Metric*>> families;
  for (Metric& metric : metrics_) {
    if (!metric.name.empty()) families[metric.name].push_back(&metric);
  }

  std::string page;
  append_head(page, "porteiro_telemetry_records_total", "telemetry records made");
  append_sample(page, "porteiro_telemetry_records_total", {}, std::to_string(next_ - ring_start_));
  for (const auto& [name, samples] : families) {
    const auto help = help_.find(name);
    append_head(page, name, help != help_.end() ? help->second : spelled_out(name));
    for (Metric* metric : samples) {
      const std::string value =
          metric->read ? number_text(metric->read()) : std::to_string(metric->value);
      append_sample(page, name, metric->labels, value);
    }
  }
  return page;
}

}  // namespace porteiro::telemetry
