#include "porteiro/protocols/kms.hpp"

#include <utility>

#include "protocols/aws/sigv4.hpp"
#include "protocols/kms/service.hpp"

namespace porteiro::protocols {

struct Kms::Core : kms_api::Service {
  using Service::Service;
};

Kms::Kms(Parts parts, AwsOptions aws, KmsOptions options)
    : core_(std::make_shared<Core>(parts, std::move(aws), options)) {}

Kms::~Kms() = default;

bool Kms::takes(const http::Request& request) {
  const std::string_view target = request.header("X-Amz-Target");
  if (!target.empty()) return target.starts_with("TrentService.");
  return aws::scoped_service(request) == "kms";
}

void Kms::handle(const http::Request& request, http::Responder respond, const Asker& who) {
  core_->handle(request, std::move(respond), who);
}

void Kms::reset(UniqueFunction<void(Result<void>)> done) { core_->reset(std::move(done)); }
std::size_t Kms::waiting() const { return core_->waiting(); }

}  // namespace porteiro::protocols
