// The policy document, and AddPermission and RemovePermission: statements in it.
#include "protocols/sqs/permissions.hpp"

#include <algorithm>

#include "protocols/aws/document.hpp"
#include "protocols/sqs/actions.hpp"
#include "protocols/sqs/attributes.hpp"
#include "protocols/sqs/message.hpp"

namespace porteiro::protocols::sqs {
namespace {

using Document = nlohmann::ordered_json;

constexpr std::size_t statements_max = 20;  // And, of each: Amazon SQS quotas, "Policies".
constexpr std::size_t principals_max = 50;
constexpr std::size_t actions_max = 7;
constexpr std::size_t label_max = 80;
constexpr std::string_view allowed_actions[] = {
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "SendMessageBatch",
    "DeleteMessageBatch",
    "ChangeMessageVisibilityBatch",
};

bool valid_label(std::string_view label) {
  return !label.empty() && label.size() <= label_max &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_';
         });
}

bool valid_account(std::string_view id) {
  return id.size() == 12 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Failure too_many(std::size_t count, std::string_view what, std::size_t most) {
  return {&over_limit, std::to_string(count) + " " + std::string(what) +
                           " were found, maximum allowed is " + std::to_string(most) + "."};
}

Answer<void> check(const Input& in) {
  if (!in.label) return aws::missing("Label");
  if (in.account_ids.empty()) return aws::missing("AWSAccountIds");
  if (in.actions.empty()) return aws::missing("Actions");
  if (!valid_label(*in.label)) {
    return aws::bad_value(*in.label, "Label",
                          "It can only include alphanumeric characters, hyphens, or underscores. 1 "
                          "to 80 in length.");
  }
  for (const std::string_view id : in.account_ids) {
    if (valid_account(id)) continue;
    return aws::bad_value(id, "PrincipalId", "Unable to verify.");
  }
  if (in.actions.size() > actions_max) {
    return too_many(in.actions.size(), "Actions", actions_max);
  }
  for (const std::string_view action : in.actions) {
    const auto* const end = std::end(allowed_actions);
    if (std::find(std::begin(allowed_actions), end, action) != end) continue;
    return aws::bad_value("SQS:" + std::string(action), "ActionName",
                          "Please refer to the appropriate WSDL for a list of valid actions.");
  }
  return ok();
}

// One text, or a list of several.
Document one_or_list(std::vector<std::string> texts) {
  if (texts.size() == 1) return texts.front();
  return texts;
}

Document statement_of(const Input& in, const std::string& arn) {
  std::vector<std::string> accounts, actions;
  for (const std::string_view id : in.account_ids) {
    accounts.push_back("arn:aws:iam::" + std::string(id) + ":root");
  }
  for (const std::string_view action : in.actions) actions.push_back("SQS:" + std::string(action));
  Document statement;
  statement["Sid"] = std::string(*in.label);
  statement["Effect"] = "Allow";
  statement["Principal"]["AWS"] = one_or_list(std::move(accounts));
  statement["Action"] = one_or_list(std::move(actions));
  statement["Resource"] = arn;
  return statement;
}

// The policy's statements; a policy may have one of them without a list.
Document policy_of(const queue::Options& options, const std::string& arn) {
  Document policy = aws::parse_map<Document>(note_of(options, "Policy")).value_or(Document());
  if (policy.is_null()) {
    policy["Version"] = "2008-10-17";
    policy["Id"] = arn + "/SQSDefaultPolicy";
  }
  Document& statements = policy["Statement"];
  if (statements.is_object()) statements = Document::array({statements});
  if (!statements.is_array()) statements = Document::array();
  return policy;
}

bool labelled(const Document& statement, std::string_view label) {
  const auto sid = statement.is_object() ? statement.find("Sid") : statement.end();
  return statement.is_object() && sid != statement.end() && *sid == std::string(label);
}

Answer<Done> keep(queue::Queue& queue, const Document& policy) {
  queue::Options options = queue.options();
  PORTEIRO_TRY(set_policy(policy["Statement"].empty() ? std::string() : policy.dump(), options));
  return configure(queue, std::move(options));
}

// "*", one text, a list of texts, or an object of such: {"AWS": ["…"], "Service": "…"}.
std::size_t count_principals(const nlohmann::json& principal) {
  if (!principal.is_structured()) return 1;
  std::size_t count = 0;
  for (const nlohmann::json& part : principal) count += part.is_array() ? part.size() : 1;
  return count;
}

Answer<void> check_statement(const nlohmann::json& statement) {
  if (!statement.is_object()) return ok();
  for (const char* member : {"Principal", "NotPrincipal"}) {
    const auto principal = statement.find(member);
    if (principal == statement.end()) continue;
    const std::size_t count = count_principals(*principal);
    if (count > principals_max) return too_many(count, "Principals", principals_max);
  }
  return ok();
}

Answer<void> check_statements(const nlohmann::json& policy) {
  const auto statements = policy.find("Statement");
  if (statements == policy.end()) return ok();
  if (!statements->is_array()) return check_statement(*statements);
  if (statements->size() > statements_max) {
    return too_many(statements->size(), "Statements", statements_max);
  }
  for (const nlohmann::json& statement : *statements) {
    PORTEIRO_TRY(check_statement(statement));
  }
  return ok();
}

}  // namespace

Answer<void> set_policy(std::string_view text, queue::Options& options) {
  if (text.size() > aws::document_bytes_max) {
    return too_many(text.size(), "bytes of Policy", aws::document_bytes_max);
  }
  const auto policy = aws::parse_map(text);
  if (!text.empty() && (!policy || !valid_contents(text))) {
    return Failure{&bad_attribute_value, "Invalid value for the parameter Policy."};
  }
  if (policy) {
    PORTEIRO_TRY(check_statements(*policy));
  }
  set_note(options, "Policy", text);
  return ok();
}

Answer<Done> add_permission(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  PORTEIRO_TRY(check(call.in));
  const std::string arn = call.service.arn_of(queue->options().name);
  Document policy = policy_of(queue->options(), arn);
  for (const Document& statement : policy["Statement"]) {
    if (!labelled(statement, *call.in.label)) continue;
    return aws::bad_value(*call.in.label, "Label", "Already exists.");
  }
  policy["Statement"].push_back(statement_of(call.in, arn));
  return keep(*queue, policy);
}

Answer<Done> remove_permission(Call& call) {
  PORTEIRO_TRY(queue::Queue * queue, call.service.queue_of(call));
  if (!call.in.label) return aws::missing("Label");
  Document policy = policy_of(queue->options(), call.service.arn_of(queue->options().name));
  Document& statements = policy["Statement"];
  Document rest = Document::array();
  for (Document& statement : statements) {
    if (!labelled(statement, *call.in.label)) rest.push_back(std::move(statement));
  }
  if (rest.size() == statements.size()) {
    return aws::bad_value(*call.in.label, "Label", "can't find label.");
  }
  statements = std::move(rest);
  return keep(*queue, policy);
}

}  // namespace porteiro::protocols::sqs
