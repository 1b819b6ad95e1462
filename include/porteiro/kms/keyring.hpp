// All keys of the service with what is known of them: those of the config, which have a name, and
// those that clients made. It seals and opens ciphertexts, keeps aliases and grants, rotates, and
// lets what is due disappear. Nothing here asks who may do what. Belongs to the loop.
//
// Under a data directory the whole ring is one sealed file (docs/kms-format.md), replaced as a
// whole off the loop. Whoever changes something calls commit(); changes that come while a save is
// under way share the next one. Material seals only after a save holds it, so no ciphertext that
// anybody has seen is lost by a crash. What is deleted is gone from the disk with the next save.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/environment.hpp"
#include "porteiro/base/id.hpp"
#include "porteiro/kms/key_pair.hpp"

namespace porteiro::kms {

// Name-value pairs that a ciphertext is bound to; the same must be given to decrypt. Not secret.
using EncryptionContext = std::map<std::string, std::string, std::less<>>;

// Appends the one byte form that AADs use: the number of pairs, then the pairs by ascending name,
// each text with its length in front, so that no two contexts look alike.
void append_canonical(std::string& out, const EncryptionContext& context);

enum class KeyState : std::uint8_t { enabled, disabled, pending_import, pending_deletion };
enum class Origin : std::uint8_t { service, external };

struct Grant {
  std::string id, token, name, grantee, retiring;  // Principals as the client wrote them.
  std::set<std::string, std::less<>> operations;   // "Decrypt", as the API names them.
  EncryptionContext equals, subset;                // Constraints; one of them at most is not empty.
  bool has_equals = false, has_subset = false;
  Time created{};
};

struct KeyVersion {
  std::uint32_t number = 1;
  SecretBytes material;  // Of a pair: PKCS #8 in DER. Empty: imported, and gone for now.
  Time made{};
  bool on_demand = false;  // Made by a rotation on demand; the first version is by none.
};

// What the file keeps of a key.
struct KeyData {
  Id id{};
  std::string name{};  // Of the config; empty: a client made it.
  KeySpec spec = KeySpec::symmetric_default;
  KeyUsage usage = KeyUsage::encrypt_decrypt;
  Origin origin = Origin::service;
  KeyState state = KeyState::enabled;
  Time created{};
  std::string description{}, policy{};  // Policy empty: the default one.
  Time deleted_at{};                    // While the deletion is pending.
  std::uint32_t deletion_days = 0;
  Duration rotation_period{0};  // Zero: no automatic rotation.
  Time rotation_due{};
  std::uint32_t rotations_on_demand = 0;
  bool expires = false;  // Imported material.
  Time expires_at{};
  std::string material_digest{};  // SHA-256 of what was imported first: only that may come again.
  std::map<std::string, std::string> tags{};
  std::map<std::string, Grant, std::less<>> grants{};  // By id.
  std::vector<KeyVersion> versions{};                  // By ascending number.
};

struct Alias {
  Id key;
  Time created{}, updated{};
  bool declared = false;  // Of a key of the config; follows from it, and is not kept.
};

struct Key : KeyData {
  explicit Key(KeyData data);
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  bool declared() const { return !name.empty(); }
  const KeyVersion& current() const { return versions[sealing]; }  // There is one.
  const KeyVersion* version(std::uint32_t number) const;           // Null: none with material.

  std::string id_text;      // As a UUID.
  std::size_t sealing = 0;  // Index of the version that seals: the newest that is durable.
  bool durable = false;     // A save holds it: clients may know of it.
  bool rotating = false;    // The newest version waits for its save,
  bool importing = false;   // or what was imported into the only one.
  std::size_t counted = 0;  // For Kms: where its calls are counted.
  KeyPair::Shared pair;     // Of a pair whose material is here.

 private:
  friend class Keyring;
  Cipher& cipher(const KeyVersion& version);
  std::map<std::uint32_t, Cipher> ciphers_;  // By version; made when first used.
};

struct KeyOptions {
  std::string name;
  KeySpec spec = KeySpec::symmetric_default;
  Duration rotation_period{0};  // Of symmetric keys; zero: never by itself.
};

struct KeyringOptions {
  std::vector<KeyOptions> keys;
  std::string directory;            // Empty: in memory only.
  std::string passphrase;           // Empty: the root key is a file.
  std::size_t keys_max = 10'000;    // That clients made; ours (AWS KMS: 100,000 of an account).
  std::size_t grants_max = 50'000;  // Of all keys; ours (AWS KMS: that many of each key).
};

inline constexpr std::size_t plaintext_bytes_max = 4096;      // AWS KMS Encrypt, symmetric keys.
inline constexpr std::uint32_t rotations_on_demand_max = 25;  // Of a key (AWS KMS quotas).
inline constexpr std::size_t aliases_per_key_max = 50;        // AWS KMS quotas.

class KeyFile;

class Keyring {
 public:
  using Done = UniqueFunction<void(Result<void>)>;

  // Reads the directory, makes the keys of the options that it does not hold, and ends what became
  // due while nobody was here. Errors: those of Kms::open.
  static Result<std::unique_ptr<Keyring>> open(KeyringOptions options, Environment& environment);
  ~Keyring();  // Saves under way go on; nobody is told.

  // Null: no such key, or one that is not durable yet.
  Key* find(Id id);
  Key* find_named(std::string_view name);   // Of the config.
  Key* find_alias(std::string_view alias);  // "alias/orders".
  const std::map<Id, std::unique_ptr<Key>>& keys() const { return keys_; }
  const std::map<std::string, Alias, std::less<>>& aliases() const { return aliases_; }
  std::size_t grants() const { return grants_; }
  Key* find_grant_token(std::string_view token, std::string& grant_id);

  // All below are changes, which commit() makes durable.
  void changed() { dirty_ = true; }  // Of what stands in a Key, by whoever asked for it.
  // A key of a client, with an id of its own. It is found only once commit() has ended. The
  // material is made here, but a pair's, which comes made. Errors: limit_exceeded.
  Result<Key*> create(KeyData data, KeyPair::Shared pair);
  void set_alias(const std::string& alias, Id key);  // New, or another target.
  void remove_alias(std::string_view alias);
  std::size_t aliases_of(Id key) const;
  Result<void> add_grant(Key& key, Grant grant);  // Errors: limit_exceeded.
  void remove_grant(Key& key, std::string_view id);
  // A new version, which seals once a save holds it. Errors: limit_exceeded (on demand too often),
  // conflict (one waits for its save).
  Result<void> rotate(Key& key, bool on_demand);
  void rotate_if_due(Key& key) {
    if (key.rotation_period > Duration::zero()) [[unlikely]]
      rotate_when_due(key);
  }
  void import(Key& key, SecretBytes material, KeyPair::Shared pair);  // `pair`: of a pair.
  void forget_material(Key& key);  // Imported: its state becomes pending_import.
  void remove(Key& key);           // With its aliases and grants.
  void changed_dates();            // Deletion or expiry of some key has another date.
  void reset();                    // Clients' keys, aliases and what they changed are gone.

  // `done` runs when all changes until now are durable; at once when nothing is kept on a disk.
  // Errors: unavailable; the changes hold while the process lives, and the next save has them.
  void commit(Done done);

  // Symmetric keys, which have material. The ciphertext names key and version.
  std::string seal(Key& key, std::string_view plaintext, const EncryptionContext& context);
  // The key that a ciphertext names; nullopt: it is no ciphertext; null: the key is not here.
  std::optional<Key*> key_of(std::string_view blob);
  // Errors: corrupt (not of this key, damaged, or another context).
  Result<std::string> open(Key& key, std::string_view blob, const EncryptionContext& context,
                           std::uint32_t* version = nullptr);

  bool saving() const { return saving_; }

 private:
  struct Fresh {  // What is not durable yet: a key, or a version of it.
    Id key;
    std::uint32_t version;
  };
  Keyring(KeyringOptions options, Environment& environment);

  Key& add(KeyData data);
  Result<void> load(KeyFile& file);
  Result<void> add_declared(const KeyOptions& option);
  Result<void> read_pair(Key& key) const;
  void rotate_when_due(Key& key);
  void fresh(const Key& key) { fresh_.push_back({key.id, key.versions.back().number}); }
  void make_durable(const std::vector<Fresh>& fresh);
  bool end_what_is_due();  // True: something changed.
  void wait_for_dates();
  std::vector<const KeyData*> contents() const;
  void save();
  void saved(Result<void> result);

  const KeyringOptions options_;
  Environment& environment_;
  std::map<Id, std::unique_ptr<Key>> keys_;
  StringMap<Key*> named_;
  std::map<std::string, Alias, std::less<>> aliases_;
  StringMap<std::pair<Id, std::string>> grant_tokens_;  // Key and grant id.
  std::size_t client_keys_ = 0, grants_ = 0;

  std::shared_ptr<const KeyFile> file_;  // Null: in memory only.
  std::optional<Offload::Lane> lane_;
  std::vector<Done> waiting_, under_way_;
  std::vector<Fresh> fresh_, fresh_under_way_;
  bool dirty_ = false, saving_ = false;
  Timer dates_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace porteiro::kms
