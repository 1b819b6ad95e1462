// Which attributes of its messages a ReceiveMessage asks for, and the messages in its reply.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/queue/message.hpp"
#include "protocols/aws/digest.hpp"
#include "protocols/aws/writer.hpp"
#include "protocols/sqs/errors.hpp"

namespace porteiro::protocols::sqs {

struct Input;

class Wanted {
 public:
  // Errors: bad_attribute_name (a system attribute that SQS does not know).
  static Answer<Wanted> of(const Input& input);

  bool system(std::size_t number) const { return (system_ >> number & 1) != 0; }
  bool any_system() const { return system_ != 0; }
  bool attribute(std::string_view name) const;  // "All", ".*", a name, or "prefix.*" was asked for.
  bool any_attribute() const { return all_ || !names_.empty(); }

 private:
  Answer<void> add_system(std::string_view name);

  std::uint32_t system_ = 0;  // A bit for each system attribute.
  bool all_ = false;
  std::vector<std::string> names_;  // A prefix ends with '*'.
};

struct ReplyContext {
  aws::Writer& out;
  aws::Md5& md5;
  const Wanted& wanted;
  std::string_view account, region, queue;  // The account is the sender, too: all clients are its.
  bool fifo;
};
void write_delivery(const ReplyContext& context, const queue::Delivery& delivery);

}  // namespace porteiro::protocols::sqs
