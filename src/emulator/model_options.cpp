#include "emulator/model_options.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "porteiro/config/config.hpp"

namespace porteiro::emulator {
namespace {

using config::below;
using nlohmann::json;

// "profile.age", "count(trail.movements)", "last(…)".
std::optional<readmodels::Selection> read_selection(const std::string& name,
                                                    std::string_view written) {
  using Kind = readmodels::Selection::Kind;
  readmodels::Selection selection;
  selection.name = name;
  const std::size_t open = written.find('(');
  if (open != std::string_view::npos) {
    selection.kind = written.starts_with("count") ? Kind::count : Kind::last;
    written.remove_prefix(open + 1);
    if (!written.ends_with(')')) return std::nullopt;
    written.remove_suffix(1);
  }
  if (written.find(')') != std::string_view::npos) return std::nullopt;
  const std::size_t dot = written.find('.');
  selection.collection = written.substr(0, dot);
  selection.field = written.substr(dot + 1);
  return selection;
}

}  // namespace

Result<std::vector<readmodels::Options>> read_models(const json& models) {
  std::vector<readmodels::Options> out;
  for (const auto& [name, described] : models.items()) {
    const std::string pointer = below("/read_models", name);
    readmodels::Options model;
    model.name = name;
    model.key = described.at("key").get<std::string>();
    model.entries_max = described.at("entries").get<std::size_t>();
    for (const json& each : described.at("from")) {
      const auto& place = each.get_ref<const std::string&>();
      const std::size_t slash = place.find('/');
      model.from.push_back({place.substr(0, slash), place.substr(slash + 1)});
    }
    for (const auto& [selected, written] : described.at("select").items()) {
      auto selection = read_selection(selected, written.get_ref<const std::string&>());
      if (!selection) {
        return error(Errc::invalid,
                     "the parentheses do not match: write \"count(trail.movements)\"",
                     below(pointer + "/select", selected));
      }
      const auto is_it = [&](const auto& each) { return each.collection == selection->collection; };
      if (std::none_of(model.from.begin(), model.from.end(), is_it)) {
        return error(
            Errc::invalid,
            "the collection \"" + selection->collection + "\" is none of those in \"from\"",
            below(pointer + "/select", selected));
      }
      model.select.push_back(std::move(*selection));
    }
    out.push_back(std::move(model));
  }
  return out;
}

}  // namespace porteiro::emulator
