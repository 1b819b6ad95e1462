#include "simulation/generators.hpp"

#include <array>
#include <utility>

#include "porteiro/base/json_scan.hpp"

namespace porteiro::simulation {
namespace {

using nlohmann::json;

constexpr std::array first_names{
    "Ana",    "Beatriz", "Caio",   "Daniela", "Eduardo",  "Fernanda", "Gustavo", "Helena",
    "Igor",   "Joana",   "Karina", "Leandro", "Mariana",  "Natália",  "Otávio",  "Patrícia",
    "Rafael", "Sabrina", "Tiago",  "Úrsula",  "Vinícius", "Yara",     "Zuleica", "Antônio"};
constexpr std::array middle_names{
    "Alves",   "Barbosa",   "Cardoso", "Duarte",  "Esteves", "Figueira",  "Gonçalves", "Henriques",
    "Ibrahim", "Junqueira", "Klein",   "Lacerda", "Machado", "Noronha",   "Oliveira",  "Pacheco",
    "Queiroz", "Ribeiro",   "Sampaio", "Tavares", "Uchoa",   "Valadares", "Ximenes",   "Zanetti"};
constexpr std::array streets{"Rua das Laranjeiras", "Avenida Paulista", "Travessa do Porto",
                             "Rua Sete de Setembro", "Alameda dos Ipês"};
struct City {
  const char* name;
  const char* state;
};
constexpr std::array cities{City{"São Paulo", "SP"}, City{"Rio de Janeiro", "RJ"},
                            City{"Belo Horizonte", "MG"}, City{"Porto Alegre", "RS"},
                            City{"Recife", "PE"}};

template <class List>
const auto& pick(const List& list, Random& random) {
  return list[random.below(list.size())];
}

std::string digits(Random& random, std::size_t length) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) out += static_cast<char>('0' + random.below(10));
  return out;
}

// Long enough to be unique among tens of thousands: 24 × 24³ combinations.
std::string random_name(Random& random) {
  std::string out = pick(first_names, random);
  for (int i = 0; i < 3; ++i) out.append(" ").append(pick(middle_names, random));
  return out;
}

void add_text(std::string& out, std::string_view name, std::string_view text) {
  out += out.ends_with('{') ? "" : ",";
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
}

void add_address(std::string& out, Random& random) {
  const City& city = pick(cities, random);
  const std::string street = pick(streets, random);
  const std::string number = std::to_string(random.between(1, 4000));
  const std::string complement = "apto " + std::to_string(random.between(1, 250));
  out += '{';
  add_text(out, "city", city.name);
  add_text(out, "complement", complement);
  add_text(out, "district", "Centro");
  add_text(out, "number", number);
  add_text(out, "state", city.state);
  add_text(out, "street", street);
  add_text(out, "zip", digits(random, 8));
  out += '}';
}

std::string random_uuid(Random& random) {
  std::string hex;
  for (int i = 0; i < 2; ++i) {
    std::string half;
    append_u64(half, random.next());
    hex += to_hex(half);
  }
  hex[12] = '4';
  hex[16] = "89ab"[random.below(4)];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

std::int64_t day_number(const json& date) {
  const auto time = parse_rfc3339(date.get<std::string>() + "T00:00:00Z");
  PORTEIRO_ASSERT(time.has_value());  // The schema checked the format.
  return std::chrono::floor<std::chrono::days>(time.value()).time_since_epoch().count();
}

// Puts day numbers in the place of a specification's dates and JSON texts in that of its choices:
// they are used over and over.
void prepare(json& spec) {
  const std::string& gen = spec.at("gen").get_ref<const std::string&>();
  if (gen == "date") {
    for (const char* member : {"from", "to"}) spec[member] = day_number(spec.at(member));
  } else if (gen == "choice") {
    for (json& choice : spec.at("of")) choice = choice.dump();
  } else if (gen == "list") {
    prepare(spec.at("of"));
  } else if (gen == "object") {
    for (json& field : spec.at("fields")) prepare(field);
  }
}

std::string random_date(Random& random, const json& spec) {
  const std::chrono::days at(
      random.between(spec.at("from").get<std::int64_t>(), spec.at("to").get<std::int64_t>()));
  return to_rfc3339(Time(at)).substr(0, 10);
}

void generate(std::string& out, const json& spec, Random& random, Time now);

void add_list(std::string& out, const json& spec, Random& random, Time now) {
  const std::int64_t count =
      random.between(spec.at("min").get<std::int64_t>(), spec.at("max").get<std::int64_t>());
  out += '[';
  for (std::int64_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    generate(out, spec.at("of"), random, now);
  }
  out += ']';
}

void add_object(std::string& out, const json& spec, Random& random, Time now) {
  out += '{';
  bool first = true;
  for (const auto& [name, field] : spec.at("fields").items()) {
    if (!std::exchange(first, false)) out += ',';
    append_json_string(out, name);
    out += ':';
    generate(out, field, random, now);
  }
  out += '}';
}

// Adds a value as JSON text.
void generate(std::string& out, const json& spec, Random& random, Time now) {
  const std::string& gen = spec.at("gen").get_ref<const std::string&>();
  if (gen == "cpf") return append_json_string(out, random_cpf(random));
  if (gen == "name") return append_json_string(out, random_name(random));
  if (gen == "address") return add_address(out, random);
  if (gen == "int") {
    out += std::to_string(
        random.between(spec.at("min").get<std::int64_t>(), spec.at("max").get<std::int64_t>()));
    return;
  }
  if (gen == "digits") {
    return append_json_string(out, digits(random, spec.at("length").get<std::size_t>()));
  }
  if (gen == "uuid") return append_json_string(out, random_uuid(random));
  if (gen == "time") return append_json_string(out, to_rfc3339(now));
  if (gen == "date") return append_json_string(out, random_date(random, spec));
  if (gen == "choice") {
    out += pick(spec.at("of"), random).get_ref<const std::string&>();
    return;
  }
  if (gen == "list") return add_list(out, spec, random, now);
  PORTEIRO_ASSERT(gen == "object");  // The schema knows no other.
  add_object(out, spec, random, now);
}

}  // namespace

std::string random_cpf(Random& random) {
  std::string cpf;
  do {
    cpf = digits(random, 9);
  } while (cpf.find_first_not_of(cpf[0]) == std::string::npos);
  for (int length = 9; length < 11; ++length) {
    int sum = 0;
    for (int i = 0; i < length; ++i)
      sum += (cpf[static_cast<std::size_t>(i)] - '0') * (length + 1 - i);
    const int rest = sum % 11;
    cpf += static_cast<char>('0' + (rest < 2 ? 0 : 11 - rest));
  }
  return cpf;
}

Generators::Generators(const json& data) {
  for (const auto& [name, spec] : data.items()) {
    prepare(specs_.emplace(name, spec).first->second);
  }
}

bool Generators::canary(std::string_view name) const {
  const auto it = specs_.find(name);
  return it != specs_.end() && it->second.value("canary", false);
}

Value Generators::make(std::string_view name, Random& random, Time now) const {
  std::string raw;
  generate(raw, specs_.find(name)->second, random, now);
  std::string text = string_value(raw).value_or(raw);
  return {std::move(raw), std::move(text)};
}

}  // namespace porteiro::simulation
