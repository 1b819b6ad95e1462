#include "porteiro/protocols/lambda.hpp"

#include <algorithm>

#include "protocols/aws/sigv4.hpp"
#include "protocols/lambda/service.hpp"

namespace porteiro::protocols {
namespace {

constexpr std::string_view own_path = "/_lambda/";

// "2015-03-31", as all of the service's paths begin.
bool is_date(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd";
  return text.size() == form.size() &&
         std::equal(text.begin(), text.end(), form.begin(), [](char c, char wanted) {
           return wanted == 'd' ? c >= '0' && c <= '9' : c == wanted;
         });
}

}  // namespace

struct Lambda::Core : lambda_api::Service {
  using Service::Service;
};

Lambda::Lambda(Parts parts, AwsOptions aws, LambdaOptions options)
    : core_(std::make_shared<Core>(std::move(parts), std::move(aws), options)) {}

Lambda::~Lambda() = default;

bool Lambda::takes(const http::Request& request) {
  const std::string_view path = request.path();
  if (path.starts_with(own_path)) return true;
  if (path.size() > 11 && path[0] == '/' && is_date(path.substr(1, 10)) && path[11] == '/') {
    return true;
  }
  if (!request.header("X-Amz-Target").empty()) return false;  // Of those that speak AWS JSON.
  return aws::scoped_service(request) == "lambda";
}

bool Lambda::may_be_large(std::string_view target) {
  return target.size() > 12 && target[0] == '/' && is_date(target.substr(1, 10)) &&
         target.substr(11).starts_with("/functions");
}

void Lambda::handle(const http::Request& request, http::Responder respond, const Asker& who) {
  core_->handle(request, std::move(respond), who);
}

void Lambda::start(UniqueFunction<void(Result<void>)> done) { core_->start(std::move(done)); }
void Lambda::stop() { core_->stop(); }
void Lambda::reset() { core_->reset(); }
std::size_t Lambda::waiting() const { return core_->waiting(); }
bool Lambda::idle() const { return core_->waiting() == 0 && core_->async.waiting() == 0; }

}  // namespace porteiro::protocols
