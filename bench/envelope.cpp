// What signing and verifying an event costs, beside the bare digest and HMAC of as many bytes.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "porteiro/events/envelopes.hpp"
#include "porteiro/virtual_world/virtual_world.hpp"

namespace {

using namespace porteiro;

template <class Work>
double microseconds_each(Work work) {
  constexpr int rounds = 200'000;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) work(i);
  const auto took = std::chrono::steady_clock::now() - start;
  return std::chrono::duration<double, std::micro>(took).count() / rounds;
}

void measure(events::Envelopes& envelopes, virtual_world::World& world, std::size_t bytes) {
  events::Event event;
  event.id = {1, 2};
  event.source = "/porteiro/gateway/v1/people/{cpf}";
  event.type = "person.requested";
  event.subject = "cpf_AAAAAAAAAAAAAAAAAAAAAA";
  event.time = world.scheduler.now();
  event.correlation = {3, 4};
  event.principal = "lender";
  event.purpose = "credit-protection";
  event.audience = "vault";
  event.data = std::string(bytes, 'x');
  std::uint64_t good = 0;
  const double sign = microseconds_each([&](int i) {
    event.id.low = static_cast<std::uint64_t>(i);
    good += envelopes.sign(event) ? 1 : 0;
  });
  const double verify = microseconds_each([&](int) {
    good += envelopes.verify(event, "vault", true) == events::Verdict::valid ? 1 : 0;
  });
  const std::string text(256, 'x');
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const double floor = microseconds_each([&](int) {
    EVP_Digest(event.data.data(), event.data.size(), out, &length, EVP_sha256(), nullptr);
    HMAC(EVP_sha256(), text.data(), 32, reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), out, &length);
  });
  std::printf(
      "%5zu bytes of data: sign %.2f µs, verify %.2f µs, together %.2f µs; bare OpenSSL "
      "digest and HMAC, twice: %.2f µs\n",
      bytes, sign, verify, sign + verify, 2 * floor);
  if (good != 400'000) std::printf("some did not verify\n");
}

}  // namespace

int main() {
  virtual_world::World world;
  telemetry::Telemetry telemetry(world.scheduler, {});
  access::Guard guard({}, world.scheduler, telemetry);
  kms::Options options;
  options.keys = {{"events", kms::KeySpec::hmac_256}};
  const auto kms = kms::Kms::open(std::move(options), world.environment, telemetry);
  if (!kms) return 1;
  events::Envelopes envelopes(*kms.value(), world.environment, guard, telemetry,
                              {.key = "events", .rotate = std::chrono::hours(1)});
  envelopes.start([](Result<void>) {});
  world.scheduler.run_for(std::chrono::seconds(1));
  for (const std::size_t bytes : {64U, 300U, 4500U}) measure(envelopes, world, bytes);
}
