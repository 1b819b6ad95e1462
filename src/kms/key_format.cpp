// The bytes inside the key file's box.
#include <optional>

#include "kms/key_file.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

constexpr std::uint32_t unfinished_max = 1u << 24;  // Of any count: damage, not a number.

void append_time(std::string& out, Time time) {
  append_u64(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

template <class Map>
void append_texts(std::string& out, const Map& map) {
  append_u32(out, static_cast<std::uint32_t>(map.size()));
  for (const auto& [name, value] : map) {
    append_sized(out, name);
    append_sized(out, value);
  }
}

void append_grant(std::string& out, const Grant& grant) {
  for (const std::string* text :
       {&grant.id, &grant.token, &grant.name, &grant.grantee, &grant.retiring}) {
    append_sized(out, *text);
  }
  append_u32(out, static_cast<std::uint32_t>(grant.operations.size()));
  for (const std::string& operation : grant.operations) append_sized(out, operation);
  append_u32(out, (grant.has_equals ? 1U : 0U) | (grant.has_subset ? 2U : 0U));
  append_texts(out, grant.equals);
  append_texts(out, grant.subset);
  append_time(out, grant.created);
}

void append_version(std::string& out, const KeyVersion& version) {
  append_u32(out, version.number);
  append_u32(out, version.on_demand ? 1 : 0);
  append_time(out, version.made);
  append_sized(out, version.material.view());
}

void append_key(std::string& out, const KeyData& key) {
  append_u64(out, key.id.high);
  append_u64(out, key.id.low);
  append_sized(out, key.name);
  append_u32(out, static_cast<std::uint32_t>(key.spec));
  append_u32(out, static_cast<std::uint32_t>(key.usage));
  append_u32(out, static_cast<std::uint32_t>(key.origin));
  append_u32(out, static_cast<std::uint32_t>(key.state));
  append_time(out, key.created);
  append_sized(out, key.description);
  append_sized(out, key.policy);
  append_time(out, key.deleted_at);
  append_u32(out, key.deletion_days);
  append_u64(out, static_cast<std::uint64_t>(key.rotation_period.count()));
  append_time(out, key.rotation_due);
  append_u32(out, key.rotations_on_demand);
  append_u32(out, key.expires ? 1 : 0);
  append_time(out, key.expires_at);
  append_sized(out, key.material_digest);
  append_texts(out, key.tags);
  append_u32(out, static_cast<std::uint32_t>(key.grants.size()));
  for (const auto& [id, grant] : key.grants) append_grant(out, grant);
  append_u32(out, static_cast<std::uint32_t>(key.versions.size()));
  for (const KeyVersion& version : key.versions) append_version(out, version);
}

template <class Map>
std::size_t bytes_of_texts(const Map& map) {
  std::size_t bytes = 8;
  for (const auto& [name, value] : map) bytes += name.size() + value.size() + 8;
  return bytes;
}

std::size_t bytes_at_most(const KeyData& key) {
  std::size_t bytes = 256 + key.name.size() + key.description.size() + key.policy.size() +
                      key.material_digest.size() + bytes_of_texts(key.tags);
  for (const auto& [id, grant] : key.grants) {
    bytes += 64 + grant.id.size() + grant.token.size() + grant.name.size() + grant.grantee.size() +
             grant.retiring.size() + bytes_of_texts(grant.equals) + bytes_of_texts(grant.subset);
    for (const std::string& operation : grant.operations) bytes += operation.size() + 4;
  }
  for (const KeyVersion& version : key.versions) bytes += 32 + version.material.view().size();
  return bytes;
}

// Reads like ByteReader; the first read past the end makes all that follow zero or empty.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : reader_(bytes) {}
  std::uint32_t u32() { return kept(reader_.u32()); }
  std::uint64_t u64() { return kept(reader_.u64()); }
  std::string text() { return std::string(kept(reader_.sized())); }
  std::string_view view() { return kept(reader_.sized()); }
  Time time() { return Time(Duration(static_cast<std::int64_t>(u64()))); }
  std::uint32_t count() {
    const std::uint32_t number = u32();
    if (number > unfinished_max) good_ = false;
    return good_ ? number : 0;
  }
  template <class Enum>
  Enum choice(Enum last) {
    const std::uint32_t number = u32();
    if (number > static_cast<std::uint32_t>(last)) good_ = false;
    return good_ ? static_cast<Enum>(number) : last;
  }
  template <class Map>
  Map texts() {
    Map map;
    for (std::uint32_t left = count(); left > 0 && good_; --left) {
      std::string name = text();
      map[std::move(name)] = text();
    }
    return map;
  }
  bool good() const { return good_; }
  bool ended() const { return good_ && reader_.rest().empty(); }

 private:
  template <class T>
  T kept(std::optional<T> value) {
    if (!value) good_ = false;
    return good_ ? *value : T{};
  }
  ByteReader reader_;
  bool good_ = true;
};

Grant read_grant(Cursor& in) {
  Grant grant;
  for (std::string* text :
       {&grant.id, &grant.token, &grant.name, &grant.grantee, &grant.retiring}) {
    *text = in.text();
  }
  for (std::uint32_t left = in.count(); left > 0 && in.good(); --left) {
    grant.operations.insert(in.text());
  }
  const std::uint32_t has = in.u32();
  grant.has_equals = (has & 1U) != 0;
  grant.has_subset = (has & 2U) != 0;
  grant.equals = in.texts<EncryptionContext>();
  grant.subset = in.texts<EncryptionContext>();
  grant.created = in.time();
  return grant;
}

KeyVersion read_version(Cursor& in) {
  KeyVersion version;
  version.number = in.u32();
  version.on_demand = in.u32() == 1;
  version.made = in.time();
  version.material = SecretBytes(in.view());
  return version;
}

KeyData read_key(Cursor& in) {
  KeyData key;
  key.id.high = in.u64();
  key.id.low = in.u64();
  key.name = in.text();
  key.spec = in.choice(KeySpec::ecc_nist_edwards25519);
  key.usage = in.choice(KeyUsage::key_agreement);
  key.origin = in.choice(Origin::external);
  key.state = in.choice(KeyState::pending_deletion);
  key.created = in.time();
  key.description = in.text();
  key.policy = in.text();
  key.deleted_at = in.time();
  key.deletion_days = in.u32();
  key.rotation_period = Duration(static_cast<std::int64_t>(in.u64()));
  key.rotation_due = in.time();
  key.rotations_on_demand = in.u32();
  key.expires = in.u32() == 1;
  key.expires_at = in.time();
  key.material_digest = in.text();
  key.tags = in.texts<std::map<std::string, std::string>>();
  for (std::uint32_t left = in.count(); left > 0 && in.good(); --left) {
    Grant grant = read_grant(in);
    std::string id = grant.id;
    key.grants.emplace(std::move(id), std::move(grant));
  }
  for (std::uint32_t left = in.count(); left > 0 && in.good(); --left) {
    key.versions.push_back(read_version(in));
  }
  return key;
}

// Material as its spec needs it, or none of a key that waits for its import.
bool sound(const KeyData& key) {
  if (key.versions.empty() || !key.id) return false;
  for (const KeyVersion& version : key.versions) {
    const std::size_t size = version.material.view().size();
    if (size == 0 ? key.origin != Origin::external : false) return false;
    if (size > 0 && key.spec == KeySpec::symmetric_default && size != Secret::bytes) return false;
  }
  return true;
}

}  // namespace

std::string pack(const std::vector<const KeyData*>& keys,
                 const std::map<std::string, Alias, std::less<>>& aliases) {
  std::string out;
  std::size_t bytes = 64;  // All in one piece: a text that grows leaves copies of itself behind.
  for (const KeyData* key : keys) bytes += bytes_at_most(*key);
  for (const auto& [name, alias] : aliases) bytes += name.size() + 64;
  out.reserve(bytes);
  append_u32(out, static_cast<std::uint32_t>(keys.size()));
  for (const KeyData* key : keys) append_key(out, *key);
  std::uint32_t kept = 0;
  for (const auto& [name, alias] : aliases) kept += alias.declared ? 0 : 1;
  append_u32(out, kept);
  for (const auto& [name, alias] : aliases) {
    if (alias.declared) continue;
    append_sized(out, name);
    append_u64(out, alias.key.high);
    append_u64(out, alias.key.low);
    append_time(out, alias.created);
    append_time(out, alias.updated);
  }
  return out;
}

std::optional<KeyFileContent> unpack(std::string_view bytes) {
  Cursor in(bytes);
  KeyFileContent content;
  for (std::uint32_t left = in.count(); left > 0 && in.good(); --left) {
    content.keys.push_back(read_key(in));
    if (!in.good() || !sound(content.keys.back())) return std::nullopt;
  }
  for (std::uint32_t left = in.count(); left > 0 && in.good(); --left) {
    std::string name = in.text();
    Alias alias;
    alias.key.high = in.u64();
    alias.key.low = in.u64();
    alias.created = in.time();
    alias.updated = in.time();
    content.aliases[std::move(name)] = alias;
  }
  if (!in.ended()) return std::nullopt;
  return content;
}

std::optional<KeyFileContent> unpack_version_1(std::string_view bytes, Entropy& entropy, Time now) {
  Cursor in(bytes);
  KeyFileContent content;
  for (std::uint32_t left = in.count(); left > 0 && in.good(); --left) {
    KeyData& key = content.keys.emplace_back();
    key.id = make_id(entropy);
    key.created = now;
    key.name = in.text();
    key.spec = in.choice(KeySpec::hmac_256);
    key.usage = default_usage(key.spec);
    for (std::uint32_t versions = in.count(); versions > 0 && in.good(); --versions) {
      KeyVersion& version = key.versions.emplace_back();
      version.number = in.u32();
      version.made = now;
      version.material = SecretBytes(in.view());
      if (version.material.view().size() != Secret::bytes) return std::nullopt;
    }
    if (!in.good() || !sound(key)) return std::nullopt;
  }
  if (!in.ended()) return std::nullopt;
  return content;
}

}  // namespace porteiro::kms
