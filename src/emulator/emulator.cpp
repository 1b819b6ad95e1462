#include "porteiro/emulator/emulator.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "emulator/client_functions.hpp"
#include "emulator/erasure.hpp"
#include "emulator/manifest.hpp"
#include "porteiro/admin/admin.hpp"
#include "porteiro/base/origin.hpp"
#include "porteiro/events/event_log.hpp"
#include "porteiro/protocols/data.hpp"
#include "porteiro/protocols/kms.hpp"

namespace porteiro::emulator {
namespace {

std::string folder_in(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string() : directory + "/" + std::string(name);
}

// What one function of the config has of its own, under its role.
struct Own {
  Own(Environment& environment, telemetry::Telemetry& telemetry, stores::Stores& all,
      access::Guard& guard, kms::Sealer& sealer, kms::Tokens& tokens, stores::Asker asker)
      : stores(all, guard, environment.scheduler, std::move(asker)),
        sealing(sealer, guard, stores.asker()),
        services{environment, telemetry, stores, sealing, tokens} {}

  stores::Accesses stores;
  lambda::Sealing sealing;
  lambda::Services services;
};

class Assembly final : public Emulator {
 public:
  Assembly(Options options, Environment& environment)
      : options_(std::move(options)),
        environment_(environment),
        telemetry_(environment.scheduler, options_.telemetry, environment.witness) {}

  ~Assembly() override;

  Result<void> open(const lambda::Registry& registry);

  void start(UniqueFunction<void(Result<void>)> done) override;
  void stop(Task done) override;

  void handle_public(const http::Request& request, http::Responder respond) override {
    gateway_->handle(request, std::move(respond));
  }
  void handle_inside(const http::Request& request, http::Responder respond) override {
    const protocols::Asker developer{
        {.name = "developer", .role = options_.developer_role, .developer = true}};
    if (!http::is_foreign_page(request) && handle_service(request, respond, developer)) return;
    admin_->handle(request, std::move(respond));
  }

  telemetry::Telemetry& telemetry() override { return telemetry_; }
  queue::Queues& queues() override { return *queues_; }
  stores::Stores& stores() override { return stores_; }
  readmodels::ReadModels& read_models() override { return *models_; }
  kms::Kms& kms() override { return *kms_; }
  events::EventLog& events() override { return *events_; }
  const access::Layers& layers() const override { return options_.layers; }
  telemetry::Cost cost() const override {
    return telemetry::cost(telemetry_, options_.prices, options_.rented,
                           environment_.scheduler.now() - counted_since_);
  }
  bool idle() override;

 private:
  Manifest manifest() const;
  Result<void> say_what_grows(bool known);
  bool handle_service(const http::Request& request, http::Responder& respond,
                      const protocols::Asker& who);
  Result<void> open_keys();
  Result<void> open_audit();
  Result<void> open_queues();
  Result<void> open_stores();
  lambda::Services& services_for(stores::Asker asker);
  Result<void> open_functions(const lambda::Registry& registry);
  Result<void> add_sources();
  void start_models(Result<void> before, UniqueFunction<void(Result<void>)> done);
  void warn_of_layers_off();
  bool seals_for_subjects() const;
  void erase(std::string_view token_name, std::string_view value,
             UniqueFunction<void(Result<std::string>)> done);
  void reset(UniqueFunction<void(Result<void>)> done);

  Options options_;
  Environment& environment_;
  telemetry::Telemetry telemetry_;
  std::unique_ptr<journal::Journal> journal_;
  std::optional<access::Guard> guard_;
  std::unique_ptr<kms::Kms> kms_;
  std::unique_ptr<audit::Audit> audit_;  // Null: the layer is off.
  std::unique_ptr<kms::KeyCache> key_cache_;
  std::unique_ptr<stores::SubjectSecrets> secrets_;  // Null: no text is sealed for anybody.
  std::unique_ptr<kms::Sealer> sealer_;
  std::unique_ptr<kms::Tokens> tokens_;
  std::unique_ptr<events::Envelopes> envelopes_;  // Null: events go unsigned.
  std::unique_ptr<events::EventLog> events_;
  std::unique_ptr<queue::Queues> queues_;
  stores::Stores stores_;
  std::optional<protocols::Data> data_;
  std::unique_ptr<readmodels::ReadModels> models_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::deque<Own> own_;  // What functions were made with; they borrow it.
  std::unique_ptr<lambda::Functions> functions_;
  std::unique_ptr<protocols::Sqs> sqs_;
  std::unique_ptr<protocols::Kms> key_service_;
  std::unique_ptr<ClientFunctions> clients_;
  std::unique_ptr<admin::Admin> admin_;
  Time counted_since_{};
  bool ready_ = false;
  bool manifest_written_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // For completions that outlive us.
};

// What is in the data directory while it is in use.
Manifest Assembly::manifest() const {
  Manifest manifest{{"journal/log-"}, {}, {}, options_.layers.boxes};
  manifest.parts.push_back("keys/keys");
  if (audit_ != nullptr) {
    manifest.parts.push_back("audit/log-");
    manifest.audit = audit_->head();
    manifest.growing.push_back("audit/checkpoints.jsonl");
  }
  for (const stores::StoreOptions& store : options_.stores) {
    if (store.engine == "memory") continue;
    manifest.parts.push_back("stores/" + store.name + "." + store.engine);
    if (store.engine == "sqlite") manifest.open.push_back(manifest.parts.back() + "-wal");
    if (!stores::has_boxes(store)) continue;
    manifest.parts.push_back("subjects/" + store.name + ".keys");
    manifest.growing.push_back(manifest.parts.back());
  }
  if (secrets_ != nullptr) {
    manifest.parts.insert(manifest.parts.end(),
                          {"subjects/events/index.sqlite", "subjects/events/secrets"});
    manifest.open.push_back("subjects/events/index.sqlite-wal");
    manifest.growing.push_back("subjects/events/secrets");
  }
  return manifest;
}

// After an orderly end the stores' passing files are gone, and must not be asked for.
Assembly::~Assembly() {
  *alive_ = false;
  if (!manifest_written_) return;
  Manifest closed = manifest();
  closed.open.clear();
  models_.reset();
  clients_.reset();
  functions_.reset();
  data_.reset();
  stores_.clear();
  static_cast<void>(write_manifest(environment_.files, options_.data_directory, closed));
}

// False: it is for none of the services; `respond` is as it was.
bool Assembly::handle_service(const http::Request& request, http::Responder& respond,
                              const protocols::Asker& who) {
  if (protocols::Lambda::takes(request)) {
    clients_->service().handle(request, std::move(respond), who);
  } else if (protocols::Sqs::takes(request)) {
    sqs_->handle(request, std::move(respond), who);
  } else if (protocols::Kms::takes(request)) {
    key_service_->handle(request, std::move(respond), who);
  } else {
    return false;
  }
  return true;
}

// Routes seal what is about a person; or did so when the data directory was last used.
bool Assembly::seals_for_subjects() const {
  const auto& routes = options_.gateway.routes;
  const bool seals = !options_.gateway.ledger_key.empty() ||
                     std::any_of(routes.begin(), routes.end(),
                                 [](const auto& route) { return !route.seal_key.empty(); });
  if (seals && !options_.tokens.empty()) return true;
  return !options_.data_directory.empty() &&
         environment_.files.info(options_.data_directory + "/subjects/events").has_value();
}

Result<void> Assembly::open_keys() {
  options_.kms.directory = folder_in(options_.data_directory, "keys");
  PORTEIRO_TRY(kms_, kms::Kms::open(options_.kms, environment_, telemetry_));
  key_cache_ = std::make_unique<kms::KeyCache>(*kms_, environment_, options_.key_cache);
  if (seals_for_subjects()) {
    const bool sync = options_.journal.durability == journal::Durability::power;
    PORTEIRO_TRY(secrets_,
                 stores::SubjectSecrets::open(options_.data_directory, sync, environment_));
  }
  sealer_ = std::make_unique<kms::Sealer>(*key_cache_, environment_, secrets_.get());
  tokens_ = std::make_unique<kms::Tokens>(*kms_, options_.tokens, &environment_.scheduler);
  if (!options_.envelopes.key.empty()) {
    envelopes_ = std::make_unique<events::Envelopes>(*kms_, environment_, *guard_, telemetry_,
                                                     options_.envelopes);
  }
  return ok();
}

Result<void> Assembly::open_audit() {
  if (!options_.layers.audit) return ok();
  options_.audit.directory = folder_in(options_.data_directory, "audit");
  options_.audit.sync = options_.journal.durability == journal::Durability::power;
  PORTEIRO_TRY(audit_, audit::Audit::open(options_.audit, environment_, telemetry_));
  const std::string& key = options_.audit_key;
  if (const kms::KeyPair::Shared pair = kms_->public_key(key)) {
    const auto algorithm = kms::signing_algorithms(pair->spec()).front();
    audit_->sign_with({key, std::string(to_string(algorithm)),
                       [this, key](const std::string& message, auto done) {
                         kms_->sign(key, message, {}, std::move(done));
                       }});
  } else if (!key.empty()) {
    audit_->sign_with({key, "HMAC_SHA_256", [this, key](const std::string& message, auto done) {
                         kms_->generate_mac(key, message, {}, std::move(done));
                       }});
  }
  guard_->record_with(audit_.get());
  return ok();
}

Result<void> Assembly::open_queues() {
  queues_ = std::make_unique<queue::Queues>(environment_, *journal_, telemetry_);
  for (const queue::Options& options : options_.queues) {
    PORTEIRO_TRY(queues_->declare(options));
  }
  return ok();
}

Result<void> Assembly::open_stores() {
  const bool sync = options_.journal.durability == journal::Durability::power;
  for (const stores::StoreOptions& options : options_.stores) {
    PORTEIRO_TRY(auto store,
                 stores::Store::open(options, environment_, {*key_cache_, *tokens_, telemetry_},
                                     options_.data_directory, sync));
    stores_.emplace(options.name, std::move(store));
  }
  data_.emplace(environment_.scheduler, stores_);
  models_ = std::make_unique<readmodels::ReadModels>(environment_, stores_, telemetry_);
  for (const readmodels::Options& options : options_.read_models) {
    PORTEIRO_TRY(models_->create(options));
  }
  return ok();
}

lambda::Services& Assembly::services_for(stores::Asker asker) {
  return own_
      .emplace_back(environment_, telemetry_, stores_, *guard_, *sealer_, *tokens_,
                    std::move(asker))
      .services;
}

Result<void> Assembly::open_functions(const lambda::Registry& registry) {
  functions_ = std::make_unique<lambda::Functions>(environment_, telemetry_, *queues_);
  if (environment_.processes != nullptr) {
    PORTEIRO_TRY(check_code(options_, environment_.files));
  }
  options_.surroundings.message_text = [](std::string_view queue, const queue::Delivery& delivery) {
    protocols::DeliveryText text = protocols::delivery_text(queue, delivery);
    return lambda::MessageText{std::move(text.receipt_handle), std::move(text.md5_of_body),
                               std::move(text.sequence_number)};
  };
  for (const FunctionDefinition& definition : options_.functions) {
    lambda::Services& services =
        services_for({definition.options.name, definition.role, definition.zone});
    if (definition.external) {
      auto workers =
          lambda::external_workers(*definition.external, options_.surroundings, services);
      PORTEIRO_TRY(functions_->create(definition.options, std::move(workers)));
      continue;
    }
    const nlohmann::json with = nlohmann::json::parse(definition.with);
    auto function =
        registry.make(definition.options.factory, {definition.options.name, with, services});
    if (!function) {
      Error problem = function.error();
      problem.at.insert(0, "/functions/" + definition.options.name);
      return problem;
    }
    PORTEIRO_TRY(functions_->create(definition.options, std::move(function).value()));
  }
  return ok();
}

Result<void> Assembly::open(const lambda::Registry& registry) {
  const bool on_disk = !options_.data_directory.empty();
  if (on_disk) {
    PORTEIRO_TRY(
        begin_manifest(environment_.files, options_.data_directory, options_.layers.boxes));
  }
  options_.journal.directory = folder_in(options_.data_directory, "journal");
  PORTEIRO_TRY(journal_, journal::open(options_.journal, environment_, telemetry_));
  if (on_disk) {
    PORTEIRO_TRY(
        check_manifest(environment_.files, options_.data_directory, options_.layers.boxes));
  }
  guard_.emplace(options_.roles, environment_.scheduler, telemetry_, options_.layers);
  PORTEIRO_TRY(open_keys());
  PORTEIRO_TRY(open_audit());
  events_ = std::make_unique<events::EventLog>(environment_, *journal_, options_.events_max);
  PORTEIRO_TRY(open_queues());
  PORTEIRO_TRY(open_stores());
  options_.gateway.authenticate = options_.layers.client_auth;
  PORTEIRO_TRY(gateway_,
               gateway::Gateway::create(options_.gateway, environment_,
                                        {*journal_, telemetry_, *sealer_, *tokens_, *queues_,
                                         *events_, *models_, *guard_, envelopes_.get()}));
  options_.surroundings.services = [this](const lambda::Caller& caller,
                                          const http::Request& request, http::Responder respond) {
    const stores::Asker& asker = caller.stores->asker();
    const protocols::Asker who{{asker.name, asker.role, asker.zone, asker.developer},
                               caller.purpose,
                               caller.client,
                               caller.trace,
                               caller.masked};
    if (handle_service(request, respond, who)) return;
    respond(http::problem(404,
                          "this port has the Runtime API and the service protocols; the "
                          "request is for none of them"));
  };
  options_.surroundings.data = [this](std::shared_ptr<lambda::Caller> caller,
                                      const http::Request& request, http::Responder respond) {
    data_->handle(std::move(caller), request, std::move(respond));
  };
  PORTEIRO_TRY(open_functions(registry));
  sqs_ = std::make_unique<protocols::Sqs>(
      protocols::Sqs::Parts{environment_, *journal_, telemetry_, *queues_, *guard_}, options_.aws,
      options_.sqs);
  key_service_ = std::make_unique<protocols::Kms>(
      protocols::Kms::Parts{environment_, telemetry_, *kms_, *guard_}, options_.aws,
      protocols::KmsOptions{});
  clients_ = std::make_unique<ClientFunctions>(
      ClientFunctions::Parts{environment_, *journal_, telemetry_, *queues_,
                             services_for({.name = "function-of-a-client", .developer = true}),
                             *functions_, *guard_},
      options_);
  admin_ = std::make_unique<admin::Admin>(
      telemetry_, *events_, *queues_,
      admin::Hooks{[this] { return ready_; },
                   [this](UniqueFunction<void(Result<void>)> done) { reset(std::move(done)); },
                   [this](std::string_view token_name, std::string_view value,
                          UniqueFunction<void(Result<std::string>)> done) {
                     erase(token_name, value, std::move(done));
                   },
                   [this](std::size_t count) {
                     return audit_ == nullptr ? std::vector<std::string>() : audit_->newest(count);
                   },
                   [this] { return telemetry::to_json(cost()); }});
  PORTEIRO_TRY(journal_->start());
  if (on_disk) {
    PORTEIRO_TRY(write_manifest(environment_.files, options_.data_directory, manifest()));
    manifest_written_ = true;
  }
  return ok();
}

Result<void> Assembly::add_sources() {
  for (const lambda::SourceOptions& source : options_.sources) {
    queue::Queue* queue = queues_->find(source.queue);
    PORTEIRO_ASSERT(queue != nullptr);  // options_from_json checked the name.
    queue->on_lost([this](const queue::Message& message, bool dead_lettered) {
      gateway_->lost(message, dead_lettered);
    });
    PORTEIRO_TRY(functions_->add_source(
        *queue, source,
        [this](const events::Event& event, Result<lambda::Reply> outcome) {
          gateway_->reply(event, std::move(outcome));
        },
        envelopes_.get()));
  }
  for (lambda::MappingOptions mapping : options_.mappings) {
    mapping.id = make_id(environment_.entropy);
    functions_->map(std::move(mapping));
  }
  return ok();
}

// At every start, so that nobody runs with less than all by mistake.
void Assembly::warn_of_layers_off() {
  for (const std::string_view name : access::switched_off(options_.layers)) {
    telemetry_.note(telemetry::Level::warning,
                    "the security layer " + std::string(name) +
                        " is OFF: for measuring only, never with data that matters");
  }
}

void Assembly::start(UniqueFunction<void(Result<void>)> done) {
  counted_since_ = environment_.scheduler.now();
  warn_of_layers_off();
  tokens_->start([this, alive = alive_, done = std::move(done)](Result<void> tokens) mutable {
    if (!*alive) return;
    if (!tokens || envelopes_ == nullptr) return start_models(std::move(tokens), std::move(done));
    envelopes_->start([this, alive, done = std::move(done)](Result<void> envelopes) mutable {
      if (*alive) start_models(std::move(envelopes), std::move(done));
    });
  });
}

void Assembly::start_models(Result<void> before, UniqueFunction<void(Result<void>)> done) {
  if (!before) return done(std::move(before));
  models_->start([this, alive = alive_, done = std::move(done)](Result<void> models) mutable {
    if (!*alive) return;
    if (!models) return done(models.error());
    if (Result<void> sources = add_sources(); !sources) return done(std::move(sources));
    clients_->service().start([this, done = std::move(done)](Result<void> clients) mutable {
      ready_ = clients.has_value();
      done(std::move(clients));
    });
  });
}

void Assembly::stop(Task done) {
  ready_ = false;
  sqs_->stop();
  data_->stop();
  clients_->service().stop();
  gateway_->stop([this, alive = alive_, done = std::move(done)]() mutable {
    if (!*alive) return;
    functions_->stop([this, alive, done = std::move(done)]() mutable {
      if (!*alive) return;
      if (audit_ == nullptr) return journal_->close(std::move(done));
      audit_->close([this, alive, done = std::move(done)]() mutable {
        if (*alive) journal_->close(std::move(done));
      });
    });
  });
}

// Around what makes files shorter, so that an end in between is not taken for a loss.
Result<void> Assembly::say_what_grows(bool known) {
  if (!manifest_written_) return ok();
  Manifest now = manifest();
  if (!known) now.growing.clear();
  return write_manifest(environment_.files, options_.data_directory, now);
}

// Whoever waits is told first, then what runs is abandoned, then the state goes.
void Assembly::reset(UniqueFunction<void(Result<void>)> done) {
  gateway_->reset();
  clients_->service().reset();
  functions_->reset();
  sqs_->reset();
  queues_->reset();
  events_->reset();
  key_cache_->clear();
  if (Result<void> said = say_what_grows(false); !said) return done(std::move(said));
  if (secrets_ != nullptr) {
    if (Result<void> cleared = secrets_->reset(); !cleared) return done(cleared.error());
  }
  for (auto& [name, store] : stores_) {
    if (Result<void> cleared = store->reset(); !cleared) return done(cleared.error());
  }
  if (Result<void> said = say_what_grows(true); !said) return done(std::move(said));
  models_->reset();
  telemetry_.reset();
  counted_since_ = environment_.scheduler.now();
  if (Result<void> cleared = journal_->clear(); !cleared) return done(std::move(cleared));
  key_service_->reset(std::move(done));
}

void Assembly::erase(std::string_view token_name, std::string_view value,
                     UniqueFunction<void(Result<std::string>)> done) {
  erase_person({options_, environment_, *journal_, *tokens_, secrets_.get(), stores_, *queues_,
                *events_, *models_, *guard_},
               token_name, value, alive_, std::move(done));
}

bool Assembly::idle() {
  if (functions_->running() > 0 || gateway_->waiting() > 0 || !models_->level()) return false;
  if (!clients_->service().idle() || key_service_->waiting() > 0) return false;
  const auto empty = [this](const auto& source) {
    return queues_->find(source.queue)->depth().total() == 0;
  };
  return std::all_of(options_.sources.begin(), options_.sources.end(), empty) &&
         std::all_of(options_.mappings.begin(), options_.mappings.end(), empty);
}

}  // namespace

bool Emulator::may_be_large(std::string_view target) {
  return protocols::Lambda::may_be_large(target);
}

Result<std::unique_ptr<Emulator>> Emulator::open(Options options, Environment& environment,
                                                 const lambda::Registry& registry) {
  auto assembly = std::make_unique<Assembly>(std::move(options), environment);
  PORTEIRO_TRY(assembly->open(registry));
  return std::unique_ptr<Emulator>(std::move(assembly));
}

}  // namespace porteiro::emulator
