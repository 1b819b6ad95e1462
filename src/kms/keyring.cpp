#include "porteiro/kms/keyring.hpp"

#include <algorithm>

#include "kms/key_file.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

std::string uuid_of(Id id) {
  std::string text = to_text(id);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

Key::Key(KeyData data) : KeyData(std::move(data)), id_text(uuid_of(id)) {
  PORTEIRO_ASSERT(!versions.empty());
  sealing = versions.size() - 1;
}

const KeyVersion* Key::version(std::uint32_t number) const {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const KeyVersion& v) { return v.number == number; });
  return found == versions.end() || found->material.empty() ? nullptr : &*found;
}

Keyring::Keyring(KeyringOptions options, Environment& environment)
    : options_(std::move(options)), environment_(environment), dates_(environment.scheduler) {}

Keyring::~Keyring() = default;

// ---- opening ----

Result<std::unique_ptr<Keyring>> Keyring::open(KeyringOptions options, Environment& environment) {
  std::string passphrase = std::move(options.passphrase);
  options.passphrase.clear();
  std::unique_ptr<Keyring> ring(new Keyring(std::move(options), environment));
  std::shared_ptr<KeyFile> file;
  if (!ring->options_.directory.empty()) {
    auto opened = KeyFile::open(ring->options_.directory, passphrase, environment);
    wipe(passphrase);
    if (!opened) return std::move(opened).error();
    file = std::make_shared<KeyFile>(std::move(opened).value());
    PORTEIRO_TRY(ring->load(*file));
  }
  for (const KeyOptions& option : ring->options_.keys) {
    PORTEIRO_TRY(ring->add_declared(option));
  }
  for (auto& [id, key] : ring->keys_) {
    key->durable = true;
    if (!key->declared()) continue;
    ring->named_.emplace(key->name, key.get());
    ring->aliases_["alias/" + key->name] = {id, key->created, key->created, true};
  }
  if (ring->end_what_is_due()) ring->dirty_ = true;
  if (file != nullptr && (ring->dirty_ || file->outdated)) {
    PORTEIRO_TRY(
        file->write(file->draft(ring->contents(), ring->aliases_, environment), environment.files));
  }
  ring->dirty_ = false;
  ring->file_ = std::move(file);
  ring->wait_for_dates();
  return ring;
}

Result<void> Keyring::load(KeyFile& file) {
  for (KeyData& data : file.content.keys) {
    Key& key = add(std::move(data));
    PORTEIRO_TRY(read_pair(key));
    for (const auto& [id, grant] : key.grants) {
      grant_tokens_.emplace(grant.token, std::pair(key.id, id));
      ++grants_;
    }
  }
  aliases_ = std::move(file.content.aliases);
  file.content = {};
  return ok();
}

Result<void> Keyring::read_pair(Key& key) const {
  if (!is_pair(key.spec) || key.versions.front().material.empty()) return ok();
  auto pair = KeyPair::from_private(key.spec, key.versions.front().material.view());
  if (!pair) {
    return error(Errc::corrupt, options_.directory +
                                    "/keys: the key file's content is damaged; restore it from a "
                                    "backup");
  }
  key.pair = std::move(pair).value();
  return ok();
}

Result<void> Keyring::add_declared(const KeyOptions& option) {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const auto& entry) {
    return entry.second->name == option.name;
  });
  Key* key = found == keys_.end() ? nullptr : found->second.get();
  if (key == nullptr) {
    KeyData data;
    data.name = option.name;
    data.spec = option.spec;
    data.usage = default_usage(option.spec);
    KeyPair::Shared pair;
    if (is_pair(option.spec)) {
      pair = KeyPair::make(option.spec,
                           SecretBytes::random(environment_.entropy, KeyPair::seed_bytes));
    }
    PORTEIRO_TRY(key, create(std::move(data), std::move(pair)));
    fresh_.clear();  // Saved before anybody can use it.
  } else if (key->spec != option.spec) {
    return error(Errc::invalid,
                 "the key '" + option.name +
                     "' exists with another spec than the config gives; give it back its spec, "
                     "or name a new key",
                 option.name);
  }
  if (key->rotation_period != option.rotation_period) {
    key->rotation_period = option.rotation_period;
    dirty_ = true;
  }
  key->rotation_due = key->versions.back().made + option.rotation_period;
  return ok();
}

// ---- looking up ----

Key* Keyring::find(Id id) {
  const auto found = keys_.find(id);
  return found == keys_.end() || !found->second->durable ? nullptr : found->second.get();
}

Key* Keyring::find_named(std::string_view name) {
  const auto found = named_.find(name);
  return found == named_.end() ? nullptr : found->second;
}

Key* Keyring::find_alias(std::string_view alias) {
  const auto found = aliases_.find(alias);
  return found == aliases_.end() ? nullptr : find(found->second.key);
}

Key* Keyring::find_grant_token(std::string_view token, std::string& grant_id) {
  const auto found = grant_tokens_.find(token);
  if (found == grant_tokens_.end()) return nullptr;
  grant_id = found->second.second;
  return find(found->second.first);
}

std::size_t Keyring::aliases_of(Id key) const {
  return static_cast<std::size_t>(
      std::count_if(aliases_.begin(), aliases_.end(),
                    [&](const auto& entry) { return entry.second.key == key; }));
}

// ---- changes ----

Key& Keyring::add(KeyData data) {
  if (data.name.empty()) ++client_keys_;
  const Id id = data.id;
  return *(keys_[id] = std::make_unique<Key>(std::move(data)));
}

Result<Key*> Keyring::create(KeyData data, KeyPair::Shared pair) {
  if (data.name.empty() && client_keys_ >= options_.keys_max) {
    return error(Errc::limit_exceeded,
                 "there are " + std::to_string(options_.keys_max) + " keys, as many as may be");
  }
  data.id = make_id(environment_.entropy);
  data.created = environment_.scheduler.now();
  KeyVersion first;
  first.made = data.created;
  if (data.origin == Origin::external) {
    data.state = KeyState::pending_import;
  } else {
    first.material = pair != nullptr
                         ? pair->private_der()
                         : SecretBytes::random(environment_.entropy, material_bytes(data.spec));
  }
  data.versions.clear();
  data.versions.push_back(std::move(first));
  Key& key = add(std::move(data));
  key.pair = std::move(pair);
  fresh(key);
  dirty_ = true;
  return &key;
}

void Keyring::set_alias(const std::string& name, Id key) {
  const Time now = environment_.scheduler.now();
  Alias& alias = aliases_[name];
  if (alias.created == Time()) alias.created = now;
  alias.key = key;
  alias.updated = now;
  dirty_ = true;
}

void Keyring::remove_alias(std::string_view alias) {
  const auto found = aliases_.find(alias);
  if (found == aliases_.end()) return;
  aliases_.erase(found);
  dirty_ = true;
}

Result<void> Keyring::add_grant(Key& key, Grant grant) {
  if (grants_ >= options_.grants_max) {
    return error(Errc::limit_exceeded,
                 "there are " + std::to_string(options_.grants_max) + " grants, as many as may be");
  }
  grant_tokens_.emplace(grant.token, std::pair(key.id, grant.id));
  ++grants_;
  std::string id = grant.id;
  key.grants.emplace(std::move(id), std::move(grant));
  dirty_ = true;
  return ok();
}

void Keyring::remove_grant(Key& key, std::string_view id) {
  const auto found = key.grants.find(id);
  if (found == key.grants.end()) return;
  grant_tokens_.erase(found->second.token);
  key.grants.erase(found);
  --grants_;
  dirty_ = true;
}

Result<void> Keyring::rotate(Key& key, bool on_demand) {
  if (key.rotating) {
    return error(Errc::conflict, "another rotation of the key is under way; try again");
  }
  if (on_demand && key.rotations_on_demand >= rotations_on_demand_max) {
    return error(Errc::limit_exceeded, "the key was rotated on demand " +
                                           std::to_string(rotations_on_demand_max) +
                                           " times, as often as may be");
  }
  if (on_demand) ++key.rotations_on_demand;
  KeyVersion next;
  next.number = key.versions.back().number + 1;
  next.material = SecretBytes::random(environment_.entropy, material_bytes(key.spec));
  next.made = environment_.scheduler.now();
  next.on_demand = on_demand;
  if (!on_demand) key.rotation_due = next.made + key.rotation_period;
  key.versions.push_back(std::move(next));
  key.rotating = true;
  fresh(key);
  dirty_ = true;
  return ok();
}

void Keyring::rotate_when_due(Key& key) {
  if (environment_.scheduler.now() < key.rotation_due || key.rotating) return;
  if (key.state != KeyState::enabled || !rotate(key, false)) return;
  commit([](const Result<void>&) {});  // Until it is saved, the version before seals.
}

void Keyring::import(Key& key, SecretBytes material, KeyPair::Shared pair) {
  KeyVersion& version = key.versions.front();
  version.material = std::move(material);
  version.made = environment_.scheduler.now();
  key.ciphers_.clear();
  key.pair = std::move(pair);
  if (key.state == KeyState::pending_import) key.state = KeyState::enabled;
  key.importing = true;
  fresh(key);
  dirty_ = true;
  wait_for_dates();
}

void Keyring::forget_material(Key& key) {
  for (KeyVersion& version : key.versions) version.material = {};
  key.ciphers_.clear();
  key.pair.reset();
  key.expires = false;
  if (key.state != KeyState::pending_deletion) key.state = KeyState::pending_import;
  dirty_ = true;
}

void Keyring::remove(Key& key) {
  const Id id = key.id;
  std::erase_if(aliases_, [&](const auto& entry) { return entry.second.key == id; });
  for (const auto& [grant_id, grant] : key.grants) grant_tokens_.erase(grant.token);
  grants_ -= key.grants.size();
  if (!key.declared()) --client_keys_;
  keys_.erase(id);
  dirty_ = true;
}

void Keyring::reset() {
  std::vector<Key*> gone;
  for (const auto& [id, key] : keys_) {
    if (!key->declared()) gone.push_back(key.get());
  }
  for (Key* key : gone) remove(*key);
  dirty_ = std::erase_if(aliases_, [](const auto& e) { return !e.second.declared; }) > 0 || dirty_;
  wait_for_dates();
}

// ---- what is due ----

bool Keyring::end_what_is_due() {
  const Time now = environment_.scheduler.now();
  std::vector<Key*> due;
  bool any = false;
  for (const auto& [id, key] : keys_) {
    if (key->state == KeyState::pending_deletion && key->deleted_at <= now) {
      due.push_back(key.get());
    } else if (key->expires && key->expires_at <= now) {
      forget_material(*key);
      any = true;
    }
  }
  for (Key* key : due) remove(*key);
  return any || !due.empty();
}

void Keyring::changed_dates() { wait_for_dates(); }

void Keyring::wait_for_dates() {
  std::optional<Time> next;
  const auto consider = [&](Time time) { next = next ? std::min(*next, time) : time; };
  for (const auto& [id, key] : keys_) {
    if (key->state == KeyState::pending_deletion) consider(key->deleted_at);
    if (key->expires) consider(key->expires_at);
  }
  dates_.stop();
  if (!next) return;
  dates_.start(std::max(Duration(0), *next - environment_.scheduler.now()), [this] {
    if (end_what_is_due()) commit([](const Result<void>&) {});
    wait_for_dates();
  });
}

// ---- saving ----

std::vector<const KeyData*> Keyring::contents() const {
  std::vector<const KeyData*> out;
  out.reserve(keys_.size());
  for (const auto& [id, key] : keys_) out.push_back(key.get());
  return out;
}

void Keyring::make_durable(const std::vector<Fresh>& fresh) {
  for (const Fresh& each : fresh) {
    const auto found = keys_.find(each.key);
    if (found == keys_.end()) continue;
    Key& key = *found->second;
    key.durable = true;
    key.importing = false;
    for (std::size_t i = 0; i < key.versions.size(); ++i) {
      if (key.versions[i].number == each.version) key.sealing = i;
    }
    key.rotating = key.sealing + 1 < key.versions.size();
  }
}

void Keyring::commit(Done done) {
  if (file_ == nullptr) {
    make_durable(std::exchange(fresh_, {}));
    dirty_ = false;
    return done(ok());
  }
  if (!dirty_ && !saving_) return done(ok());
  if (!dirty_) {  // The save under way has all.
    under_way_.push_back(std::move(done));
    return;
  }
  waiting_.push_back(std::move(done));
  if (!saving_) save();
}

void Keyring::save() {
  saving_ = true;
  dirty_ = false;
  under_way_ = std::exchange(waiting_, {});
  fresh_under_way_ = std::exchange(fresh_, {});
  struct Job {
    std::shared_ptr<const KeyFile> file;
    KeyFile::Draft draft;
    Result<void> result = success();
  };
  const auto job = std::make_shared<Job>();
  job->file = file_;
  job->draft = file_->draft(contents(), aliases_, environment_);
  if (!lane_) lane_ = environment_.offload.lane("kms-save");
  environment_.offload.run(
      *lane_,
      [job, &files = environment_.files] { job->result = job->file->write(job->draft, files); },
      [this, alive = std::weak_ptr<int>(alive_), job] {
        if (!alive.expired()) saved(std::move(job->result));
      });
}

void Keyring::saved(Result<void> result) {
  saving_ = false;
  if (result) {
    make_durable(fresh_under_way_);
  } else {  // The next save, of the next change, has what this one should have had.
    dirty_ = true;
    fresh_.insert(fresh_.begin(), fresh_under_way_.begin(), fresh_under_way_.end());
  }
  fresh_under_way_.clear();
  std::vector<Done> told = std::exchange(under_way_, {});
  if (!waiting_.empty()) save();
  const std::weak_ptr<int> alive = alive_;
  for (Done& done : told) {
    done(result);
    if (alive.expired()) return;
  }
}

}  // namespace porteiro::kms
