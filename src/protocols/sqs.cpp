#include "porteiro/protocols/sqs.hpp"

#include <utility>

#include "protocols/aws/digest.hpp"
#include "protocols/aws/sigv4.hpp"
#include "protocols/aws/text.hpp"
#include "protocols/sqs/message.hpp"
#include "protocols/sqs/receipt.hpp"
#include "protocols/sqs/service.hpp"

namespace porteiro::protocols {

struct Sqs::Core : sqs::Service {
  using Service::Service;
};

Sqs::Sqs(Parts parts, AwsOptions aws, SqsOptions options)
    : core_(std::make_shared<Core>(parts, std::move(aws), std::move(options))) {}

Sqs::~Sqs() = default;

bool Sqs::takes(const http::Request& request) {
  const std::string_view target = request.header("X-Amz-Target");
  if (!target.empty()) return target.starts_with("AmazonSQS.");
  const std::string service = aws::scoped_service(request);
  if (!service.empty()) return service == "sqs";
  if (!request.query_value("Action").empty()) return true;
  if (!aws::starts_like(request.header("Content-Type"), "application/x-www-form-urlencoded")) {
    return false;
  }
  return request.body.starts_with("Action=") || request.body.find("&Action=") != request.body.npos;
}

DeliveryText delivery_text(std::string_view queue, const queue::Delivery& delivery) {
  DeliveryText text;
  sqs::append_handle(text.receipt_handle, queue, delivery.receipt);
  text.md5_of_body = aws::view(aws::Md5().of(delivery.message.body));
  if (delivery.message.number > 0) {
    text.sequence_number = sqs::sequence_text(delivery.message.number);
  }
  return text;
}

void Sqs::handle(const http::Request& request, http::Responder respond, const Asker& who) {
  core_->handle(request, std::move(respond), who);
}

void Sqs::stop() { core_->stop(); }
void Sqs::reset() { core_->reset(); }
std::size_t Sqs::waiting() const { return core_->waiting(); }

}  // namespace porteiro::protocols
