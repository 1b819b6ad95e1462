// Tags: kept and given back; key policies may ask for them.
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

Answer<Key*> key_to_tag(Call& call) {
  PORTEIRO_TRY(Key * key,
               call.service.allowed_key(call, {.operation = call.action.name, .changes = true},
                                        "KeyId", Names::no_alias));
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  return key;
}

}  // namespace

Answer<Done> tag_resource(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_tag(call));
  call.in.require("Tags");
  auto tags = key->tags;
  PORTEIRO_TRY(read_tags(call, tags));
  key->tags = std::move(tags);
  call.service.ring().changed();
  return to_save;
}

Answer<Done> untag_resource(Call& call) {
  PORTEIRO_TRY(Key * key, key_to_tag(call));
  call.in.require("TagKeys");
  const auto names = call.in.list("TagKeys");
  if (call.in.failure()) return *call.in.failure();
  for (const std::string& name : *names) key->tags.erase(name);
  call.service.ring().changed();
  return to_save;
}

Answer<Done> list_resource_tags(Call& call) {
  PORTEIRO_TRY(const Key* key, call.service.allowed_key(call, {.operation = "ListResourceTags"},
                                                        "KeyId", Names::no_alias));
  PORTEIRO_TRY(const Page page, page_of(call, 50, 50));
  auto at = page.after.empty() ? key->tags.begin() : key->tags.upper_bound(page.after);
  std::string last;
  call.out.open_list("Tags");
  for (std::size_t count = 0; at != key->tags.end() && count < page.limit; ++at, ++count) {
    call.out.open_item("member");
    call.out.text("TagKey", at->first);
    call.out.text("TagValue", at->second);
    call.out.close_item("member");
    last = at->first;
  }
  call.out.close_list();
  write_page_end(call.out, at != key->tags.end(), last);
  return answered;
}

}  // namespace porteiro::protocols::kms_api
