#include "lambda/archive.hpp"

#include <minizip/unzip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>

#include "porteiro/base/bytes.hpp"

namespace porteiro::lambda {
namespace {

// The archive in memory, as minizip's functions want to see a file.
struct Reader {
  std::string_view bytes;
  std::uint64_t at = 0;
};

Reader& reader_of(voidpf stream) { return *static_cast<Reader*>(stream); }

zlib_filefunc64_def functions_over(Reader& reader) {
  zlib_filefunc64_def functions{};
  functions.opaque = &reader;
  functions.zopen64_file = [](voidpf opaque, const void*, int) { return opaque; };
  functions.zread_file = [](voidpf, voidpf stream, void* out, uLong size) -> uLong {
    Reader& from = reader_of(stream);
    const std::size_t taken = std::min<std::size_t>(size, from.bytes.size() - from.at);
    std::memcpy(out, from.bytes.data() + from.at, taken);
    from.at += taken;
    return taken;
  };
  functions.zwrite_file = [](voidpf, voidpf, const void*, uLong) -> uLong { return 0; };
  functions.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return reader_of(stream).at; };
  functions.zseek64_file = [](voidpf, voidpf stream, ZPOS64_T offset, int origin) -> long {
    Reader& from = reader_of(stream);
    const std::uint64_t base = origin == ZLIB_FILEFUNC_SEEK_END   ? from.bytes.size()
                               : origin == ZLIB_FILEFUNC_SEEK_CUR ? from.at
                                                                  : 0;
    if (offset > from.bytes.size() - base) return -1;
    from.at = base + offset;
    return 0;
  };
  functions.zclose_file = [](voidpf, voidpf) { return 0; };
  functions.zerror_file = [](voidpf, voidpf) { return 0; };
  return functions;
}

struct Close {
  void operator()(void* archive) const { unzClose(archive); }
};
using Archive = std::unique_ptr<void, Close>;

constexpr std::size_t folders_deep_max = 64;  // Ours.
constexpr std::size_t part_bytes_max = 255;   // Of a file's name, as file systems have it.

Error broken(std::string_view what) {
  return error(Errc::invalid, "the zip file cannot be unpacked: " + std::string(what));
}

struct Entry {
  std::string name;
  unz_file_info64 info{};

  bool is_folder() const { return name.ends_with('/'); }
  // The upper half is st_mode, when a Unix made the archive.
  unsigned mode() const {
    const bool from_unix = (info.version >> 8) == 3;
    return from_unix ? static_cast<unsigned>(info.external_fa >> 16) : 0;
  }
  bool is_link() const { return (mode() & 0170000) == 0120000; }
};

Result<Entry> current(void* archive) {
  Entry entry;
  std::array<char, 1024> name;
  if (unzGetCurrentFileInfo64(archive, &entry.info, name.data(), name.size(), nullptr, 0, nullptr,
                              0) != UNZ_OK) {
    return broken("its directory is damaged");
  }
  if (entry.info.size_filename >= name.size()) return broken("a name in it is too long");
  entry.name.assign(name.data(), entry.info.size_filename);
  return entry;
}

bool stays_within(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != name.npos ||
      name.find('\\') != name.npos || !valid_utf8(name)) {
    return false;
  }
  std::size_t depth = 0;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    if (++depth > folders_deep_max || part.size() > part_bytes_max) return false;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return true;
}

Result<void> check(const Entry& entry) {
  if (!stays_within(entry.name)) {
    return broken("an entry's name leads out of its folder, is too deep, or is none");
  }
  if (entry.is_link()) return broken("it holds a symbolic link; zip the files behind links");
  if ((entry.info.flag & 1) != 0) return broken("an entry is encrypted");
  return ok();
}

Result<void> each(void* archive, const std::function<Result<void>(const Entry&)>& visit) {
  for (int state = unzGoToFirstFile(archive); state != UNZ_END_OF_LIST_OF_FILE;
       state = unzGoToNextFile(archive)) {
    if (state != UNZ_OK) return broken("its directory is damaged");
    PORTEIRO_TRY(Entry entry, current(archive));
    if (entry.name == "./") continue;
    while (entry.name.starts_with("./")) entry.name.erase(0, 2);  // As some zip "./file".
    PORTEIRO_TRY(visit(entry));
  }
  return ok();
}

Result<void> survey(void* archive, const ArchiveLimits& limits) {
  std::set<std::string> files, folders;
  std::uint64_t bytes = 0;
  PORTEIRO_TRY(each(archive, [&](const Entry& entry) -> Result<void> {
    PORTEIRO_TRY(check(entry));
    if (entry.is_folder()) return ok();
    if (!files.insert(entry.name).second) return broken("two entries have the same name");
    for (std::size_t at = entry.name.find('/'); at != std::string::npos;
         at = entry.name.find('/', at + 1)) {
      folders.insert(entry.name.substr(0, at));
    }
    bytes += std::min<std::uint64_t>(entry.info.uncompressed_size, limits.unpacked_bytes_max + 1);
    if (bytes > limits.unpacked_bytes_max) {
      return error(Errc::limit_exceeded,
                   "Unzipped size must be smaller than " +
                       std::to_string(limits.unpacked_bytes_max) + " bytes",
                   "unpacked");
    }
    if (files.size() + folders.size() > limits.files_max) {
      return error(
          Errc::limit_exceeded,
          "the code has more than " + std::to_string(limits.files_max) + " files and folders",
          "unpacked");
    }
    return ok();
  }));
  if (files.empty()) return broken("it holds no file");
  for (const std::string& folder : folders) {
    if (files.contains(folder)) return broken("an entry is a file and a folder");
  }
  return ok();
}

// What an entry holds is not trusted to be as long as the directory says.
Result<void> extract(void* archive, const Entry& entry,
                     const std::function<Result<void>(const ArchiveFile&)>& take) {
  if (unzOpenCurrentFile(archive) != UNZ_OK) return broken("an entry is damaged");
  ArchiveFile part{entry.name, (entry.mode() & 0100) != 0, {}, true};
  std::uint64_t bytes = 0;
  std::string buffer(256u << 10, '\0');
  Result<void> taken = ok();
  int size = 0;
  do {
    size = unzReadCurrentFile(archive, buffer.data(), static_cast<unsigned>(buffer.size()));
    if (size < 0) break;
    bytes += static_cast<std::uint64_t>(size);
    if (bytes > entry.info.uncompressed_size) break;
    if (size > 0 || part.first) {
      part.bytes = std::string_view(buffer).substr(0, static_cast<std::size_t>(size));
      taken = take(part);
      part.first = false;
    }
  } while (size > 0 && taken);
  const int closed = unzCloseCurrentFile(archive);  // Compares the checksum.
  if (!taken) return taken;
  if (size != 0 || closed != UNZ_OK || bytes != entry.info.uncompressed_size) {
    return broken("an entry is damaged");
  }
  return ok();
}

}  // namespace

Result<void> unpack(std::string_view archive, const ArchiveLimits& limits,
                    const std::function<Result<void>(const ArchiveFile&)>& take) {
  Reader reader{archive};
  zlib_filefunc64_def functions = functions_over(reader);
  const Archive opened(unzOpen2_64("", &functions));
  if (opened == nullptr) return broken("it is no zip file, or its end is missing");
  PORTEIRO_TRY(survey(opened.get(), limits));
  return each(opened.get(), [&](const Entry& entry) -> Result<void> {
    if (entry.is_folder()) return ok();
    return extract(opened.get(), entry, take);
  });
}

}  // namespace porteiro::lambda
