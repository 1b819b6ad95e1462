#include <charconv>
#include <cmath>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/json_scan.hpp"
#include "protocols/sqs/input.hpp"

namespace porteiro::protocols::sqs {
namespace {

std::string_view kind_of(std::string_view raw) {
  switch (raw.front()) {
    case '"':
      return "STRING_VALUE";
    case '{':
      return "START_OBJECT";
    case '[':
      return "START_ARRAY";
    case 't':
      return "TRUE_VALUE";
    case 'f':
      return "FALSE_VALUE";
    default:
      return "NUMBER_VALUE";
  }
}

class JsonDecoder {
 public:
  JsonDecoder(std::string_view body, Input& input) : body_(body), input_(input) {}

  Answer<void> run() {
    if (!valid_utf8(body_)) fail("The request's body is not UTF-8.");
    if (!failure_) {
      const bool whole = scan_object(body_, [this](std::string_view name, std::string_view raw) {
        return plain_name(name) && member(name, raw);
      });
      if (!whole && !failure_) fail("The request's body is not one JSON object.");
    }
    if (failure_) return std::move(*failure_);
    return ok();
  }

 private:
  bool fail(std::string text) {
    failure_ = Failure{&aws::bad_serialization, std::move(text)};
    return false;
  }
  bool wrong(std::string_view raw, std::string_view wanted) {
    return fail(std::string(kind_of(raw)) + " can not be converted to " + std::string(wanted));
  }
  template <class T>
  bool room(const std::vector<T>& list) {
    return list.size() < list_max ||
           fail("A list or map of the request has more than 100 members.");
  }
  bool twice() { return fail("A member of the request comes twice."); }

  bool value_of(std::string_view raw, std::string_view& out) {
    if (raw.front() != '"') return wrong(raw, "a String");
    const std::string_view inner = raw.substr(1, raw.size() - 2);
    if (inner.find('\\') == std::string_view::npos) {
      out = inner;
      return true;
    }
    const auto plain = string_value(raw);
    if (!plain) return fail("A string of the request has half of a surrogate pair.");
    out = input_.keep(*plain, body_.size());
    return true;
  }
  // A member's name as it stands between its quotes.
  bool key_of(std::string_view name, std::string_view& out) {
    return value_of(std::string_view(name.data() - 1, name.size() + 2), out);
  }

  // A structure's member: an escape in its name is resolved.
  bool plain_name(std::string_view& name) {
    return name.find('\\') == std::string_view::npos || key_of(name, name);
  }

  bool text(std::string_view raw, Text& slot) {
    if (raw == "null") return true;
    if (slot) return twice();
    slot.emplace();
    return value_of(raw, *slot);
  }

  bool number(std::string_view raw, Number& slot) {
    if (raw == "null") return true;
    if (slot) return twice();
    if (kind_of(raw) != "NUMBER_VALUE") return wrong(raw, "an Integer");
    const char* const end = raw.data() + raw.size();
    std::int64_t value = 0;
    auto parsed = std::from_chars(raw.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end) {  // "10.0" and "1e1" are integers, too.
      double real = 0;
      parsed = std::from_chars(raw.data(), end, real);
      if (parsed.ec != std::errc() || std::abs(real) > 1e15 || real != std::trunc(real)) {
        return wrong(raw, "an Integer");
      }
      value = static_cast<std::int64_t>(real);
    }
    slot = value;
    return true;
  }

  bool element_of(std::string_view raw) {
    return raw != "null" || fail("A list of the request has a null.");
  }

  bool list(std::string_view raw, TextList& out) {
    if (raw == "null") return true;
    if (raw.front() != '[') return wrong(raw, "a List");
    if (!out.empty()) return twice();
    scan_array(raw, [this, &out](std::string_view element) {
      return room(out) && element_of(element) && value_of(element, out.emplace_back());
    });
    return !failure_;
  }

  bool map(std::string_view raw, TextMap& out) {
    if (raw == "null") return true;
    if (raw.front() != '{') return wrong(raw, "a Map");
    if (!out.empty()) return twice();
    scan_object(raw, [this, &out](std::string_view name, std::string_view value) {
      if (value == "null") return true;
      if (!room(out)) return false;
      auto& [key, text] = out.emplace_back();
      return key_of(name, key) && value_of(value, text);
    });
    return !failure_;
  }

  bool attributes(std::string_view raw, std::vector<AttributeInput>& out) {
    if (raw == "null") return true;
    if (raw.front() != '{') return wrong(raw, "a Map");
    if (!out.empty()) return twice();
    scan_object(raw, [this, &out](std::string_view name, std::string_view value) {
      if (value == "null") return true;
      if (value.front() != '{') return wrong(value, "a Structure");
      if (!room(out)) return false;
      AttributeInput& attribute = out.emplace_back();
      return key_of(name, attribute.name) && attribute_value(value, attribute);
    });
    return !failure_;
  }

  bool attribute_value(std::string_view raw, AttributeInput& out) {
    scan_object(raw, [this, &out](std::string_view name, std::string_view value) {
      if (!plain_name(name)) return false;
      if (name == "DataType") return text(value, out.type);
      if (name == "StringValue") return text(value, out.string_value);
      if (name == "BinaryValue") return text(value, out.binary_value);
      const bool lists = name == "StringListValues" || name == "BinaryListValues";
      if (lists && value.front() == '[' && value != "[]") out.listed = true;
      return true;
    });
    return !failure_;
  }

  bool message_member(std::string_view name, std::string_view raw, MessageInput& out) {
    if (Text* const slot = find_text(out, name)) return text(raw, *slot);
    if (Number* const slot = find_number(out, name)) return number(raw, *slot);
    if (name == "MessageAttributes") return attributes(raw, out.attributes);
    if (name == "MessageSystemAttributes") return attributes(raw, out.system_attributes);
    return true;
  }

  bool entries(std::string_view raw) {
    if (raw == "null") return true;
    if (raw.front() != '[') return wrong(raw, "a List");
    if (!input_.entries.empty()) return twice();
    scan_array(raw, [this](std::string_view element) {
      if (!room(input_.entries) || !element_of(element)) return false;
      if (element.front() != '{') return wrong(element, "a Structure");
      MessageInput& entry = input_.entries.emplace_back();
      scan_object(element, [this, &entry](std::string_view name, std::string_view value) {
        return plain_name(name) && message_member(name, value, entry);
      });
      return !failure_;
    });
    return !failure_;
  }

  bool member(std::string_view name, std::string_view raw) {
    if (Text* const slot = find_text(input_, name)) return text(raw, *slot);
    if (Number* const slot = find_number(input_, name)) return number(raw, *slot);
    if (name == "Entries") return entries(raw);
    if (name == "AttributeNames") return list(raw, input_.attribute_names);
    if (name == "MessageSystemAttributeNames") return list(raw, input_.system_attribute_names);
    if (name == "MessageAttributeNames") return list(raw, input_.message_attribute_names);
    if (name == "Attributes") return map(raw, input_.attributes);
    if (name == "Tags" || name == "tags") return map(raw, input_.tags);
    if (name == "TagKeys") return list(raw, input_.tag_keys);
    if (name == "AWSAccountIds") return list(raw, input_.account_ids);
    if (name == "Actions") return list(raw, input_.actions);
    return message_member(name, raw, input_.message);
  }

  std::string_view body_;
  Input& input_;
  std::optional<Failure> failure_;
};

}  // namespace

Answer<void> decode_json(std::string_view body, Input& input) {
  return JsonDecoder(body, input).run();
}

}  // namespace porteiro::protocols::sqs
