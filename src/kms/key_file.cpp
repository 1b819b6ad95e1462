#include "kms/key_file.hpp"

#include <optional>

#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

constexpr std::string_view magic = "PKEY";
constexpr char format_version = 1;
constexpr char protection_root_file = 0;
constexpr char protection_passphrase = 1;
constexpr std::size_t fixed_bytes = magic.size() + 2;
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t check_bytes = 4;

Error corrupt(const std::string& path, std::string_view what) {
  return error(Errc::corrupt, path + ": " + std::string(what), path);
}

std::string make_header(char protection, std::string_view salt) {
  std::string header(magic);
  header += format_version;
  header += protection;
  append_sized(header, salt);
  return header;
}

struct Frame {
  char protection;
  std::string_view salt, header, box;  // Views into the file's content.
};

// Checks all that can be checked without the root key.
Result<Frame> parse_frame(const std::string& path, std::string_view content) {
  constexpr std::string_view damaged =
      "the key file is damaged; restore it from a backup (it was left as it is)";
  if (content.size() < fixed_bytes + check_bytes || !content.starts_with(magic)) {
    return corrupt(path, damaged);
  }
  const std::string_view checked = content.substr(0, content.size() - check_bytes);
  if (ByteReader(content.substr(checked.size())).u32() != crc32c(checked)) {
    return corrupt(path, damaged);
  }
  if (content[magic.size()] != format_version) {
    return corrupt(path,
                   "the key file has a format that this version cannot read; use the newer "
                   "porteiro that wrote it");
  }
  const char protection = content[magic.size() + 1];
  ByteReader reader(checked.substr(fixed_bytes));
  const auto salt = reader.sized();
  const std::string_view box = reader.rest();
  const bool known = protection == protection_root_file || protection == protection_passphrase;
  if (!salt || !known || box.size() < sealed_overhead_bytes) return corrupt(path, damaged);
  return Frame{protection, *salt, checked.substr(0, checked.size() - box.size()), box};
}

std::string pack(const std::vector<StoredKey>& keys) {
  std::string out;
  append_u32(out, static_cast<std::uint32_t>(keys.size()));
  for (const StoredKey& key : keys) {
    append_sized(out, key.name);
    append_u32(out, static_cast<std::uint32_t>(key.spec));
    append_u32(out, static_cast<std::uint32_t>(key.versions.size()));
    for (const KeyVersion& version : key.versions) {
      append_u32(out, version.number);
      append_sized(out, version.material.view());
    }
  }
  return out;
}

std::optional<StoredKey> unpack_key(ByteReader& reader) {
  const auto name = reader.sized();
  const auto spec = reader.u32();
  const auto versions = reader.u32();
  if (!name || !spec || !versions || *versions == 0) return std::nullopt;
  if (*spec > static_cast<std::uint32_t>(KeySpec::hmac_256)) return std::nullopt;
  StoredKey key{std::string(*name), static_cast<KeySpec>(*spec), {}};
  for (std::uint32_t i = 0; i < *versions; ++i) {
    const auto number = reader.u32();
    const auto material = reader.sized();
    if (!number || !material || material->size() != Secret::bytes) return std::nullopt;
    key.versions.push_back({*number, Secret(*material)});
  }
  return key;
}

std::optional<std::vector<StoredKey>> unpack(std::string_view content) {
  ByteReader reader(content);
  const auto count = reader.u32();
  if (!count) return std::nullopt;
  std::vector<StoredKey> keys;
  for (std::uint32_t i = 0; i < *count; ++i) {
    auto key = unpack_key(reader);
    if (!key) return std::nullopt;
    keys.push_back(std::move(*key));
  }
  if (!reader.rest().empty()) return std::nullopt;
  return keys;
}

Result<Secret> read_root(const std::string& path, Files& files) {
  PORTEIRO_TRY(const unsigned mode, files.mode(path));
  if ((mode & 077U) != 0) {
    return error(Errc::denied,
                 path + ": others than its owner may use the root key; run: chmod 600 " + path,
                 path);
  }
  PORTEIRO_TRY(std::string content, files.read(path));
  if (content.size() != Secret::bytes) {
    wipe(content);
    return corrupt(path,
                   "the root key is damaged (it must be 32 bytes); restore it from a backup "
                   "(it was left as it is)");
  }
  Secret root(content);
  wipe(content);
  return root;
}

Result<Secret> read_or_make_root(const std::string& path, Environment& environment) {
  auto existing = read_root(path, environment.files);
  if (existing || existing.error().code != Errc::not_found) return existing;
  const Secret root = Secret::random(environment.entropy);
  PORTEIRO_TRY(environment.files.replace(path, root.view()));
  return root;
}

std::string make_salt(Entropy& entropy) {
  std::string salt(salt_bytes, '\0');
  entropy.fill(std::as_writable_bytes(std::span(salt.data(), salt.size())));
  return salt;
}

// The root key for an existing file.
Result<Secret> find_root(const Frame& frame, const std::string& path, const std::string& root_path,
                         std::string_view passphrase, Files& files) {
  if (frame.protection == protection_passphrase) {
    if (passphrase.empty()) {
      return corrupt(path,
                     "the keys were sealed with a passphrase; give the same one in "
                     "PORTEIRO_PASSPHRASE");
    }
    return derive(passphrase, frame.salt);
  }
  if (!passphrase.empty()) {
    return corrupt(path, "the keys were sealed with the file root.key; unset PORTEIRO_PASSPHRASE");
  }
  auto root = read_root(root_path, files);
  if (!root && root.error().code == Errc::not_found) {
    return corrupt(root_path,
                   "the root key is missing, and the file `keys` beside it cannot be opened "
                   "without it; restore it from a backup, or start with an empty directory");
  }
  return root;
}

}  // namespace

Result<KeyFile> KeyFile::open(const std::string& directory, std::string_view passphrase,
                              Environment& environment) {
  const std::string path = directory + "/keys";
  const std::string root_path = directory + "/root.key";
  Files& files = environment.files;
  PORTEIRO_TRY(files.make_directory(directory));
  auto content = files.read(path);
  if (!content) {
    if (content.error().code != Errc::not_found) return content.error();
    if (!passphrase.empty()) {
      const std::string salt = make_salt(environment.entropy);
      return KeyFile(path, make_header(protection_passphrase, salt), derive(passphrase, salt));
    }
    PORTEIRO_TRY(const Secret root, read_or_make_root(root_path, environment));
    return KeyFile(path, make_header(protection_root_file, {}), root);
  }
  PORTEIRO_TRY(const Frame frame, parse_frame(path, content.value()));
  PORTEIRO_TRY(const Secret root, find_root(frame, path, root_path, passphrase, files));
  auto plain = Cipher(root).open(frame.box, frame.header);
  if (!plain) {
    const bool by_passphrase = frame.protection == protection_passphrase;
    return corrupt(path, by_passphrase ? "the keys do not open with this passphrase; give the one "
                                         "they were sealed with in PORTEIRO_PASSPHRASE"
                                       : "the keys do not open with this root.key; put back the "
                                         "one they were sealed with");
  }
  auto keys = unpack(plain.value());
  wipe(plain.value());
  if (!keys) return corrupt(path, "the key file's content is damaged; restore it from a backup");
  KeyFile file(path, std::string(frame.header), root);
  file.keys = std::move(*keys);
  return file;
}

Result<void> KeyFile::save(Environment& environment) const {
  std::string plain = pack(keys);
  std::string content = header_ + Cipher(root_).seal(plain, header_, environment.entropy);
  wipe(plain);
  append_u32(content, crc32c(content));
  return environment.files.replace(path_, content);
}

}  // namespace porteiro::kms
