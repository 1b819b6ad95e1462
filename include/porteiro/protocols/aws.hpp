// What the services of AWS have in common: account, region, and who may sign requests.
#pragma once
#include <string>
#include <vector>

#include "porteiro/identity/sigv4.hpp"

namespace porteiro::protocols {

using identity::Credential;

struct AwsOptions {
  std::string account = "000000000000";
  std::string region = "us-east-1";
  bool verify_signatures = false;         // Signature Version 4; else any credentials, or none.
  std::vector<Credential> credentials{};  // Used when signatures are verified.
};

}  // namespace porteiro::protocols
