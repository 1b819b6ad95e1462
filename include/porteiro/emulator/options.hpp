// The whole of a config file as the modules' options.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "porteiro/access/access.hpp"
#include "porteiro/audit/audit.hpp"
#include "porteiro/events/envelopes.hpp"
#include "porteiro/gateway/gateway.hpp"
#include "porteiro/journal/journal.hpp"
#include "porteiro/kms/key_cache.hpp"
#include "porteiro/kms/kms.hpp"
#include "porteiro/lambda/external.hpp"
#include "porteiro/lambda/functions.hpp"
#include "porteiro/protocols/sqs.hpp"
#include "porteiro/queue/queue.hpp"
#include "porteiro/readmodels/read_models.hpp"
#include "porteiro/stores/store.hpp"
#include "porteiro/telemetry/cost.hpp"

namespace porteiro::emulator {

struct FunctionDefinition {
  lambda::FunctionOptions options;
  std::string role{};  // What it may do beside its own work; empty: nothing.
  access::Zone zone = access::Zone::private_zone;
  std::string with{};                                 // JSON text, for one in this process. Or:
  std::optional<lambda::ExternalOptions> external{};  // One that runs outside.
};

// The files for TLS at the gateway's port, in PEM form; read by the caller.
struct TlsFiles {
  std::string certificate, key;
  std::string client_ca;  // Empty: clients need no certificate.
  bool only_1_3 = false;
};

struct Ports {
  std::uint16_t public_port = 8080, inside_port = 4566;  // 0 picks a free one.
  std::string bind = "127.0.0.1";
  std::string public_socket;  // A unix-domain socket beside the port; empty: none.
  std::size_t connections_max = 10'000;
  std::size_t header_bytes_max = 16u << 10;
  Duration idle_timeout = std::chrono::seconds(75);
  std::optional<TlsFiles> tls{};  // Absent: plain HTTP.
};

struct Options {
  std::string data_directory;  // Empty: everything in memory, no file is left. Set by the caller.
  // For the code of clients' functions; absolute. Empty: they cannot be made. Set by the caller.
  std::string code_directory;
  kms::Options kms;  // Its directory, and the journal's, are below data_directory.
  kms::CacheOptions key_cache;
  std::vector<kms::TokenOptions> tokens;
  std::vector<stores::StoreOptions> stores;
  std::vector<queue::Options> queues;
  protocols::AwsOptions aws;
  protocols::SqsOptions sqs;
  std::vector<access::Role> roles;
  access::Layers layers;
  events::EnvelopeOptions envelopes;
  audit::Options audit;        // Its directory is below data_directory.
  std::string audit_key;       // Signs the checkpoints; empty: they are not signed.
  std::string developer_role;  // Of requests at the inside port; empty: none.
  std::vector<FunctionDefinition> functions;
  lambda::Surroundings surroundings;           // Of those outside; the caller adds `path`.
  std::vector<lambda::SourceOptions> sources;  // Of the routes.
  std::vector<lambda::MappingOptions> mappings;
  gateway::Options gateway;
  std::vector<readmodels::Options> read_models;
  journal::Options journal;
  telemetry::Options telemetry;
  telemetry::Prices prices;
  telemetry::Rented rented;
  std::size_t events_max = 20'000;
  Ports ports;
};

// From a config that config::load has found valid. Relative folders in it are below `directory`,
// which is absolute. Errors: invalid, with the JSON pointer in `at`.
Result<Options> options_from_json(const nlohmann::json& config, const std::string& directory = "/");

// Whether the files of functions outside are there. Errors: as above.
Result<void> check_code(const Options& options, Files& files);

// Reads the key sets of those who sign tokens; who opens an emulator does it before, since without
// them no token is taken. Errors: as above.
Result<void> load_key_sets(Options& options, Files& files);

}  // namespace porteiro::emulator
