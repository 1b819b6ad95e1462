// What clients made of the function service: functions with their versions and aliases, and the
// event source mappings (AWS Lambda API reference, 2015-03-31). It keeps and bounds; what a value
// may be is the front-end's to check, what runs is others'. Knows no HTTP, no disk, no clock.
// Belongs to the loop.
//
// Functions of the config stand here, too, as declared: they are not in the journal and cannot be
// changed.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/id.hpp"
#include "porteiro/journal/journal.hpp"

namespace porteiro::lambda {

inline constexpr std::string_view latest_version = "$LATEST";

// A zip file in the code store.
struct Code {
  std::string sha256;  // Of the zip, in hexadecimal. Empty: there is none, as of declared ones.
  std::uint64_t bytes = 0;
  friend bool operator==(const Code&, const Code&) = default;
};

// What a version runs with.
struct Settings {
  std::string description{}, runtime{}, handler{}, role{};
  std::string architecture = "x86_64", tracing = "PassThrough";
  std::string dead_letter_arn{};
  std::uint32_t memory_mb = 128, timeout_s = 3, storage_mb = 512;
  std::map<std::string, std::string> environment{};
  Code code{};
  friend bool operator==(const Settings&, const Settings&) = default;
};

struct Version {
  std::string number{latest_version};
  Settings settings{};
  Time modified{};
  Id revision{};  // Another with each change.
};

struct Alias {
  std::string version{}, description{};
  std::map<std::string, double> weights{};  // Of invocations, to another version: 0 to 1.
  Id revision{};
};

// How asynchronous invocations of a qualifier end.
struct InvokeConfig {
  Time modified{};
  std::optional<std::uint32_t> retries_max{}, age_max_s{};  // Absent: 2 retries, 6 hours.
  std::string on_success{}, on_failure{};                   // ARNs; empty: none.
};

struct Policy {
  Id revision{};
  std::map<std::string, std::string> statements{};  // By id, as JSON text.
};

struct CatalogueFunction {
  std::string name{};
  Version latest{};
  std::vector<Version> published{};  // By number.
  std::uint64_t last_number = 0;     // Of a published version; never used again.
  std::map<std::string, Alias> aliases{};
  std::map<std::string, std::string> tags{};
  std::optional<std::uint32_t> reserved{};  // Concurrent invocations; absent: the account's.
  std::map<std::string, InvokeConfig> invoke_configs{};  // By qualifier.
  std::map<std::string, Policy> policies{};              // By qualifier; empty: the function's.
  bool declared = false;

  const Version* version(std::string_view number) const;  // Null: there is none.
};

// Feeds a function from a queue.
struct CatalogueMapping {
  Id id{};
  std::string queue_arn{}, function{}, qualifier{};  // Qualifier empty: $LATEST.
  std::uint32_t batch_max = 10;
  std::uint32_t window_s = 0;
  std::vector<std::string> filters{};  // Patterns, as they were given.
  std::uint32_t concurrency_max = 0;   // 0: the function's.
  bool reports_failures = false;       // ReportBatchItemFailures.
  bool enabled = true;
  Time modified{};
  std::map<std::string, std::string> tags{};
};

struct CatalogueLimits {  // All ours, but for the bytes of code, whose quota is 75 GB at AWS.
  std::size_t functions_max = 1000;  // Without the declared ones.
  std::size_t versions_max = 200;    // Published and kept, of one function.
  std::size_t aliases_max = 200;     // Of one function.
  std::size_t mappings_max = 1000;
  std::uint64_t code_bytes_max = 10ULL << 30;  // Of all zip files, each counted once.
};

class Catalogue final : public journal::Participant {
 public:
  // Joins the journal, before it starts. Borrows it.
  Catalogue(journal::Journal& journal, CatalogueLimits limits);

  // A function of the config. Errors: conflict. A client's that has the same name and comes back
  // from the journal is kept there, unseen, as long as the config declares its name.
  Result<void> declare(CatalogueFunction function);

  const CatalogueFunction* find(std::string_view name) const;  // Null: none. Owned here.
  std::vector<const CatalogueFunction*> functions() const;     // By name, declared ones as well.
  // Errors: conflict (it exists), limit_exceeded.
  Result<journal::Sequence> create(CatalogueFunction function);
  // All of it but the published versions, which stay. Errors: not_found, denied (it is declared),
  // limit_exceeded.
  Result<journal::Sequence> change(CatalogueFunction function);
  // `version.number` is given here. Errors: as change().
  struct Published {
    const Version* version;
    journal::Sequence sequence;
  };
  Result<Published> publish(std::string_view name, Version version);
  // Errors: not_found, denied, conflict (an alias leads there).
  Result<journal::Sequence> remove_version(std::string_view name, std::string_view number);
  Result<journal::Sequence> remove(std::string_view name);  // Errors: not_found, denied.

  const CatalogueMapping* find_mapping(Id id) const;                // Null: none. Owned here.
  std::vector<const CatalogueMapping*> mappings() const;            // By id.
  Result<journal::Sequence> put_mapping(CatalogueMapping mapping);  // Errors: limit_exceeded.
  Result<journal::Sequence> remove_mapping(Id id);                  // Errors: not_found.

  std::set<std::string> codes() const;  // All that some version refers to.
  bool refers(std::string_view sha256) const;
  void reset();  // Only what is declared is left.

  std::string snapshot() override;
  Result<void> restore(std::string_view snapshot) override;
  Result<void> replay(std::string_view entry) override;

 private:
  const CatalogueFunction* own(std::string_view name) const;
  Result<void> check_changeable(std::string_view name) const;
  Result<void> check(const CatalogueFunction& function) const;
  Result<void> check_code(const Code& code) const;
  journal::Sequence append(char kind, const std::string& text);
  Result<void> apply(char kind, std::string_view text);

  journal::Journal& journal_;
  const CatalogueLimits limits_;
  const journal::Stream stream_;
  std::map<std::string, CatalogueFunction, std::less<>> functions_, declared_;
  std::map<Id, CatalogueMapping> mappings_;
};

}  // namespace porteiro::lambda
