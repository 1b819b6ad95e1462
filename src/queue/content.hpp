// The parts of a message that never change, packed in one allocation: a million waiting messages
// cost little more than their bytes.
//   content = body length u32, rest length u32, body, rest
//   rest    = for each part that is there: its letter, then the part; the form of the journal, too
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "porteiro/queue/message.hpp"

namespace porteiro::queue {

class Content {
 public:
  Content() = default;  // None: of a free slot.
  explicit Content(const Message& message);
  // From bytes(), as the journal kept them; nullopt: they are none.
  static std::optional<Content> from_bytes(std::string_view bytes);

  explicit operator bool() const { return data_ != nullptr; }
  std::string_view bytes() const;
  std::string_view body() const;
  // Writes the parts into a message that has none yet.
  void unpack(Message& message) const;
  // The single parts that a queue itself looks at; empty when absent.
  std::string_view group() const { return part('g'); }
  std::string_view deduplication_id() const { return part('d'); }
  Id trace() const;

 private:
  std::string_view rest() const;
  std::string_view part(char letter) const;
  static std::unique_ptr<char[]> copy(std::string_view body, std::string_view rest);

  std::unique_ptr<char[]> data_;
};

}  // namespace porteiro::queue
