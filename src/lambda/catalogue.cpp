#include "porteiro/lambda/catalogue.hpp"

#include <algorithm>
#include <charconv>

#include "lambda/catalogue_format.hpp"

namespace porteiro::lambda {
namespace {

using nlohmann::json;

Error absent(std::string_view name) {
  return error(Errc::not_found, "there is no function named " + std::string(name), "function");
}

Error damaged(std::string_view what) {
  return error(Errc::corrupt, "the journal's function " + std::string(what) +
                                  " cannot be read: it is damaged or another version's");
}

Error too_many(std::size_t most, std::string_view what) {
  return error(Errc::limit_exceeded,
               "there may be at most " + std::to_string(most) + " " + std::string(what));
}

}  // namespace

const Version* CatalogueFunction::version(std::string_view number) const {
  if (number.empty() || number == latest_version) return &latest;
  for (const Version& version : published) {
    if (version.number == number) return &version;
  }
  return nullptr;
}

Catalogue::Catalogue(journal::Journal& journal, CatalogueLimits limits)
    : journal_(journal), limits_(limits), stream_(journal.join("lambda.catalogue", *this)) {}

Result<void> Catalogue::declare(CatalogueFunction function) {
  function.declared = true;
  std::string name = function.name;
  if (!declared_.emplace(std::move(name), std::move(function)).second) {
    return error(Errc::conflict, "a function of that name is declared already", "name");
  }
  return ok();
}

const CatalogueFunction* Catalogue::own(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

const CatalogueFunction* Catalogue::find(std::string_view name) const {
  const auto found = declared_.find(name);
  return found == declared_.end() ? own(name) : &found->second;
}

std::vector<const CatalogueFunction*> Catalogue::functions() const {
  std::vector<const CatalogueFunction*> all;
  for (const auto& [name, function] : declared_) all.push_back(&function);
  for (const auto& [name, function] : functions_) {
    if (!declared_.contains(name)) all.push_back(&function);
  }
  std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  return all;
}

Result<void> Catalogue::check_changeable(std::string_view name) const {
  const CatalogueFunction* const function = find(name);
  if (function == nullptr) return absent(name);
  if (function->declared) {
    return error(Errc::denied,
                 "the function " + std::string(name) +
                     " is declared in the configuration, and only there it can be changed",
                 "function");
  }
  return ok();
}

Result<void> Catalogue::check_code(const Code& code) const {
  std::map<std::string_view, std::uint64_t> sizes{{code.sha256, code.bytes}};
  for (const auto& [name, function] : functions_) {
    sizes.emplace(function.latest.settings.code.sha256, function.latest.settings.code.bytes);
    for (const Version& version : function.published) {
      sizes.emplace(version.settings.code.sha256, version.settings.code.bytes);
    }
  }
  std::uint64_t total = 0;
  for (const auto& [sha256, bytes] : sizes) total += bytes;
  if (total <= limits_.code_bytes_max) return ok();
  return error(Errc::limit_exceeded,
               "the code of all functions is larger than " +
                   std::to_string(limits_.code_bytes_max) + " bytes: delete functions or versions",
               "code");
}

Result<void> Catalogue::check(const CatalogueFunction& function) const {
  if (function.aliases.size() > limits_.aliases_max) {
    return too_many(limits_.aliases_max, "aliases of a function");
  }
  const CatalogueFunction* const before = own(function.name);
  const Code& code = function.latest.settings.code;
  if (before != nullptr && before->latest.settings.code == code) return ok();
  return check_code(code);
}

Result<journal::Sequence> Catalogue::create(CatalogueFunction function) {
  if (find(function.name) != nullptr) {
    return error(Errc::conflict, "a function named " + function.name + " exists", "function");
  }
  if (functions_.size() >= limits_.functions_max) {
    return too_many(limits_.functions_max, "functions: delete some");
  }
  PORTEIRO_TRY(check(function));
  function.published.clear();
  function.declared = false;
  const journal::Sequence sequence = append('F', to_json(function).dump());
  functions_.insert_or_assign(function.name, std::move(function));
  return sequence;
}

Result<journal::Sequence> Catalogue::change(CatalogueFunction function) {
  PORTEIRO_TRY(check_changeable(function.name));
  PORTEIRO_TRY(check(function));
  CatalogueFunction& kept = functions_.find(function.name)->second;
  function.published = std::move(kept.published);
  function.last_number = kept.last_number;
  kept = std::move(function);
  return append('F', to_json(kept).dump());
}

Result<Catalogue::Published> Catalogue::publish(std::string_view name, Version version) {
  PORTEIRO_TRY(check_changeable(name));
  CatalogueFunction& function = functions_.find(name)->second;
  if (function.published.size() >= limits_.versions_max) {
    return too_many(limits_.versions_max, "versions of a function: delete some");
  }
  version.number = std::to_string(++function.last_number);
  function.published.push_back(std::move(version));
  const Version& made = function.published.back();
  const json entry = {{"name", function.name}, {"version", to_json(made)}};
  return Published{&made, append('V', entry.dump())};
}

Result<journal::Sequence> Catalogue::remove_version(std::string_view name,
                                                    std::string_view number) {
  PORTEIRO_TRY(check_changeable(name));
  CatalogueFunction& function = functions_.find(name)->second;
  const auto found = std::find_if(function.published.begin(), function.published.end(),
                                  [&](const Version& v) { return v.number == number; });
  if (found == function.published.end()) {
    return error(Errc::not_found, "the function has no such version", "version");
  }
  for (const auto& [alias_name, alias] : function.aliases) {
    if (alias.version == number || alias.weights.contains(std::string(number))) {
      return error(Errc::conflict, "the alias " + alias_name + " leads to this version", "version");
    }
  }
  function.published.erase(found);
  return append('v', json{{"name", function.name}, {"number", number}}.dump());
}

Result<journal::Sequence> Catalogue::remove(std::string_view name) {
  PORTEIRO_TRY(check_changeable(name));
  const journal::Sequence sequence = append('f', json{{"name", name}}.dump());
  functions_.erase(functions_.find(name));
  return sequence;
}

const CatalogueMapping* Catalogue::find_mapping(Id id) const {
  const auto found = mappings_.find(id);
  return found == mappings_.end() ? nullptr : &found->second;
}

std::vector<const CatalogueMapping*> Catalogue::mappings() const {
  std::vector<const CatalogueMapping*> all;
  for (const auto& [id, mapping] : mappings_) all.push_back(&mapping);
  return all;
}

Result<journal::Sequence> Catalogue::put_mapping(CatalogueMapping mapping) {
  if (!mappings_.contains(mapping.id) && mappings_.size() >= limits_.mappings_max) {
    return too_many(limits_.mappings_max, "event source mappings: delete some");
  }
  const journal::Sequence sequence = append('M', to_json(mapping).dump());
  mappings_.insert_or_assign(mapping.id, std::move(mapping));
  return sequence;
}

Result<journal::Sequence> Catalogue::remove_mapping(Id id) {
  if (mappings_.erase(id) == 0) {
    return error(Errc::not_found, "there is no such event source mapping", "mapping");
  }
  return append('m', json{{"id", to_text(id)}}.dump());
}

std::set<std::string> Catalogue::codes() const {
  std::set<std::string> all;
  for (const auto& [name, function] : functions_) {
    all.insert(function.latest.settings.code.sha256);
    for (const Version& version : function.published) all.insert(version.settings.code.sha256);
  }
  return all;
}

bool Catalogue::refers(std::string_view sha256) const {
  const auto is = [&](const Version& version) { return version.settings.code.sha256 == sha256; };
  return std::any_of(functions_.begin(), functions_.end(), [&](const auto& entry) {
    const CatalogueFunction& function = entry.second;
    return is(function.latest) ||
           std::any_of(function.published.begin(), function.published.end(), is);
  });
}

void Catalogue::reset() {
  functions_.clear();
  mappings_.clear();
}

journal::Sequence Catalogue::append(char kind, const std::string& text) {
  if (!journal_.on_disk()) return 0;
  return journal_.append(stream_, std::string{catalogue_format, kind} + text);
}

std::string Catalogue::snapshot() {
  json all = {{"functions", json::array()}, {"mappings", json::array()}};
  for (const auto& [name, function] : functions_) {
    json one = to_json(function);
    for (const Version& version : function.published) {
      one["published"].push_back(to_json(version));
    }
    all["functions"].push_back(std::move(one));
  }
  for (const auto& [id, mapping] : mappings_) all["mappings"].push_back(to_json(mapping));
  return catalogue_format + all.dump();
}

Result<void> Catalogue::restore(std::string_view snapshot) {
  if (snapshot.empty() || snapshot.front() != catalogue_format) return damaged("snapshot");
  try {
    const json all = json::parse(snapshot.substr(1));
    for (const json& one : all.at("functions")) {
      CatalogueFunction function = function_from(one);
      functions_.insert_or_assign(function.name, std::move(function));
    }
    for (const json& one : all.at("mappings")) {
      CatalogueMapping mapping = mapping_from(one);
      mappings_.insert_or_assign(mapping.id, std::move(mapping));
    }
  } catch (const json::exception&) {
    return damaged("snapshot");
  }
  return ok();
}

Result<void> Catalogue::replay(std::string_view entry) {
  if (entry.size() < 2 || entry[0] != catalogue_format) return damaged("entry");
  try {
    return apply(entry[1], entry.substr(2));
  } catch (const json::exception&) {
    return damaged("entry");
  }
}

// Throws nlohmann's exceptions.
Result<void> Catalogue::apply(char kind, std::string_view text) {
  const json entry = json::parse(text);
  if (kind == 'M') {
    CatalogueMapping mapping = mapping_from(entry);
    mappings_.insert_or_assign(mapping.id, std::move(mapping));
    return ok();
  }
  if (kind == 'm') {
    mappings_.erase(id_from(entry.at("id")));
    return ok();
  }
  const std::string name = entry.at("name").get<std::string>();
  const auto found = functions_.find(name);
  if (kind == 'F') {
    CatalogueFunction function = function_from(entry);
    if (found != functions_.end()) function.published = std::move(found->second.published);
    functions_.insert_or_assign(name, std::move(function));
    return ok();
  }
  if (found == functions_.end()) return damaged("entry");
  CatalogueFunction& function = found->second;
  if (kind == 'f') {
    functions_.erase(found);
  } else if (kind == 'V') {
    function.published.push_back(version_from(entry.at("version")));
    const std::string& number = function.published.back().number;
    std::from_chars(number.data(), number.data() + number.size(), function.last_number);
  } else if (kind == 'v') {
    std::erase_if(function.published,
                  [&](const Version& v) { return v.number == entry.at("number"); });
  } else {
    return damaged("entry");
  }
  return ok();
}

}  // namespace porteiro::lambda
