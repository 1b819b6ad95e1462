#include "gateway/router.hpp"

#include <algorithm>

#include "porteiro/base/bytes.hpp"

namespace porteiro::gateway {
namespace {

struct Segments {
  std::array<std::string_view, path_segments_max> list;
  std::size_t count = 0;
  bool too_many = false;
};

// "/a/b" → a, b; "/" → none; "/a/" → a and an empty one.
Segments split(std::string_view path) {
  Segments out;
  path.remove_prefix(1);
  if (path.empty()) return out;
  while (true) {
    if (out.count == path_segments_max) {
      out.too_many = true;
      return out;
    }
    const std::size_t slash = path.find('/');
    out.list[out.count++] = path.substr(0, slash);
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

// The path of an absolute-form target ("http://host/path"), as RFC 9112 asks servers to accept it.
std::string_view origin_form(std::string_view path) {
  if (path.starts_with('/')) return path;
  const std::size_t scheme = path.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t slash = path.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
}

// Dots mean other paths to whoever resolves them, and did so to who signed or checked the request
// on its way; control characters mean nothing good to anybody.
bool plain(std::string_view segment) {
  if (segment == "." || segment == "..") return false;
  return std::none_of(segment.begin(), segment.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool sound(std::string_view segment) {
  bool ascii = true;
  for (const char c : segment) ascii = ascii && c != '%' && static_cast<unsigned char>(c) < 0x80;
  if (ascii) return plain(segment);
  const auto decoded = percent_decode(segment);
  return decoded && valid_utf8(*decoded) && plain(*decoded);
}

bool is_param(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool valid_literal(std::string_view segment) {
  return !segment.empty() && segment.find_first_of("{}%?# ") == std::string_view::npos;
}

}  // namespace

struct Router::Search {
  std::string_view method;
  const Segments& segments;
  PathValues values{};
  std::size_t route = 0;
  std::vector<std::string_view> allowed{};  // Methods of the nodes that fit the path.
};

Result<std::vector<std::string>> Router::add(std::string_view method, std::string_view pattern,
                                             std::size_t route) {
  const std::string what = std::string(method) + " " + std::string(pattern);
  if (method.empty()) return error(Errc::invalid, "a route has no method", what);
  if (!pattern.starts_with('/')) {
    return error(Errc::invalid, "the path of a route has to begin with a slash", what);
  }
  const Segments segments = split(pattern);
  if (segments.too_many) return error(Errc::invalid, "the path has too many segments", what);
  std::vector<std::string> params;
  std::size_t node = 0;
  for (std::size_t i = 0; i < segments.count; ++i) {
    const std::string_view segment = segments.list[i];
    std::size_t next = 0;
    if (is_param(segment)) {
      params.emplace_back(segment.substr(1, segment.size() - 2));
      if (std::count(params.begin(), params.end(), params.back()) > 1) {
        return error(Errc::invalid, "the path names a parameter twice", what);
      }
      next = nodes_[node].param;
      if (next == 0) nodes_[node].param = next = nodes_.size();
    } else if (valid_literal(segment)) {
      next = literal(node, segment);
      if (next == 0) nodes_[node].literals.emplace_back(segment, next = nodes_.size());
    } else {
      return error(Errc::invalid, "a segment of the path is neither a literal nor one {name}",
                   what);
    }
    if (next == nodes_.size()) nodes_.emplace_back();
    node = next;
  }
  if (params.size() > path_params_max) {
    return error(Errc::invalid, "the path has too many parameters", what);
  }
  for (const auto& [other, number] : nodes_[node].methods) {
    if (other == method) {
      return error(Errc::invalid, "two routes match the same requests; take one away", what);
    }
  }
  nodes_[node].methods.emplace_back(method, route);
  return params;
}

std::size_t Router::literal(std::size_t node, std::string_view segment) const {
  for (const auto& [text, next] : nodes_[node].literals) {
    if (text == segment) return next;
  }
  return 0;
}

bool Router::find(Search& search, std::size_t node, std::size_t depth) const {
  if (depth == search.segments.count) {
    const Node& end = nodes_[node];
    for (const auto& [method, route] : end.methods) {
      if (method == search.method) {
        search.route = route;
        return true;
      }
    }
    for (const auto& [method, route] : end.methods) {
      if (method == "GET" && search.method == "HEAD") {
        search.route = route;
        return true;
      }
      search.allowed.push_back(method);
    }
    return false;
  }
  const std::string_view segment = search.segments.list[depth];
  std::size_t next = literal(node, segment);
  if (next == 0 && segment.find('%') != std::string_view::npos) {
    next = literal(node, *percent_decode(segment));  // match() has checked the escapes.
  }
  if (next != 0 && find(search, next, depth + 1)) return true;
  next = nodes_[node].param;
  if (next == 0 || segment.empty()) return false;
  search.values.raw[search.values.count++] = segment;
  if (find(search, next, depth + 1)) return true;
  --search.values.count;
  return false;
}

Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  path = origin_form(path);
  if (path.empty()) return match;
  const Segments segments = split(path);
  if (segments.too_many) return match;
  for (std::size_t i = 0; i < segments.count; ++i) {
    if (sound(segments.list[i])) continue;
    match.kind = Match::Kind::malformed;
    return match;
  }
  Search search{.method = method, .segments = segments};
  if (find(search, 0, 0)) {
    match.kind = Match::Kind::found;
    match.route = search.route;
    match.values = search.values;
    return match;
  }
  if (search.allowed.empty()) return match;
  match.kind = Match::Kind::method_not_allowed;
  std::vector<std::string_view>& allowed = search.allowed;
  if (std::find(allowed.begin(), allowed.end(), "GET") != allowed.end()) allowed.push_back("HEAD");
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  for (const std::string_view name : allowed) {
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += name;
  }
  return match;
}

}  // namespace porteiro::gateway
