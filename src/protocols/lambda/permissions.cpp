// Tags, and the statements of resource policies, which are kept and grant nothing.
#include <algorithm>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/names.hpp"
#include "protocols/lambda/actions.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

constexpr std::size_t policy_bytes_max = 20u << 10;  // AWS Lambda.

// What a tag request is about: a function, or an event source mapping.
struct Tagged {
  std::string function;
  std::optional<Id> mapping;
};

Answer<Tagged> tagged_by(const Call& call) {
  const std::string& text = call.names.at(0);
  constexpr std::string_view prefix = "event-source-mapping:";
  const auto arn = aws::parse_arn(text);
  if (arn && arn->service == "lambda" && arn->resource.starts_with(prefix)) {
    const auto id = parse_id(arn->resource.substr(prefix.size()));
    if (!id || call.service.parts.catalogue.find_mapping(*id) == nullptr) {
      return absent("The resource you requested does not exist.");
    }
    return Tagged{{}, id};
  }
  if (!arn) {
    return constraint(text, "resource", "satisfy regular expression pattern of a function's ARN");
  }
  PORTEIRO_TRY(const Reference reference, parse_reference(text, {}, call.service.aws));
  if (!reference.qualifier.empty()) {
    return wrong(
        "Tags on function aliases and versions are not supported. Please specify a "
        "function ARN.");
  }
  PORTEIRO_TRY(call.service.function_of(reference));
  return Tagged{reference.name, std::nullopt};
}

template <class Edit>
Answer<Output> edit_tags(Call& call, Edit edit) {
  PORTEIRO_TRY(const Tagged tagged, tagged_by(call));
  Output output;
  if (tagged.mapping) {
    lambda::CatalogueMapping mapping = *call.service.parts.catalogue.find_mapping(*tagged.mapping);
    edit(mapping.tags);
    PORTEIRO_TRY(check_tags(mapping.tags));
    const auto kept = call.service.parts.catalogue.put_mapping(std::move(mapping));
    if (!kept) return failure_of(kept.error());
    output.sequence = kept.value();
  } else {
    PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of({tagged.function, {}}));
    edit(function.tags);
    PORTEIRO_TRY(check_tags(function.tags));
    PORTEIRO_TRY(output, call.service.change(std::move(function)));
  }
  output.status = 204;
  return output;
}

bool is_statement_id(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool is_principal_service(std::string_view principal) {
  return principal.find(".amazonaws.com") != principal.npos;
}

// The statement that a permission becomes.
Answer<json> statement_of(Call& call, const Reference& reference, const std::string& id) {
  Reader& in = call.in;
  in.require("Action");
  in.require("Principal");
  const std::string action = in.text("Action", 256).value_or("");
  const std::string principal = in.text("Principal", 256).value_or("");
  const auto source = in.text("SourceArn", 1024);
  const auto account = in.text("SourceAccount", 12);
  const auto organization = in.text("PrincipalOrgID", 34);
  if (in.failure()) return *in.failure();
  if (action != "*" && !action.starts_with("lambda:")) {
    return constraint(action, "action",
                      "satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])");
  }
  json statement = {
      {"Sid", id},
      {"Effect", "Allow"},
      {"Action", action},
      {"Resource", function_arn(call.service.aws, reference.name, reference.qualifier)}};
  if (principal == "*") {
    statement["Principal"] = "*";
  } else if (is_principal_service(principal)) {
    statement["Principal"]["Service"] = principal;
  } else {
    const bool account_only = principal.find(':') == principal.npos;
    statement["Principal"]["AWS"] =
        account_only ? "arn:aws:iam::" + principal + ":root" : principal;
  }
  if (source) statement["Condition"]["ArnLike"]["AWS:SourceArn"] = *source;
  if (account) statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = *account;
  if (organization) statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = *organization;
  return statement;
}

std::string policy_text(const lambda::Policy& policy) {
  json out = {{"Version", "2012-10-17"}, {"Id", "default"}, {"Statement", json::array()}};
  for (const auto& [id, statement] : policy.statements) {
    out["Statement"].push_back(json::parse(statement, nullptr, false));
  }
  return out.dump();
}

Failure no_policy() { return absent("The resource you requested does not exist."); }

}  // namespace

Answer<Output> tag_resource(Call& call) {
  call.in.require("Tags");
  const auto tags = call.in.texts("Tags");
  if (call.in.failure()) return *call.in.failure();
  return edit_tags(call, [&](TextMap& kept) {
    for (const auto& [key, value] : *tags) kept[key] = value;
  });
}

Answer<Output> untag_resource(Call& call) {
  TextList keys;
  std::string_view rest = call.request.query();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!pair.starts_with("tagKeys=")) continue;
    std::string text(pair.substr(8));
    std::replace(text.begin(), text.end(), '+', ' ');
    keys.push_back(percent_decode(text).value_or(text));
  }
  if (keys.empty()) return wrong("TagKeys must not be empty.");
  return edit_tags(call, [&](TextMap& kept) {
    for (const std::string& key : keys) kept.erase(key);
  });
}

Answer<Output> list_tags(Call& call) {
  PORTEIRO_TRY(const Tagged tagged, tagged_by(call));
  const auto& catalogue = call.service.parts.catalogue;
  Output output;
  output.body["Tags"] = tagged.mapping ? catalogue.find_mapping(*tagged.mapping)->tags
                                       : catalogue.find(tagged.function)->tags;
  return output;
}

Answer<Output> add_permission(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  PORTEIRO_TRY(call.service.version_of(function, reference));
  call.in.require("StatementId");
  const Text id = call.in.text("StatementId", 100, 1);
  const Text revision = call.in.text("RevisionId", 64);
  if (call.in.failure()) return *call.in.failure();
  if (!is_statement_id(*id)) {
    return constraint(*id, "statementId", "satisfy regular expression pattern: ([a-zA-Z0-9-_]+)");
  }
  PORTEIRO_TRY(const json statement, statement_of(call, reference, *id));
  lambda::Policy& policy = function.policies[reference.qualifier];
  if (policy.revision) {
    PORTEIRO_TRY(check_revision(revision, policy.revision));
  }
  if (policy.statements.contains(*id)) {
    return Failure{&conflict, "The statement id (" + *id +
                                  ") provided already exists. Please provide a new statement id, "
                                  "or remove the existing statement."};
  }
  policy.statements[*id] = statement.dump();
  policy.revision = call.service.new_id();
  if (policy_text(policy).size() > policy_bytes_max) {
    return Failure{&policy_too_long, "The final policy size is bigger than the limit (20480)."};
  }
  PORTEIRO_TRY(Output output, call.service.change(std::move(function)));
  output.status = 201;
  output.body["Statement"] = statement.dump();
  return output;
}

Answer<Output> remove_permission(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(lambda::CatalogueFunction function, call.service.copy_of(reference));
  const auto policy = function.policies.find(reference.qualifier);
  if (policy == function.policies.end()) return no_policy();
  const std::string revision = call.query("RevisionId");
  if (!revision.empty()) {
    PORTEIRO_TRY(check_revision(revision, policy->second.revision));
  }
  if (policy->second.statements.erase(call.names.at(1)) == 0) {
    return absent("Statement " + call.names.at(1) + " is not found in resource policy.");
  }
  policy->second.revision = call.service.new_id();
  if (policy->second.statements.empty()) function.policies.erase(policy);
  PORTEIRO_TRY(Output output, call.service.change(std::move(function)));
  output.status = 204;
  return output;
}

Answer<Output> get_policy(Call& call) {
  PORTEIRO_TRY(const Reference reference, call.service.reference_of(call));
  PORTEIRO_TRY(const lambda::CatalogueFunction* function, call.service.function_of(reference));
  const auto policy = function->policies.find(reference.qualifier);
  if (policy == function->policies.end()) return no_policy();
  Output output;
  output.body = {{"Policy", policy_text(policy->second)},
                 {"RevisionId", uuid_of(policy->second.revision)}};
  return output;
}

}  // namespace porteiro::protocols::lambda_api
