// JSON documents inside parameters: policies, handles. What they may be is the same everywhere.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace porteiro::protocols::aws {

inline constexpr std::size_t document_bytes_max = 8192;  // A policy's (Amazon SQS quotas).

// False: longer or deeper than a document may be. Says nothing of whether it is JSON.
bool is_bounded(std::string_view text);

// The tree of `text`; nullopt: not JSON, or longer or deeper than a document may be.
template <class Document = nlohmann::json>
std::optional<Document> parse_document(std::string_view text) {
  if (!is_bounded(text)) return std::nullopt;
  Document document = Document::parse(text, nullptr, false);
  if (document.is_discarded()) return std::nullopt;
  return document;
}

// The same for one that has to be an object.
template <class Document = nlohmann::json>
std::optional<Document> parse_map(std::string_view text) {
  auto document = parse_document<Document>(text);
  if (document && !document->is_object()) return std::nullopt;
  return document;
}

}  // namespace porteiro::protocols::aws
