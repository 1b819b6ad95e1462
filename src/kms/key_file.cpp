#include "kms/key_file.hpp"

#include <cstring>
#include <optional>

#include "porteiro/base/bytes.hpp"

namespace porteiro::kms {
namespace {

constexpr std::string_view magic = "PKEY";
constexpr char format_version = 2;
constexpr char first_version = 1;  // Read, never written.
constexpr std::size_t seal_iv_bytes = 12;
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
  char version, protection;
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
  const char version = content[magic.size()];
  if (version != format_version && version != first_version) {
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
  return Frame{version, protection, *salt, checked.substr(0, checked.size() - box.size()), box};
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

struct GivenBytes final : Entropy {  // What was drawn on the loop, for elsewhere.
  explicit GivenBytes(std::string_view bytes) : left(bytes) {}
  void fill(std::span<std::byte> out) override {
    PORTEIRO_ASSERT(out.size() <= left.size());
    std::memcpy(out.data(), left.data(), out.size());
    left.remove_prefix(out.size());
  }
  std::string_view left;
};

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
      KeyFile file(path, make_header(protection_passphrase, salt), derive(passphrase, salt));
      file.outdated = true;
      return file;
    }
    PORTEIRO_TRY(const Secret root, read_or_make_root(root_path, environment));
    KeyFile file(path, make_header(protection_root_file, {}), root);
    file.outdated = true;
    return file;
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
  const bool old = frame.version == first_version;
  auto kept =
      old ? unpack_version_1(plain.value(), environment.entropy, environment.scheduler.now())
          : unpack(plain.value());
  wipe(plain.value());
  if (!kept) return corrupt(path, "the key file's content is damaged; restore it from a backup");
  KeyFile file(path, make_header(frame.protection, frame.salt), root);
  file.content = std::move(*kept);
  file.outdated = old;
  return file;
}

KeyFile::Draft KeyFile::draft(const std::vector<const KeyData*>& keys,
                              const std::map<std::string, Alias, std::less<>>& aliases,
                              Environment& environment) const {
  std::string plain = pack(keys, aliases);
  Draft draft{SecretBytes(plain), std::string(seal_iv_bytes, '\0')};
  wipe(plain);
  environment.entropy.fill(std::as_writable_bytes(std::span(draft.iv.data(), seal_iv_bytes)));
  return draft;
}

Result<void> KeyFile::write(const Draft& draft, Files& files) const {
  GivenBytes iv(draft.iv);
  std::string bytes = header_;
  Cipher(root_).seal_to(bytes, draft.plain.view(), header_, iv);
  append_u32(bytes, crc32c(bytes));
  return files.replace(path_, bytes);
}

}  // namespace porteiro::kms
