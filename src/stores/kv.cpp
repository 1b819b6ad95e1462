#include "stores/kv.hpp"

namespace porteiro::stores {

void KvWriter::fail(Error failure) {
  if (!failure_) failure_ = std::move(failure);
}

void KvWriter::note(Space space, std::string_view key) {
  auto value = get(space, key);
  if (!value) return fail(value.error());
  Before before{space, std::string(key), std::nullopt};
  if (value.value()) before.value = std::string(*value.value());
  before_.push_back(std::move(before));
}

void KvWriter::put(Space space, std::string_view key, std::string_view value) {
  if (remember_) note(space, key);
  if (failure_) return;
  if (auto done = do_put(space, key, value); !done) fail(done.error());
}

void KvWriter::erase(Space space, std::string_view key) {
  if (remember_) note(space, key);
  if (failure_) return;
  if (auto done = do_erase(space, key); !done) fail(done.error());
}

void KvWriter::undo() {
  for (auto before = before_.rbegin(); before != before_.rend() && !failure_; ++before) {
    auto done = before->value ? do_put(before->space, before->key, *before->value)
                              : do_erase(before->space, before->key);
    if (!done) fail(done.error());
  }
  forget();
}

void KvWriter::forget() {
  before_.clear();
  remember_ = false;
}

}  // namespace porteiro::stores
