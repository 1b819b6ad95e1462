// The file format is that of LMDB 0.9 on a 64-bit little-endian machine, as its mdb.c describes it.
#include "stores/lmdb_check.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "stores/store_file.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

constexpr std::size_t page_head_bytes = 16, node_head_bytes = 8, database_bytes = 48,
                      meta_bytes = 136;
constexpr std::uint32_t magic = 0xBEEFC0DE, format_version = 1;
constexpr std::uint16_t branch_page = 1, leaf_page = 2, overflow_page = 4, meta_page = 8;
constexpr std::uint16_t big_data = 1, sub_data = 2;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
constexpr int depth_max = 32;

template <class T>
T read(std::string_view bytes, std::size_t offset) {  // `bytes` holds it: the caller knows.
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

struct Meta {
  std::uint64_t page_bytes = 0, transaction = 0, last_page = 0, free_root = 0, main_root = 0;
};

std::optional<Meta> read_meta(std::string_view file, std::size_t at) {
  if (file.size() < at + page_head_bytes + meta_bytes) return std::nullopt;
  if ((read<std::uint16_t>(file, at + 10) & meta_page) == 0) return std::nullopt;
  const std::size_t meta = at + page_head_bytes;
  if (read<std::uint32_t>(file, meta) != magic) return std::nullopt;
  if (read<std::uint32_t>(file, meta + 4) != format_version) return std::nullopt;
  const std::size_t databases = meta + 24;
  Meta found;
  found.page_bytes = read<std::uint32_t>(file, databases);
  found.free_root = read<std::uint64_t>(file, databases + 40);
  found.main_root = read<std::uint64_t>(file, databases + database_bytes + 40);
  found.last_page = read<std::uint64_t>(file, databases + 2 * database_bytes);
  found.transaction = read<std::uint64_t>(file, databases + 2 * database_bytes + 8);
  const bool power = (found.page_bytes & (found.page_bytes - 1)) == 0;
  if (!power || found.page_bytes < 256 || found.page_bytes > 65536) return std::nullopt;
  return found;
}

std::optional<Meta> newest_meta(std::string_view file) {
  const auto first = read_meta(file, 0);
  if (!first) return std::nullopt;
  const auto second = read_meta(file, first->page_bytes);
  if (!second || second->page_bytes != first->page_bytes) return std::nullopt;
  return first->transaction > second->transaction ? first : second;
}

// Goes through all pages that can be reached from the roots. Each may be reached once.
class Pages {
 public:
  Pages(std::string_view file, const Meta& meta)
      : file_(file), page_bytes_(meta.page_bytes), seen_(file.size() / meta.page_bytes) {
    last_page_ = meta.last_page;
  }

  bool tree(std::uint64_t root, bool free_list, int depth = 0) {
    if (root == no_page) return true;
    const auto page = take(root, 1);
    if (!page || depth > depth_max) return false;
    const auto flags = read<std::uint16_t>(*page, 10);
    const auto lower = read<std::uint16_t>(*page, 12), upper = read<std::uint16_t>(*page, 14);
    const bool branch = (flags & branch_page) != 0, leaf = (flags & leaf_page) != 0;
    if (branch == leaf || (flags & (overflow_page | meta_page)) != 0) return false;
    if (lower < page_head_bytes || lower > upper || upper > page_bytes_) return false;
    std::string_view before;
    for (std::size_t at = page_head_bytes; at + 2 <= lower; at += 2) {
      const std::size_t node = read<std::uint16_t>(*page, at);
      if (node < upper || node + node_head_bytes > page_bytes_) return false;
      const std::size_t key_bytes = read<std::uint16_t>(*page, node + 6);
      if (node + node_head_bytes + key_bytes > page_bytes_) return false;
      const std::string_view key = page->substr(node + node_head_bytes, key_bytes);
      if (!free_list && at > page_head_bytes && before >= key) return false;
      before = key;
      const bool fine =
          branch ? tree(child(*page, node), free_list, depth + 1)
                 : value(*page, node, node + node_head_bytes + key_bytes, free_list, depth);
      if (!fine) return false;
    }
    return true;
  }

  bool free_pages_are_free() const {  // After both trees.
    return std::all_of(free_.begin(), free_.end(), [this](std::uint64_t page) {
      return page > 1 && page <= last_page_ && (page >= seen_.size() || !seen_[page]);
    });
  }

 private:
  static std::uint64_t child(std::string_view page, std::size_t node) {
    return read<std::uint64_t>(page, node) & 0xffff'ffff'ffffU;
  }

  bool value(std::string_view page, std::size_t node, std::size_t at, bool free_list, int depth) {
    const std::size_t bytes = read<std::uint32_t>(page, node);
    const auto flags = read<std::uint16_t>(page, node + 4);
    std::optional<std::string_view> data;
    if ((flags & big_data) != 0) {
      if (at + 8 > page_bytes_) return false;
      const std::uint64_t count = (page_head_bytes + bytes + page_bytes_ - 1) / page_bytes_;
      const auto pages = take(read<std::uint64_t>(page, at), count);
      if (!pages || (read<std::uint16_t>(*pages, 10) & overflow_page) == 0) return false;
      if (read<std::uint32_t>(*pages, 12) < count) return false;
      data = pages->substr(page_head_bytes, bytes);
    } else {
      if (bytes > page_bytes_ || at + bytes > page_bytes_) return false;
      data = page.substr(at, bytes);
    }
    if (free_list) return note_free(*data);
    if ((flags & sub_data) == 0) return true;
    return bytes == database_bytes && tree(read<std::uint64_t>(*data, 40), false, depth + 1);
  }

  bool note_free(std::string_view data) {
    if (data.size() < 8 || data.size() % 8 != 0) return false;
    if (read<std::uint64_t>(data, 0) != data.size() / 8 - 1) return false;
    for (std::size_t at = 8; at < data.size(); at += 8) {
      free_.push_back(read<std::uint64_t>(data, at));
    }
    return true;
  }

  std::optional<std::string_view> take(std::uint64_t number, std::uint64_t count) {
    if (number < 2 || number > last_page_ || number >= seen_.size()) return std::nullopt;
    if (count > seen_.size() - number) return std::nullopt;
    for (std::uint64_t page = number; page < number + count; ++page) {
      if (seen_[page]) return std::nullopt;
      seen_[page] = true;
    }
    const auto page = file_.substr(number * page_bytes_, count * page_bytes_);
    if (read<std::uint64_t>(page, 0) != number) return std::nullopt;
    return page;
  }

  std::string_view file_;
  std::uint64_t page_bytes_, last_page_;
  std::vector<bool> seen_;
  std::vector<std::uint64_t> free_;
};

bool well_formed(std::string_view file, const Meta& meta) {
  Pages pages(file, meta);
  return pages.tree(meta.free_root, true) && pages.tree(meta.main_root, false) &&
         pages.free_pages_are_free();
}

}  // namespace

Result<void> check_lmdb_file(const std::string& path) {
  PORTEIRO_TRY(const std::uint64_t bytes, file_bytes(path));
  if (bytes == 0) return success();
  if (bytes < page_head_bytes + meta_bytes) return foreign_file(path);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return system_failure(path + " cannot be read", errno);
  void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  const int failure = errno;
  ::close(file);
  if (mapped == MAP_FAILED) return system_failure(path + " cannot be read", failure);
  const std::string_view content(static_cast<const char*>(mapped), bytes);
  const bool ours = read<std::uint32_t>(content, page_head_bytes) == magic;
  const auto meta = newest_meta(content);
  const bool fine = meta && (bytes > checked_bytes_max || well_formed(content, *meta));
  ::munmap(mapped, bytes);
  if (!ours) return foreign_file(path);
  if (!fine) return damaged_file(path);
  return success();
}

}  // namespace porteiro::stores
