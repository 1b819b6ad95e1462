// Functions that clients make, put together: the catalogue, their code, the Lambda service, and
// what they become among the functions of the emulator.
#pragma once
#include <map>
#include <set>
#include <string>

#include "porteiro/emulator/options.hpp"
#include "porteiro/lambda/catalogue.hpp"
#include "porteiro/lambda/code_store.hpp"
#include "porteiro/protocols/lambda.hpp"

namespace porteiro::emulator {

class ClientFunctions {
 public:
  struct Parts {
    Environment& environment;
    journal::Journal& journal;
    telemetry::Telemetry& telemetry;
    queue::Queues& queues;
    lambda::Services& services;
    lambda::Functions& functions;
    access::Guard& guard;
  };
  // Joins the journal, before it starts. Borrows everything.
  ClientFunctions(const Parts& parts, const Options& options);

  protocols::Lambda& service() { return service_; }

 private:
  void declare(const FunctionDefinition& definition);
  protocols::LambdaHost host();
  Result<void> permit(const protocols::Asker* who, std::string_view action, std::string_view name);
  Result<void> deploy(const protocols::LambdaUnit& unit);
  void retire(std::string_view key);

  const Parts parts_;
  const Options& options_;
  lambda::Catalogue catalogue_;
  lambda::CodeStore code_;
  std::map<std::string, std::string, std::less<>> deployed_;  // The code of each key.
  std::multiset<std::string, std::less<>> in_use_;  // Codes of what is deployed or still runs.
  protocols::Lambda service_;
};

}  // namespace porteiro::emulator
