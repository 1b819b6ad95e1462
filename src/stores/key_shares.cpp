#include "stores/key_shares.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "porteiro/base/bytes.hpp"
#include "stores/store_file.hpp"

namespace porteiro::stores {

namespace {

// The file: this line of 16 bytes, then slots of number and half. Integers are little-endian.
constexpr std::string_view magic = "porteiro keys 1\n";
constexpr std::size_t slot_bytes = key_number_bytes + kms::Secret::bytes;
constexpr std::size_t notes_bytes_max = 64 << 20;

std::uint64_t place_of(std::uint64_t slot) { return magic.size() + slot * slot_bytes; }

Error damaged(const std::string& path) {
  return error(Errc::corrupt, path +
                                  " is damaged or of another version; restore it from a copy; "
                                  "nothing of it was changed");
}

Result<int> open_or_make(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return system_failure(path + " cannot be opened", errno);
  return file;
}

Result<std::uint64_t> size_of(int file, const std::string& path) {
  struct stat status {};
  if (::fstat(file, &status) == 0) return static_cast<std::uint64_t>(status.st_size);
  return system_failure(path + " cannot be read", errno);
}

Result<std::string> read_at(int file, std::uint64_t at, std::size_t bytes,
                            const std::string& path) {
  std::string out(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        ::pread(file, out.data() + done, bytes - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path + " cannot be read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return out;
}

Result<void> write_at(int file, std::uint64_t at, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_failure(path + " cannot be written", errno);
    at += static_cast<std::uint64_t>(wrote);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return success();
}

}  // namespace

KeyShares::~KeyShares() {
  kms::wipe(memory_);
  for (const int file : {file_, notes_}) {
    if (file >= 0) ::close(file);
  }
}

Result<std::unique_ptr<KeyShares>> KeyShares::open(std::string path, bool sync) {
  std::unique_ptr<KeyShares> shares(new KeyShares(std::move(path), sync));
  if (!shares->path_.empty()) {
    PORTEIRO_TRY(make_directory(shares->path_.substr(0, shares->path_.rfind('/'))));
    PORTEIRO_TRY(shares->open_file());
    PORTEIRO_TRY(shares->read_condemned());
  }
  return shares;
}

// A slot that was cut in the middle was never acknowledged; it is passed over.
Result<void> KeyShares::open_file() {
  PORTEIRO_TRY(file_, open_or_make(path_));
  PORTEIRO_TRY(notes_, open_or_make(path_ + "-doomed"));
  PORTEIRO_TRY(const std::uint64_t bytes, size_of(file_, path_));
  PORTEIRO_TRY(const std::string head, read_at(file_, 0, magic.size(), path_));
  if (head == magic) {
    next_ = (bytes - magic.size() + slot_bytes - 1) / slot_bytes;
    return success();
  }
  if (!magic.starts_with(head)) return damaged(path_);
  PORTEIRO_TRY(write_at(file_, 0, magic, path_));  // New, or cut while it was.
  return sync_file(file_);
}

// Checksum, then space, name and slot of each. A note that was cut in the middle is none: the
// commit that it was to come before had not begun.
Result<void> KeyShares::read_condemned() {
  PORTEIRO_TRY(const std::uint64_t bytes, size_of(notes_, path_ + "-doomed"));
  if (bytes > notes_bytes_max) return damaged(path_ + "-doomed");
  PORTEIRO_TRY(const std::string text, read_at(notes_, 0, bytes, path_ + "-doomed"));
  ByteReader reader(text);
  const auto checksum = reader.u32();
  if (!checksum || crc32c(reader.rest()) != *checksum) return success();
  while (!reader.rest().empty()) {
    const auto space = reader.sized();
    const auto name = reader.sized();
    const auto slot = reader.u64();
    if (!space || !name || !slot) return damaged(path_ + "-doomed");
    doomed_.push_back({std::string(*space), std::string(*name), *slot});
  }
  return success();
}

Result<void> KeyShares::sync_file(int file) const {
  if (::fdatasync(file) == 0) return success();
  return system_failure(path_ + " cannot be synced", errno);
}

Result<void> KeyShares::write(std::uint64_t at, std::string_view bytes) {
  if (file_ >= 0) return write_at(file_, at, bytes, path_);
  if (memory_.size() < at + bytes.size()) memory_.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), memory_.begin() + static_cast<std::ptrdiff_t>(at));
  return success();
}

// Neighbours go in one write.
Result<void> KeyShares::append(std::vector<KeyShare> shares) {
  std::sort(shares.begin(), shares.end(),
            [](const KeyShare& a, const KeyShare& b) { return a.slot < b.slot; });
  std::string bytes;
  Result<void> written = success();
  for (std::size_t i = 0, first = 0; i < shares.size() && written; ++i) {
    bytes.append(shares[i].number).append(shares[i].half.view());
    const bool goes_on = i + 1 < shares.size() && shares[i + 1].slot == shares[i].slot + 1;
    if (goes_on) continue;
    written = write(place_of(shares[first].slot), bytes);
    kms::wipe(bytes);
    first = i + 1;
  }
  kms::wipe(bytes);
  if (!written || !sync_ || file_ < 0) return written;
  return sync_file(file_);
}

Result<std::optional<kms::Secret>> KeyShares::read(std::uint64_t slot,
                                                   std::string_view number) const {
  std::string bytes;
  if (slot < next_ && file_ >= 0) {
    PORTEIRO_TRY(bytes, read_at(file_, place_of(slot), slot_bytes, path_));
  } else if (slot < next_ && place_of(slot) < memory_.size()) {
    bytes = memory_.substr(place_of(slot), slot_bytes);
  }
  if (bytes.size() != slot_bytes) {
    return error(Errc::corrupt,
                 "the halves of keys that are kept apart are older than the records: restore "
                 "the directory `subjects` from the newest copy");
  }
  std::optional<kms::Secret> half;
  if (std::string_view(bytes).starts_with(number)) {
    half.emplace(std::string_view(bytes).substr(key_number_bytes));
  }
  kms::wipe(bytes);
  return half;
}

Result<void> KeyShares::note_condemned() {
  if (notes_ < 0) return success();
  std::string body, text;
  for (const Doomed& each : doomed_) {
    append_sized(body, each.space);
    append_sized(body, each.name);
    append_u64(body, each.slot);
  }
  append_u32(text, crc32c(body));
  text += body;
  PORTEIRO_TRY(write_at(notes_, 0, text, path_ + "-doomed"));
  if (::ftruncate(notes_, static_cast<off_t>(text.size())) != 0) {
    return system_failure(path_ + "-doomed cannot be written", errno);
  }
  return sync_file(notes_);
}

Result<void> KeyShares::recover(const std::function<Result<bool>(const Doomed&)>& in_use) {
  std::vector<Doomed> found;
  for (Doomed& each : doomed_) {
    PORTEIRO_TRY(const bool used, in_use(each));
    if (!used && has(each.slot)) found.push_back(std::move(each));
  }
  doomed_ = std::move(found);
  return destroy();
}

Result<void> KeyShares::condemn(std::vector<Doomed> doomed) {
  std::move(doomed.begin(), doomed.end(), std::back_inserter(doomed_));
  auto noted = note_condemned();
  if (!noted) spare();
  return noted;
}

// Its note may stay: a start finds the key in use, and the next note replaces it.
void KeyShares::spare() { doomed_.resize(firm_); }

Result<void> KeyShares::destroy() {
  firm_ = doomed_.size();
  if (doomed_.empty()) return success();
  const std::string nothing(slot_bytes, '\0');
  for (const Doomed& each : doomed_) {
    PORTEIRO_TRY(write(place_of(each.slot), nothing));
  }
  if (file_ >= 0) {
    PORTEIRO_TRY(sync_file(file_));
  }
  doomed_.clear();
  firm_ = 0;
  return note_condemned();
}

Result<void> KeyShares::clear() {
  doomed_.clear();
  firm_ = next_ = 0;
  if (file_ < 0) {
    kms::wipe(memory_);
    return success();
  }
  PORTEIRO_TRY(note_condemned());
  // Overwritten before it is cut: the system does not clear what it takes back.
  PORTEIRO_TRY(const std::uint64_t bytes, size_of(file_, path_));
  const std::string nothing(1 << 16, '\0');
  for (std::uint64_t at = magic.size(); at < bytes; at += nothing.size()) {
    PORTEIRO_TRY(write(
        at, std::string_view(nothing).substr(
                0, static_cast<std::size_t>(std::min<std::uint64_t>(nothing.size(), bytes - at)))));
  }
  if (::ftruncate(file_, static_cast<off_t>(magic.size())) == 0) return success();
  return system_failure(path_ + " cannot be emptied", errno);
}

}  // namespace porteiro::stores
