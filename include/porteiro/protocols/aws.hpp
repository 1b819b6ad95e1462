// What the services of AWS have in common: account, region, who may sign requests, and who asks.
#pragma once
#include <string>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/identity/sigv4.hpp"

namespace porteiro::protocols {

using identity::Credential;

struct AwsOptions {
  std::string account = "000000000000";
  std::string region = "us-east-1";
  bool verify_signatures = false;         // Signature Version 4; else any credentials, or none.
  std::vector<Credential> credentials{};  // Used when signatures are verified.
};

// Whose port a request came to: the developer's, or that of a function's worker. Views, valid
// during the call.
struct Asker {
  access::Principal principal;
  std::string_view purpose{}, client{};  // Of the event that led to it; empty: none did.
  Id trace{};
  bool masked = false;  // That client may not see protected values whole.
};
// As the guard wants it.
access::Decision asked_by(const Asker& who, std::string_view action, std::string_view resource);

}  // namespace porteiro::protocols
