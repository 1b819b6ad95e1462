#include "protocols/data/answers.hpp"

#include "porteiro/base/bytes.hpp"
#include "porteiro/protocols/data.hpp"

namespace porteiro::protocols::data {
namespace {

http::Header etag(std::uint64_t version) { return {"ETag", "\"" + std::to_string(version) + "\""}; }

void append_key(std::string& out, std::string_view key, std::uint64_t version) {
  out += "\"key\":";
  append_json_string(out, key);
  out += ",\"version\":" + std::to_string(version);
}

}  // namespace

http::Response refusal(int status, std::string_view code, std::string_view detail,
                       std::string_view at) {
  http::Response response = http::problem(status, detail, at);
  response.body.pop_back();  // The brace.
  response.body.append(",\"code\":\"").append(code).append("\"}");
  return response;
}

http::Response refusal(const Error& error) {
  const int status = error.code == Errc::stale ? 410 : http::status_of(error.code);
  return refusal(status, to_string(error.code), error.detail, error.at);
}

http::Response record(const stores::Record& record) {
  http::Response response;
  response.body = record.document;
  response.headers.push_back(etag(record.version));
  return response;
}

http::Response written(const stores::Committed& committed, int status) {
  http::Response response;
  if (committed.repeated) {
    response.body = "{\"repeated\":true}";
    return response;
  }
  response.status = status;
  response.body = "{";
  for (const stores::Change& change : committed.changes) {
    if (change.version != committed.versions.front()) continue;
    append_key(response.body, change.key, change.version);
    response.headers.push_back(etag(change.version));
    break;
  }
  response.body += '}';
  return response;
}

http::Response batch_written(const stores::Committed& committed) {
  http::Response response;
  response.body = committed.repeated ? "{\"repeated\":true,\"versions\":["
                                     : "{\"repeated\":false,\"versions\":[";
  for (const std::uint64_t version : committed.versions) {
    if (response.body.back() != '[') response.body += ',';
    response.body += std::to_string(version);
  }
  response.body += "]}";
  return response;
}

http::Response page(const stores::Page& page) {
  http::Response response;
  std::string& body = response.body;
  body = "{\"records\":[";
  for (const stores::Record& record : page.records) {
    if (body.back() != '[') body += ',';
    body += '{';
    append_key(body, record.key, record.version);
    body += ",\"document\":";
    body += record.document;
    body += '}';
    if (body.size() > data_reply_bytes_max) {
      return refusal(400, "invalid",
                     "these records are more than 6 MB: ask for fewer with a smaller limit",
                     "limit");
    }
  }
  body += "],\"next\":";
  if (page.next.empty()) {
    body += "null";
  } else {
    append_json_string(body, page.next);
  }
  body += '}';
  return response;
}

http::Response changes(const std::vector<stores::Change>& changes, std::uint64_t next) {
  http::Response response;
  std::string& body = response.body;
  body = "{\"changes\":[";
  for (const stores::Change& change : changes) {
    if (body.back() != '[') body += ',';
    body += "{\"sequence\":" + std::to_string(change.sequence) + ",\"collection\":";
    append_json_string(body, change.collection);
    body += ',';
    append_key(body, change.key, change.version);
    body += ",\"at\":\"" + to_rfc3339(change.at) + "\"}";
  }
  body += "],\"next\":" + std::to_string(next) + "}";
  return response;
}

}  // namespace porteiro::protocols::data
