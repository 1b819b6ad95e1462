#include "protocols/data/target.hpp"

#include <vector>

#include "porteiro/base/bytes.hpp"
#include "protocols/data/answers.hpp"

namespace porteiro::protocols::data {
namespace {

constexpr std::size_t parts_max = 4;

http::Response no_such_path() {
  return refusal(404, "not_found",
                 "the data API has STORE/COLLECTION/KEY, STORE/COLLECTION/KEY/FIELD, "
                 "STORE/COLLECTION/query, STORE/batch and STORE/changes below /data/",
                 "path");
}

http::Response not_allowed(const char* methods) {
  http::Response response = refusal(405, "invalid", "the data API has no such method here");
  response.headers.push_back({"Allow", methods});
  return response;
}

std::optional<Verb> verb_of(std::string_view method, const std::vector<std::string>& parts,
                            const char*& allowed) {
  if (parts.size() == 2) {
    const bool batch = parts[1] == "batch";
    allowed = batch ? "POST" : "GET";
    if (method == allowed) return batch ? Verb::batch : Verb::changes;
  } else if (parts.size() == 3) {
    allowed = parts[2] == "query" ? "GET, PUT, DELETE, POST" : "GET, PUT, DELETE";
    if (method == "GET") return Verb::get;
    if (method == "PUT") return Verb::put;
    if (method == "DELETE") return Verb::erase;
    if (method == "POST" && parts[2] == "query") return Verb::query;
  } else {
    allowed = "POST";
    if (method == "POST") return Verb::append;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Target> parse_target(const http::Request& request, http::Response& refused) {
  std::string_view path = request.path();
  std::vector<std::string> parts;
  constexpr std::string_view base = "/data";
  path.remove_prefix(std::min(base.size(), path.size()));
  while (!path.empty() && parts.size() <= parts_max) {
    path.remove_prefix(1);  // The slash.
    const std::string_view raw = path.substr(0, path.find('/'));
    path.remove_prefix(raw.size());
    auto part = percent_decode(raw);
    if (!part) {
      refused = refusal(400, "invalid", "the path has a bad percent escape", "path");
      return std::nullopt;
    }
    parts.push_back(std::move(*part));
  }
  bool known = parts.size() >= 2 && parts.size() <= parts_max;
  for (const std::string& part : parts) known = known && !part.empty();
  if (known && parts.size() == 2) known = parts[1] == "batch" || parts[1] == "changes";
  if (!known) {
    refused = no_such_path();
    return std::nullopt;
  }
  const char* allowed = "";
  const auto verb = verb_of(request.method, parts, allowed);
  if (!verb) {
    refused = not_allowed(allowed);
    return std::nullopt;
  }
  Target target{*verb, std::move(parts[0]), {}, {}, {}};
  if (parts.size() > 2) target.collection = std::move(parts[1]);
  if (parts.size() > 2) target.key = std::move(parts[2]);
  if (parts.size() > 3) target.field = std::move(parts[3]);
  return target;
}

}  // namespace porteiro::protocols::data
