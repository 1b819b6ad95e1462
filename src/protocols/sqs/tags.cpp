#include "protocols/sqs/tags.hpp"

#include "protocols/sqs/actions.hpp"
#include "protocols/sqs/message.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::string_view tag_prefix = "tag:";
constexpr std::size_t tags_max = 50;
constexpr std::size_t key_max = 128;  // Characters; the value's: 256 (AWS, "Tag naming limits").
constexpr std::size_t value_max = 256;

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (c & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

// The notes of all tags: they stand together in the map.
auto first_tag(const queue::Options& options) {
  return options.notes.lower_bound(std::string(tag_prefix));
}

std::size_t count_tags(const queue::Options& options) {
  std::size_t count = 0;
  for (auto at = first_tag(options); at != options.notes.end() && at->first.starts_with(tag_prefix);
       ++at) {
    ++count;
  }
  return count;
}

std::string key_of(std::string_view tag) { return std::string(tag_prefix).append(tag); }

}  // namespace

Answer<void> add_tags(const TextMap& tags, queue::Options& options) {
  for (const auto& [name, value] : tags) {
    if (name.empty() || characters(name) > key_max || !valid_contents(name) ||
        name.starts_with("aws:")) {
      return aws::bad_value(name, "TagKey",
                            "It has 1 to 128 characters and does not begin with aws:.");
    }
    if (characters(value) > value_max || !valid_contents(value)) {
      return aws::bad_value(value, "TagValue", "It has at most 256 characters.");
    }
    options.notes[key_of(name)] = value;
  }
  if (count_tags(options) <= tags_max) return ok();
  return Failure{&aws::invalid_parameter,
                 "Too many tags added for queue " + options.name + ": at most 50 are allowed."};
}

Answer<Done> tag_queue(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  if (call.in.tags.empty()) return aws::missing("Tags");
  queue::Options options = queue->options();
  PORTEIRO_TRY(add_tags(call.in.tags, options));
  return configure(*queue, std::move(options));
}

Answer<Done> untag_queue(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  if (call.in.tag_keys.empty()) return aws::missing("TagKeys");
  queue::Options options = queue->options();
  for (const std::string_view name : call.in.tag_keys) options.notes.erase(key_of(name));
  return configure(*queue, std::move(options));
}

Answer<Done> list_queue_tags(Call& call) {
  PORTEIRO_TRY(const queue::Queue* queue, call.service.queue_of(call));
  const queue::Options& options = queue->options();
  if (count_tags(options) == 0) return Done{};
  call.out.open_map("Tags");
  for (auto at = first_tag(options); at != options.notes.end() && at->first.starts_with(tag_prefix);
       ++at) {
    call.out.entry("Tag", "Key", std::string_view(at->first).substr(tag_prefix.size()), at->second);
  }
  call.out.close_map();
  return Done{};
}

}  // namespace porteiro::protocols::sqs
