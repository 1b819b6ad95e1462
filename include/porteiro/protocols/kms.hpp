// The KMS service for real clients, over HTTP: AWS JSON 1.1 (AWS KMS API reference, 2014-11-01). It
// parses, asks who may, works on the key ring and formats. A change is acknowledged when a save
// holds it. Belongs to the loop.
//
// Clients' keys obey their key policies and grants; the config's keys obey the role of whoever
// asks, and nobody changes them. docs/kms.md says what is enforced.
#pragma once
#include <memory>

#include "porteiro/access/access.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/http.hpp"
#include "porteiro/kms/kms.hpp"
#include "porteiro/protocols/aws.hpp"
#include "porteiro/telemetry/telemetry.hpp"

namespace porteiro::protocols {

struct KmsOptions {
  std::size_t jobs_max = 1000;              // Work with pairs that waits or runs; ours.
  std::size_t making_max = 100;             // The same of making RSA pairs, which takes longer.
  std::size_t imports_max = 100;            // Import tokens that are kept; ours.
  std::size_t grants_per_key_max = 50'000;  // AWS KMS quotas.
};

class Kms {
 public:
  struct Parts {
    Environment& environment;
    telemetry::Telemetry& telemetry;
    kms::Kms& keys;
    access::Guard& guard;
  };
  // Borrows the parts; they outlive it.
  Kms(Parts parts, AwsOptions aws, KmsOptions options);
  ~Kms();

  // True: the request is meant for KMS: an X-Amz-Target of TrentService, or credentials scoped to
  // kms.
  static bool takes(const http::Request& request);

  // Answers everything, errors in the service's form. `who` counts for the config's keys; for
  // those of clients the access key of the request does, once the role of a function reaches them.
  void handle(const http::Request& request, http::Responder respond, const Asker& who);

  // Of what clients made nothing is left; `done` when that is durable. Errors: unavailable.
  void reset(UniqueFunction<void(Result<void>)> done);
  std::size_t waiting() const;  // Answers that are still to come.

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace porteiro::protocols
