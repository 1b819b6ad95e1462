#include "protocols/lambda/actions.hpp"

#include <algorithm>
#include <charconv>

#include "porteiro/base/bytes.hpp"

namespace porteiro::protocols::lambda_api {
namespace {

// Dates are left out: a path means the same under all of them.
constexpr Action actions[] = {
    {"Invoke", "POST", "functions/*/invocations", invoke, Body::raw, true,
     access::action::function_invoke},
    {"InvokeWithResponseStream", "POST", "functions/*/response-streaming-invocations",
     invoke_with_response_stream, Body::raw, true, access::action::function_invoke},
    {"CreateFunction", "POST", "functions", create_function, Body::with_zip, true},
    {"ListFunctions", "GET", "functions", list_functions},
    {"GetFunction", "GET", "functions/*", get_function},
    {"DeleteFunction", "DELETE", "functions/*", delete_function, Body::none, true},
    {"GetFunctionConfiguration", "GET", "functions/*/configuration", get_function_configuration},
    {"UpdateFunctionConfiguration", "PUT", "functions/*/configuration",
     update_function_configuration, Body::object, true},
    {"UpdateFunctionCode", "PUT", "functions/*/code", update_function_code, Body::with_zip, true},
    {"PublishVersion", "POST", "functions/*/versions", publish_version, Body::object, true},
    {"ListVersionsByFunction", "GET", "functions/*/versions", list_versions},
    {"CreateAlias", "POST", "functions/*/aliases", create_alias, Body::object, true},
    {"ListAliases", "GET", "functions/*/aliases", list_aliases},
    {"GetAlias", "GET", "functions/*/aliases/*", get_alias},
    {"UpdateAlias", "PUT", "functions/*/aliases/*", update_alias, Body::object, true},
    {"DeleteAlias", "DELETE", "functions/*/aliases/*", delete_alias, Body::none, true},
    {"PutFunctionConcurrency", "PUT", "functions/*/concurrency", put_concurrency, Body::object,
     true},
    {"GetFunctionConcurrency", "GET", "functions/*/concurrency", get_concurrency},
    {"DeleteFunctionConcurrency", "DELETE", "functions/*/concurrency", delete_concurrency,
     Body::none, true},
    {"ListFunctionEventInvokeConfigs", "GET", "functions/*/event-invoke-config/list",
     list_invoke_configs},
    {"PutFunctionEventInvokeConfig", "PUT", "functions/*/event-invoke-config", put_invoke_config,
     Body::object, true},
    {"UpdateFunctionEventInvokeConfig", "POST", "functions/*/event-invoke-config",
     update_invoke_config, Body::object, true},
    {"GetFunctionEventInvokeConfig", "GET", "functions/*/event-invoke-config", get_invoke_config},
    {"DeleteFunctionEventInvokeConfig", "DELETE", "functions/*/event-invoke-config",
     delete_invoke_config, Body::none, true},
    {"AddPermission", "POST", "functions/*/policy", add_permission, Body::object, true},
    {"GetPolicy", "GET", "functions/*/policy", get_policy},
    {"RemovePermission", "DELETE", "functions/*/policy/*", remove_permission, Body::none, true},
    {"CreateEventSourceMapping", "POST", "event-source-mappings", create_mapping, Body::object,
     true},
    {"ListEventSourceMappings", "GET", "event-source-mappings", list_mappings},
    {"GetEventSourceMapping", "GET", "event-source-mappings/*", get_mapping},
    {"UpdateEventSourceMapping", "PUT", "event-source-mappings/*", update_mapping, Body::object,
     true},
    {"DeleteEventSourceMapping", "DELETE", "event-source-mappings/*", delete_mapping, Body::none,
     true},
    {"TagResource", "POST", "tags/*", tag_resource, Body::object, true},
    {"UntagResource", "DELETE", "tags/*", untag_resource, Body::none, true},
    {"ListTags", "GET", "tags/*", list_tags},
    {"GetAccountSettings", "GET", "account-settings", get_account_settings},
};

std::string_view take_segment(std::string_view& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& names) {
  names.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    if (wanted == "*") {
      names.push_back(percent_decode(segment).value_or(std::string(segment)));
    } else if (wanted != segment) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

const Action* find_action(std::string_view method, std::string_view path,
                          std::vector<std::string>& names) {
  while (path.starts_with('/')) path.remove_prefix(1);
  take_segment(path);  // The date.
  while (path.ends_with('/')) path.remove_suffix(1);
  for (const Action& action : actions) {
    if (action.method == method && matches(action.path, path, names)) return &action;
  }
  return nullptr;
}

Answer<Page> page_of(const Call& call, const std::vector<std::string>& names,
                     std::size_t items_max) {
  Page page{0, names.size(), {}};
  const std::string marker = call.query("Marker");
  if (!marker.empty()) {
    const auto last = from_base64url(marker);
    if (!last || last->empty()) return wrong("Invalid Marker.");
    const auto next = std::upper_bound(names.begin(), names.end(), *last);
    page.from = static_cast<std::size_t>(next - names.begin());
  }
  const std::string most = call.query("MaxItems");
  std::size_t count = items_max;
  if (!most.empty()) {
    const char* const end = most.data() + most.size();
    const auto [parsed, failure] = std::from_chars(most.data(), end, count);
    if (failure != std::errc() || parsed != end || count < 1 || count > 10'000) {
      return constraint(most, "maxItems", "have a value between 1 and 10000");
    }
    count = std::min(count, items_max);
  }
  if (names.size() - page.from > count) {
    page.to = page.from + count;
    page.next = to_base64url(names[page.to - 1]);
  }
  return page;
}

void add_marker(json& body, const Page& page) {
  if (!page.next.empty()) body["NextMarker"] = page.next;
}

Answer<void> check_revision(const Text& revision, Id current) {
  if (!revision || *revision == uuid_of(current)) return ok();
  return Failure{&precondition,
                 "The Revision Id provided does not match the latest Revision Id. Call the "
                 "GetFunction/GetAlias API to retrieve the latest Revision Id"};
}

}  // namespace porteiro::protocols::lambda_api
