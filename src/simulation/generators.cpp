#include "simulation/generators.hpp"

#include <array>

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

json random_address(Random& random) {
  const City& city = pick(cities, random);
  return {{"street", pick(streets, random)},
          {"number", std::to_string(random.between(1, 4000))},
          {"complement", "apto " + std::to_string(random.between(1, 250))},
          {"district", "Centro"},
          {"city", city.name},
          {"state", city.state},
          {"zip", digits(random, 8)}};
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

// Puts day numbers in the place of a specification's dates, which are used over and over.
void number_days(json& spec) {
  const std::string& gen = spec.at("gen").get_ref<const std::string&>();
  if (gen == "date") {
    for (const char* member : {"from", "to"}) spec[member] = day_number(spec.at(member));
  } else if (gen == "list") {
    number_days(spec.at("of"));
  } else if (gen == "object") {
    for (json& field : spec.at("fields")) number_days(field);
  }
}

std::string random_date(Random& random, const json& spec) {
  const std::chrono::days at(
      random.between(spec.at("from").get<std::int64_t>(), spec.at("to").get<std::int64_t>()));
  return to_rfc3339(Time(at)).substr(0, 10);
}

json generate(const json& spec, Random& random, Time now);

json random_list(const json& spec, Random& random, Time now) {
  json out = json::array();
  const std::int64_t count =
      random.between(spec.at("min").get<std::int64_t>(), spec.at("max").get<std::int64_t>());
  for (std::int64_t i = 0; i < count; ++i) out.push_back(generate(spec.at("of"), random, now));
  return out;
}

json random_object(const json& spec, Random& random, Time now) {
  json out = json::object();
  for (const auto& [name, field] : spec.at("fields").items())
    out[name] = generate(field, random, now);
  return out;
}

json generate(const json& spec, Random& random, Time now) {
  const std::string& gen = spec.at("gen").get_ref<const std::string&>();
  if (gen == "cpf") return random_cpf(random);
  if (gen == "name") return random_name(random);
  if (gen == "address") return random_address(random);
  if (gen == "int") {
    return random.between(spec.at("min").get<std::int64_t>(), spec.at("max").get<std::int64_t>());
  }
  if (gen == "digits") return digits(random, spec.at("length").get<std::size_t>());
  if (gen == "uuid") return random_uuid(random);
  if (gen == "time") return to_rfc3339(now);
  if (gen == "date") return random_date(random, spec);
  if (gen == "choice") return pick(spec.at("of"), random);
  if (gen == "list") return random_list(spec, random, now);
  PORTEIRO_ASSERT(gen == "object");  // The schema knows no other.
  return random_object(spec, random, now);
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
    number_days(specs_.emplace(name, spec).first->second);
  }
}

bool Generators::canary(std::string_view name) const {
  const auto it = specs_.find(name);
  return it != specs_.end() && it->second.value("canary", false);
}

Value Generators::make(std::string_view name, Random& random, Time now) const {
  const json value = generate(specs_.find(name)->second, random, now);
  std::string raw = value.dump();
  std::string text = value.is_string() ? value.get<std::string>() : raw;
  return {std::move(raw), std::move(text)};
}

}  // namespace porteiro::simulation
