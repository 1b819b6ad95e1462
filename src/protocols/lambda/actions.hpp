// The actions of Lambda, one function each (AWS Lambda API reference). Each checks its parameters,
// does the work and gives its result.
#pragma once
#include "protocols/lambda/service.hpp"

namespace porteiro::protocols::lambda_api {

Answer<Output> create_function(Call& call);
Answer<Output> get_function(Call& call);
Answer<Output> get_function_configuration(Call& call);
Answer<Output> list_functions(Call& call);
Answer<Output> update_function_code(Call& call);
Answer<Output> update_function_configuration(Call& call);
Answer<Output> delete_function(Call& call);
Answer<Output> get_account_settings(Call& call);

Answer<Output> publish_version(Call& call);
Answer<Output> list_versions(Call& call);
Answer<Output> create_alias(Call& call);
Answer<Output> get_alias(Call& call);
Answer<Output> list_aliases(Call& call);
Answer<Output> update_alias(Call& call);
Answer<Output> delete_alias(Call& call);

Answer<Output> invoke(Call& call);
Answer<Output> invoke_with_response_stream(Call& call);

Answer<Output> put_concurrency(Call& call);
Answer<Output> get_concurrency(Call& call);
Answer<Output> delete_concurrency(Call& call);

Answer<Output> put_invoke_config(Call& call);
Answer<Output> update_invoke_config(Call& call);
Answer<Output> get_invoke_config(Call& call);
Answer<Output> delete_invoke_config(Call& call);
Answer<Output> list_invoke_configs(Call& call);

Answer<Output> create_mapping(Call& call);
Answer<Output> get_mapping(Call& call);
Answer<Output> list_mappings(Call& call);
Answer<Output> update_mapping(Call& call);
Answer<Output> delete_mapping(Call& call);

Answer<Output> tag_resource(Call& call);
Answer<Output> untag_resource(Call& call);
Answer<Output> list_tags(Call& call);

Answer<Output> add_permission(Call& call);
Answer<Output> remove_permission(Call& call);
Answer<Output> get_policy(Call& call);

// A page of what there is, which `names` tell apart, in their order, and where the next begins.
struct Page {
  std::size_t from = 0, to = 0;
  std::string next;  // The marker; empty: this is the last page.
};
inline constexpr std::size_t page_max = 50;  // AWS Lambda; of event source mappings 100.
Answer<Page> page_of(const Call& call, const std::vector<std::string>& names,
                     std::size_t items_max);
void add_marker(json& body, const Page& page);
// 50 at most, with good keys and values (AWS, "Tag naming limits").
Answer<void> check_tags(const TextMap& tags);
// RevisionId, where it is given, is that of `current`.
Answer<void> check_revision(const Text& revision, Id current);
// Publishes $LATEST, or gives the newest version if nothing has changed since.
Answer<Output> publish_latest(Service& service, const std::string& name, const Text& description);

}  // namespace porteiro::protocols::lambda_api
