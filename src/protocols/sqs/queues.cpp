// Making, finding and removing queues.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "protocols/sqs/actions.hpp"
#include "protocols/sqs/attributes.hpp"
#include "protocols/sqs/redrive.hpp"
#include "protocols/sqs/tags.hpp"

namespace porteiro::protocols::sqs {
namespace {

constexpr std::size_t name_max = 80;
constexpr std::int64_t queues_listed_max = 1000;
constexpr std::string_view fifo_suffix = ".fifo";

bool plain_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

Answer<void> check_name(std::string_view name, bool fifo) {
  if (fifo) {
    if (name.size() <= name_max && name.ends_with(fifo_suffix) &&
        plain_name(name.substr(0, name.size() - fifo_suffix.size()))) {
      return ok();
    }
    return aws::invalid(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
        "underscores, must end with .fifo suffix and be 1 to 80 in length.");
  }
  if (name.size() <= name_max && plain_name(name)) return ok();
  return aws::invalid(
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
      "length");
}

// Who makes a queue give up its messages to another one takes them out and sends them there.
Answer<void> allow_dead_letters(const Call& call, std::string_view queue) {
  if (call.who.principal.developer) return ok();
  for (const auto& [name, value] : call.in.attributes) {
    if (name != "RedrivePolicy") continue;
    PORTEIRO_TRY(const Redrive redrive, parse_redrive_policy(call.service, value));
    if (redrive.dead_letter_queue.empty()) continue;
    PORTEIRO_TRY(call.service.allow(call, access::action::queue_receive, queue));
    PORTEIRO_TRY(call.service.allow(call, access::action::queue_send, redrive.dead_letter_queue));
  }
  return ok();
}

// A queue of that name is there: it is the one that is asked for, unless an attribute differs.
Answer<Done> take_existing(Call& call, const queue::Queue& queue) {
  const queue::Options& options = queue.options();
  PORTEIRO_TRY(const auto other, differing_attribute(call.service, call.in.attributes, options));
  if (other) {
    return Failure{&name_exists,
                   "A queue already exists with the same name and a different value "
                   "for attribute " +
                       *other};
  }
  call.out.text("QueueUrl", call.service.url_of(call.request, options.name));
  return Done{};
}

// A page of names in their order, and where the next begins. The token is the last name given, so
// that queues may come and go between two pages.
struct Page {
  std::vector<std::string> names;
  std::string next_token;
};

Answer<Page> page_of(std::vector<std::string> names, const Input& in) {
  std::sort(names.begin(), names.end());
  auto from = names.begin();
  if (in.next_token) {
    const auto last = from_base64url(*in.next_token);
    if (!last || last->empty() || !valid_utf8(*last))
      return aws::invalid("Invalid or expired next token.");
    from = std::upper_bound(names.begin(), names.end(), *last);
  }
  const std::int64_t most = in.results_max.value_or(queues_listed_max);
  if (most < 1 || most > queues_listed_max) {
    return aws::bad_value(std::to_string(most), "MaxResults",
                          "MaxResults must be an integer between 1 and 1000.");
  }
  const auto count = std::min(most, static_cast<std::int64_t>(names.end() - from));
  Page page{{from, from + count}, {}};
  // Without MaxResults there are no further pages.
  if (in.results_max && from + count != names.end()) {
    page.next_token = to_base64url(page.names.back());
  }
  return page;
}

void write_page(Call& call, const Page& page, std::string_view list) {
  if (!page.names.empty()) {
    call.out.open_list(list);
    for (const std::string& name : page.names) {
      call.out.item("QueueUrl", call.service.url_of(call.request, name));
    }
    call.out.close_list();
  }
  if (!page.next_token.empty()) call.out.text("NextToken", page.next_token);
}

}  // namespace

Answer<Done> create_queue(Call& call) {
  Service& service = call.service;
  if (!call.in.queue_name || call.in.queue_name->empty()) return aws::missing("QueueName");
  const std::string_view name = *call.in.queue_name;
  PORTEIRO_TRY(service.allow(call, call.action.right, name));
  PORTEIRO_TRY(allow_dead_letters(call, name));
  if (const queue::Queue* queue = service.queues.find(name)) return take_existing(call, *queue);
  queue::Options options;
  options.name = name;
  options.depth_max = service.options.depth_max;
  PORTEIRO_TRY(check_name(name, name.ends_with(fifo_suffix)));
  PORTEIRO_TRY(apply_attributes(service, call.in.attributes, true, options));
  PORTEIRO_TRY(check_name(name, options.fifo));
  PORTEIRO_TRY(add_tags(call.in.tags, options));
  if (service.cooling(service.deleted, name)) {
    return Failure{&deleted_recently, "You must wait " + seconds(service.options.cool_down) +
                                          " seconds after deleting a queue before you can create "
                                          "another with the same name."};
  }
  if (service.queues.count() >= service.options.queues_max) {
    return Failure{&over_limit, "There are " + std::to_string(service.options.queues_max) +
                                    " queues, as many as may be: delete some."};
  }
  const auto created = service.queues.create(std::move(options));
  if (!created) return failure_of(created.error());
  call.out.text("QueueUrl", service.url_of(call.request, name));
  return Done{created.value().sequence};
}

Answer<Done> delete_queue(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(const queue::Queue* queue, service.queue_of(call));
  const std::string name = queue->options().name;
  if (queue->declared()) {
    return Failure{&aws::access_denied, "The queue " + name +
                                            " is declared in the configuration, and only there it "
                                            "can be removed."};
  }
  const auto removed = service.queues.remove(name);
  if (!removed) return failure_of(removed.error());
  service.deleted[name] = service.environment.scheduler.now();
  service.purged.erase(name);
  return Done{removed.value()};
}

Answer<Done> purge_queue(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(queue::Queue * queue, service.queue_of(call));
  const std::string& name = queue->options().name;
  if (service.cooling(service.purged, name)) {
    return Failure{&purge_in_progress, "Only one PurgeQueue operation on " + name +
                                           " is allowed every " +
                                           seconds(service.options.cool_down) + " seconds."};
  }
  service.purged[name] = service.environment.scheduler.now();
  return Done{queue->purge()};
}

Answer<Done> get_queue_url(Call& call) {
  if (!call.in.queue_name || call.in.queue_name->empty()) return aws::missing("QueueName");
  if (call.in.owner && *call.in.owner != call.service.aws.account) return absent(call.out.xml());
  PORTEIRO_TRY(const queue::Queue* queue, call.service.queue_named(call, *call.in.queue_name));
  call.out.text("QueueUrl", call.service.url_of(call.request, queue->options().name));
  return Done{};
}

Answer<Done> list_queues(Call& call) {
  std::vector<std::string> names = call.service.queues.names();
  std::erase_if(names, [prefix = call.in.prefix.value_or("")](const std::string& name) {
    return !name.starts_with(prefix);
  });
  call.service.keep_seen(call, names);
  PORTEIRO_TRY(const Page page, page_of(std::move(names), call.in));
  write_page(call, page, "QueueUrls");
  return Done{};
}

Answer<Done> list_dead_letter_source_queues(Call& call) {
  PORTEIRO_TRY(const queue::Queue* queue, call.service.queue_of(call));
  std::vector<std::string> sources = call.service.queues.sources_of(queue->options().name);
  call.service.keep_seen(call, sources);
  PORTEIRO_TRY(const Page page, page_of(std::move(sources), call.in));
  if (page.names.empty() && !call.out.xml()) {  // The member is required, if only in this action.
    call.out.open_list("queueUrls");
    call.out.close_list();
  }
  write_page(call, page, "queueUrls");
  return Done{};
}

Answer<Done> get_queue_attributes(Call& call) {
  PORTEIRO_TRY(const queue::Queue* queue, call.service.queue_of(call));
  TextList names;
  for (const std::string_view name : call.in.attribute_names) {
    if (name == "All") {
      names = attribute_names();
      break;
    }
    if (!is_attribute_name(name)) {
      return Failure{&bad_attribute_name, "Unknown Attribute " + std::string(name) + "."};
    }
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  bool open = false;
  for (const std::string_view name : names) {
    const auto value = attribute_of(call.service, *queue, name);
    if (!value) continue;
    if (!open) call.out.open_map("Attributes");
    open = true;
    call.out.entry("Attribute", "Name", name, *value);
  }
  if (open) call.out.close_map();
  return Done{};
}

Answer<Done> set_queue_attributes(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  if (call.in.attributes.empty()) return aws::missing("Attribute.Name");
  PORTEIRO_TRY(allow_dead_letters(call, queue->options().name));
  queue::Options options = queue->options();
  PORTEIRO_TRY(apply_attributes(call.service, call.in.attributes, false, options));
  return configure(*queue, std::move(options));
}

}  // namespace porteiro::protocols::sqs
