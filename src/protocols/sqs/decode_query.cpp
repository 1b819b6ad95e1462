#include <algorithm>
#include <charconv>

#include "protocols/sqs/input.hpp"

namespace porteiro::protocols::sqs {
namespace {

Failure refused_parameter(std::string_view name, std::string_view why) {
  std::string text = "The parameter ";
  return {&aws::bad_query_parameter, text.append(name).append(" ").append(why)};
}

// "MessageAttribute.2.Value.StringValue" as "MessageAttribute", 2 and "Value.StringValue". A list
// may be given without a number when it has one element. Number 0: not a number from 1.
struct Key {
  std::string_view head, rest;
  std::size_t number = 1;
  bool numbered = false;
};

Key split(std::string_view name) {
  Key key;
  const std::size_t dot = std::min(name.find('.'), name.size());
  key.head = name.substr(0, dot);
  key.rest = name.substr(std::min(dot + 1, name.size()));
  if (key.rest.empty() || key.rest.front() < '0' || key.rest.front() > '9') return key;
  key.numbered = true;
  const char* const end = key.rest.data() + key.rest.size();
  const auto [parsed, failure] = std::from_chars(key.rest.data(), end, key.number);
  const bool good = failure == std::errc() && (parsed == end || *parsed == '.');
  if (!good || key.number > list_max) key.number = 0;
  if (good) key.rest.remove_prefix(static_cast<std::size_t>(parsed - key.rest.data()));
  if (!key.rest.empty() && good) key.rest.remove_prefix(1);
  return key;
}

class QueryDecoder {
 public:
  explicit QueryDecoder(Input& input) : input_(input) {}

  Answer<void> put(const aws::FormPair& pair) {
    if (Text* const slot = find_text(input_, pair.name)) return text(pair, *slot);
    if (Number* const slot = find_number(input_, pair.name)) return number(pair, *slot);
    const Key key = split(pair.name);
    if (TextList* const list = list_of(key.head)) {
      if (!key.rest.empty()) return refused_parameter(pair.name, "is not known.");
      PORTEIRO_TRY(std::string_view * slot, element(pair.name, key.number, *list));
      return plain(pair, *slot);
    }
    if (key.head == "Attribute") return map(pair, key, input_.attributes, "Name");
    if (key.head == "Tag") return map(pair, key, input_.tags, "Key");
    if (key.numbered && key.head.ends_with("BatchRequestEntry")) {
      PORTEIRO_TRY(MessageInput * entry, element(pair.name, key.number, input_.entries));
      entry->given = true;
      return message(pair, key.rest, *entry);
    }
    return message(pair, pair.name, input_.message);
  }

  // Lists have no gaps, maps no values without a name.
  Answer<void> finish() {
    for (const TextList* list :
         {&input_.attribute_names, &input_.system_attribute_names, &input_.message_attribute_names,
          &input_.tag_keys, &input_.account_ids, &input_.actions}) {
      for (const std::string_view text : *list) {
        if (text.data() == nullptr) return gap();
      }
    }
    for (const TextMap* map : {&input_.attributes, &input_.tags}) {
      for (const auto& [name, value] : *map) {
        if (name.data() == nullptr || value.data() == nullptr) return gap();
      }
    }
    PORTEIRO_TRY(finish(input_.message));
    for (const MessageInput& entry : input_.entries) {
      if (!entry.given) return gap();
      PORTEIRO_TRY(finish(entry));
    }
    return ok();
  }

 private:
  static Failure gap() {
    return {&aws::bad_query_parameter,
            "A numbered parameter is missing: lists are numbered from 1 without gaps."};
  }

  static Answer<void> finish(const MessageInput& message) {
    for (const auto* list : {&message.attributes, &message.system_attributes}) {
      for (const AttributeInput& attribute : *list) {
        if (attribute.name.data() == nullptr) return gap();
      }
    }
    return ok();
  }

  static Answer<void> text(const aws::FormPair& pair, Text& slot) {
    if (slot) return refused_parameter(pair.name, "comes twice.");
    slot = pair.value;
    return ok();
  }

  static Answer<void> plain(const aws::FormPair& pair, std::string_view& slot) {
    if (slot.data() != nullptr) return refused_parameter(pair.name, "comes twice.");
    slot = pair.value;
    return ok();
  }

  static Answer<void> number(const aws::FormPair& pair, Number& slot) {
    if (slot) return refused_parameter(pair.name, "comes twice.");
    const char* const end = pair.value.data() + pair.value.size();
    std::int64_t value = 0;
    const auto [parsed, failure] = std::from_chars(pair.value.data(), end, value);
    if (failure != std::errc() || parsed != end) {
      return aws::bad_value(pair.value, pair.name, "Must be an integer.");
    }
    slot = value;
    return ok();
  }

  template <class T>
  static Answer<T*> element(std::string_view name, std::size_t index, std::vector<T>& list) {
    if (index == 0) return refused_parameter(name, "has to have a number from 1 to 100.");
    if (list.size() < index) list.resize(index);
    return &list[index - 1];
  }

  TextList* list_of(std::string_view head) {
    if (head == "AttributeName") return &input_.attribute_names;
    if (head == "MessageAttributeName") return &input_.message_attribute_names;
    if (head == "MessageSystemAttributeName") return &input_.system_attribute_names;
    if (head == "TagKey") return &input_.tag_keys;
    if (head == "AWSAccountId") return &input_.account_ids;
    if (head == "ActionName") return &input_.actions;
    return nullptr;
  }

  static Answer<void> map(const aws::FormPair& pair, const Key& key, TextMap& out,
                          std::string_view key_tag) {
    PORTEIRO_TRY(auto* slot, element(pair.name, key.number, out));
    if (key.rest == key_tag) return plain(pair, slot->first);
    if (key.rest == "Value") return plain(pair, slot->second);
    return refused_parameter(pair.name, "is not known.");
  }

  static Answer<void> attribute(const aws::FormPair& pair, const Key& key,
                                std::vector<AttributeInput>& out) {
    PORTEIRO_TRY(AttributeInput * slot, element(pair.name, key.number, out));
    if (key.rest == "Name") return plain(pair, slot->name);
    if (key.rest == "Value.DataType") return text(pair, slot->type);
    if (key.rest == "Value.StringValue") return text(pair, slot->string_value);
    if (key.rest == "Value.BinaryValue") return text(pair, slot->binary_value);
    if (key.rest.starts_with("Value.StringListValue") ||
        key.rest.starts_with("Value.BinaryListValue")) {
      slot->listed = true;
      return ok();
    }
    return refused_parameter(pair.name, "is not known.");
  }

  static Answer<void> message(const aws::FormPair& pair, std::string_view name, MessageInput& out) {
    if (Text* const slot = find_text(out, name)) return text(pair, *slot);
    if (Number* const slot = find_number(out, name)) return number(pair, *slot);
    const Key key = split(name);
    if (key.head == "MessageAttribute") return attribute(pair, key, out.attributes);
    if (key.head == "MessageSystemAttribute") return attribute(pair, key, out.system_attributes);
    return ok();
  }

  Input& input_;
};

}  // namespace

Answer<void> decode_query(const aws::Form& form, Input& input) {
  QueryDecoder decoder(input);
  for (const aws::FormPair& pair : form.pairs()) {
    PORTEIRO_TRY(decoder.put(pair));
  }
  return decoder.finish();
}

}  // namespace porteiro::protocols::sqs
