// Functions: made, changed, looked at and removed.
#include <set>

#include "protocols/lambda/actions.hpp"
#include "protocols/lambda/configuration.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::size_t tags_max = 50, tag_key_max = 128, tag_value_max = 256;

// Where code may come from: a zip file in the request.
void check_code_source(Reader& code, bool has_zip) {
  for (const char* name : {"S3Bucket", "S3Key", "S3ObjectVersion"}) {
    if (code.has(name)) {
      code.fail(wrong("There is no S3 here to take the code from: give it as ZipFile."));
    }
  }
  if (code.has("ImageUri")) {
    code.fail(wrong("Container images do not run here: give the code as ZipFile."));
  }
  if (code.has("ZipFile")) code.fail({&serialization, "ZipFile has to be a string in base64."});
  if (!has_zip) code.fail(wrong("Please provide a source for function code."));
}

void check_package(Reader& in) {
  const auto type = in.choice("PackageType", {"Zip", "Image"});
  if (type && *type == "Image") in.fail(wrong("Container images do not run here: use Zip."));
}

Failure code_failure(const Error& error) {
  if (error.code == Errc::invalid) {
    return wrong(
        "Could not unzip uploaded file. Please check your file, then try to upload again. (" +
        error.detail + ")");
  }
  if (error.code == Errc::limit_exceeded && error.at == "unpacked") return wrong(error.detail);
  if (error.code == Errc::limit_exceeded) return {&too_large, error.detail};
  return failure_of(error);
}

struct Draft {  // A function that is made once its code is stored.
  lambda::CatalogueFunction function;
  bool publish = false;
};

Answer<Draft> draft_of(Call& call) {
  Reader& in = call.in;
  Draft draft;
  in.require("FunctionName");
  in.require("Role");
  in.require("Code");
  const Text name = in.text("FunctionName", arn_max, 1);
  check_package(in);
  Reader code = in.part("Code");
  if (!in.failure()) check_code_source(code, call.has_zip);
  in.take(code);
  lambda::Settings& settings = draft.function.latest.settings;
  take_settings(in, settings);
  take_architecture(in, settings);
  if (settings.runtime.empty() || settings.handler.empty()) {
    in.fail(
        wrong("Runtime and Handler are mandatory parameters for functions created with "
              "deployment packages."));
  }
  if (auto tags = in.texts("Tags")) draft.function.tags = std::move(*tags);
  draft.publish = in.boolean("Publish").value_or(false);
  if (in.failure()) return *in.failure();
  PORTEIRO_TRY(const Reference reference, parse_reference(*name, {}, call.service.aws));
  if (!reference.qualifier.empty()) return wrong("A new function's name has no qualifier.");
  draft.function.name = reference.name;
  PORTEIRO_TRY(check_tags(draft.function.tags));
  if (!settings.dead_letter_arn.empty()) {
    PORTEIRO_TRY(check_target(call, settings.dead_letter_arn, "DeadLetterConfig"));
  }
  return draft;
}

Failure exists(const std::string& name) { return {&conflict, "Function already exist: " + name}; }

void renew_mappings(Service& service, const std::string& function) {
  for (const auto* mapping : service.parts.catalogue.mappings()) {
    if (mapping->function == function) service.begin(*mapping);
  }
}

void touch(Service& service, lambda::Version& version) {
  version.modified = service.now();
  version.revision = service.new_id();
}

Answer<Output> create(Service& service, Draft draft, lambda::Code code) {
  const std::string name = draft.function.name;
  if (service.parts.catalogue.find(name) != nullptr) return exists(name);
  draft.function.latest.settings.code = std::move(code);
  touch(service, draft.function.latest);
  const auto created = service.parts.catalogue.create(std::move(draft.function));
  if (!created) return failure_of(created.error());
  Output output;
  output.status = 201;
  output.sequence = created.value();
  const lambda::CatalogueFunction& function = *service.parts.catalogue.find(name);
  service.deploy(function, function.latest);
  output.body = configuration_of(service, function, function.latest);
  if (draft.publish) {
    const auto published = service.parts.catalogue.publish(name, function.latest);
    if (!published) return failure_of(published.error());
    const lambda::Version& version = *published.value().version;
    service.deploy(function, version);
    output.sequence = published.value().sequence;
    output.body = configuration_of(service, function, version, version.number);
  }
  renew_mappings(service, name);
  return output;
}

// The copy's own version may be another by now: what is changed here is the code alone.
Answer<Output> replace_code(Service& service, const Reference& reference,
                            const std::string& architecture, bool publish, const Text& revision,
                            lambda::Code code) {
  PORTEIRO_TRY(lambda::CatalogueFunction function, service.copy_of(reference));
  PORTEIRO_TRY(check_revision(revision, function.latest.revision));
  const std::string before = function.latest.settings.code.sha256;
  function.latest.settings.code = std::move(code);
  function.latest.settings.architecture = architecture;
  touch(service, function.latest);
  PORTEIRO_TRY(Output output, service.change(std::move(function)));
  const lambda::CatalogueFunction& changed = *service.parts.catalogue.find(reference.name);
  service.deploy(changed, changed.latest);
  service.parts.code.collect({before});
  output.body = configuration_of(service, changed, changed.latest);
  if (!publish) return output;
  PORTEIRO_TRY(Output published, publish_latest(service, reference.name, std::nullopt));
  output.sequence = std::max(output.sequence, published.sequence);
  output.body = std::move(published.body);
  return output;
}

// In the order of their numbers.
std::vector<std::string> sort_keys(const lambda::CatalogueFunction& function) {
  std::vector<std::string> keys;
  for (const lambda::Version& version : function.published) {
    std::string key;
    for (std::size_t size = version.number.size(); size < 20; ++size) key += '0';
    keys.push_back(key.append(version.number));
  }
  return keys;
}

}  // namespace

Answer<void> check_tags(const TextMap& tags) {
  if (tags.size() > tags_max) return wrong("At most 50 tags are allowed.");
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > tag_key_max || key.starts_with("aws:") ||
        value.size() > tag_value_max) {
      return wrong(
          "A tag's key has 1 to 128 characters and does not begin with aws:, a value at "
          "most 256.");
    }
  }
  return ok();
}

Answer<Output> create_function(Call& call) {
  PORTEIRO_TRY(Draft draft, draft_of(call));
  if (call.service.parts.catalogue.find(draft.function.name) != nullptr) {
    return exists(draft.function.name);
  }
  const auto pending = call.service.postpone(call);
  call.service.parts.code.put(
      std::move(call.zip), [weak = call.service.weak_from_this(), pending,
                            draft = std::move(draft)](Result<lambda::Code> code) mutable {
        const auto service = weak.lock();
        if (service == nullptr || !service->open(*pending)) return;
        if (!code) return service->finish(*pending, code_failure(code.error()));
        service->code_came(code.value().sha256);
        service->finish(*pending, create(*service, std::move(draft), std::move(code.value())));
      });
  Output output;
  output.later = true;
  return output;
}

Answer<Output> update_function_code(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  Reader& in = call.in;
  check_code_source(in, call.has_zip);
  take_architecture(in, function.latest.settings);
  const bool publish = in.boolean("Publish").value_or(false);
  const bool dry = in.boolean("DryRun").value_or(false);
  const Text revision = in.text("RevisionId", 64);
  if (in.failure()) return *in.failure();
  PORTEIRO_TRY(check_revision(revision, function.latest.revision));
  if (dry) {
    Output output;
    output.body = configuration_of(call.service, function, function.latest);
    return output;
  }
  const auto pending = call.service.postpone(call);
  call.service.parts.code.put(
      std::move(call.zip), [weak = call.service.weak_from_this(), pending, reference,
                            architecture = function.latest.settings.architecture, publish,
                            revision](Result<lambda::Code> code) {
        const auto service = weak.lock();
        if (service == nullptr || !service->open(*pending)) return;
        if (!code) return service->finish(*pending, code_failure(code.error()));
        service->code_came(code.value().sha256);
        service->finish(*pending, replace_code(*service, reference, architecture, publish, revision,
                                               std::move(code.value())));
      });
  Output output;
  output.later = true;
  return output;
}

Answer<Output> update_function_configuration(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(const Reference reference, service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, service.copy_of(reference));
  take_settings(call.in, function.latest.settings);
  const Text revision = call.in.text("RevisionId", 64);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(check_revision(revision, function.latest.revision));
  if (call.in.has("DeadLetterConfig") && !function.latest.settings.dead_letter_arn.empty()) {
    PORTEIRO_TRY(check_target(call, function.latest.settings.dead_letter_arn, "DeadLetterConfig"));
  }
  touch(service, function.latest);
  PORTEIRO_TRY(Output output, service.change(std::move(function)));
  const lambda::CatalogueFunction& changed = *service.parts.catalogue.find(reference.name);
  service.deploy(changed, changed.latest);
  output.body = configuration_of(service, changed, changed.latest);
  return output;
}

Answer<Output> get_function_configuration(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  PORTEIRO_TRY(const lambda::Version* version, call.service.version_of(*function, reference));
  Output output;
  output.body = configuration_of(call.service, *function, *version, reference.qualifier);
  return output;
}

Answer<Output> get_function(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  PORTEIRO_TRY(const lambda::Version* version, call.service.version_of(*function, reference));
  Output output;
  output.body["Configuration"] =
      configuration_of(call.service, *function, *version, reference.qualifier);
  output.body["Code"]["RepositoryType"] = "S3";
  if (!version->settings.code.sha256.empty()) {
    output.body["Code"]["Location"] =
        call.service.url_of_code(call.request, version->settings.code);
  }
  if (!function->tags.empty()) output.body["Tags"] = function->tags;
  if (function->reserved) {
    output.body["Concurrency"]["ReservedConcurrentExecutions"] = *function->reserved;
  }
  return output;
}

Answer<Output> list_functions(Call& call) {
  const Service& service = call.service;
  const std::string which = call.query("FunctionVersion");
  if (!which.empty() && which != "ALL") {
    return constraint(which, "functionVersion", "satisfy enum value set: [ALL]");
  }
  struct Item {
    const lambda::CatalogueFunction* function;
    const lambda::Version* version;
  };
  std::vector<std::string> names;
  std::vector<Item> items;
  for (const auto* function : service.parts.catalogue.functions()) {
    names.push_back(function->name);
    items.push_back({function, &function->latest});
    if (which.empty()) continue;
    const auto keys = sort_keys(*function);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::string name = function->name;
      name += '\0';
      names.push_back(name.append(keys[i]));
      items.push_back({function, &function->published[i]});
    }
  }
  PORTEIRO_TRY(const Page page, page_of(call, names, page_max));
  Output output;
  output.body["Functions"] = json::array();
  for (std::size_t i = page.from; i < page.to; ++i) {
    const auto& [function, version] = items[i];
    output.body["Functions"].push_back(configuration_of(
        service, *function, *version, which.empty() ? std::string_view() : version->number));
  }
  add_marker(output.body, page);
  return output;
}

Answer<Output> list_versions(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  std::vector<std::string> names = sort_keys(*function);
  names.insert(names.begin(), "!");  // $LATEST, before all digits.
  PORTEIRO_TRY(const Page page, page_of(call, names, page_max));
  Output output;
  output.body["Versions"] = json::array();
  for (std::size_t i = page.from; i < page.to; ++i) {
    const lambda::Version& version = i == 0 ? function->latest : function->published[i - 1];
    output.body["Versions"].push_back(
        configuration_of(call.service, *function, version, version.number));
  }
  add_marker(output.body, page);
  return output;
}

Answer<Output> delete_function(Call& call) {
  Service& service = call.service;
  PORTEIRO_TRY(const Reference reference, service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction function, service.copy_of(reference));
  Output output;
  output.status = 204;
  std::set<std::string> codes;
  if (reference.qualifier.empty()) {
    const auto removed = service.parts.catalogue.remove(reference.name);
    if (!removed) return failure_of(removed.error());
    output.sequence = removed.value();
    service.async.drop(reference.name);
    service.retire(function, function.latest);
    codes.insert(function.latest.settings.code.sha256);
    for (const lambda::Version& version : function.published) {
      service.retire(function, version);
      codes.insert(version.settings.code.sha256);
    }
    renew_mappings(service, reference.name);
  } else if (reference.qualifier == lambda::latest_version) {
    return wrong("$LATEST version cannot be deleted without deleting the function.");
  } else {
    if (function.aliases.contains(reference.qualifier)) {
      return wrong("Deletion of aliases is not currently supported: use DeleteAlias.");
    }
    const auto removed =
        service.parts.catalogue.remove_version(reference.name, reference.qualifier);
    if (!removed && removed.error().code == Errc::not_found) {
      return output;  // AWS Lambda: not an error.
    }
    if (!removed) return failure_of(removed.error());
    output.sequence = removed.value();
    const lambda::Version& version = *function.version(reference.qualifier);
    service.retire(function, version);
    codes.insert(version.settings.code.sha256);
  }
  service.parts.code.collect(codes);
  return output;
}

Answer<Output> get_account_settings(Call& call) {
  const Service& service = call.service;
  std::uint64_t count = 0, bytes = 0;
  for (const auto* function : service.parts.catalogue.functions()) {
    ++count;
    bytes += function->latest.settings.code.bytes;
    for (const auto& version : function->published) bytes += version.settings.code.bytes;
  }
  const std::uint32_t most = service.options.concurrency_max;
  Output output;
  output.body = {{"AccountLimit",
                  {{"TotalCodeSize", 80530636800},  // AWS Lambda's quotas.
                   {"CodeSizeUnzipped", 262144000},
                   {"CodeSizeZipped", 52428800},
                   {"ConcurrentExecutions", most},
                   {"UnreservedConcurrentExecutions", most - service.reserved_in_sum()}}},
                 {"AccountUsage", {{"TotalCodeSize", bytes}, {"FunctionCount", count}}}};
  return output;
}

}  // namespace porteiro::protocols::lambda_api
