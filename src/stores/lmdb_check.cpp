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
constexpr std::uint32_t lmdb_magic = 0xBEEFC0DE, format_version = 1;
constexpr std::uint16_t branch_page = 1, leaf_page = 2, overflow_page = 4, meta_page = 8;
constexpr std::uint16_t big_data = 1, sub_data = 2;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
constexpr std::uint16_t integer_keys = 8, without_environment_flags = 0x3fff;
constexpr unsigned depth_max = 32;

template <class T>
T read(std::string_view bytes, std::size_t offset) {  // `bytes` holds it: the caller knows.
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

struct Tree {
  std::uint16_t flags = 0;
  unsigned depth = 0;  // Levels of pages; 0: empty.
  std::uint64_t root = no_page;
};

Tree read_tree(std::string_view database) {
  return {read<std::uint16_t>(database, 4), read<std::uint16_t>(database, 6),
          read<std::uint64_t>(database, 40)};
}

struct Meta {
  std::uint64_t page_bytes = 0, transaction = 0, last_page = 0;
  Tree free, main;
};

std::optional<Meta> read_meta(std::string_view file, std::size_t at) {
  if (file.size() < at + page_head_bytes + meta_bytes) return std::nullopt;
  if ((read<std::uint16_t>(file, at + 10) & meta_page) == 0) return std::nullopt;
  const std::string_view meta = file.substr(at + page_head_bytes, meta_bytes);
  if (read<std::uint32_t>(meta, 0) != lmdb_magic) return std::nullopt;
  if (read<std::uint32_t>(meta, 4) != format_version) return std::nullopt;
  if (read<std::uint64_t>(meta, 8) != 0) return std::nullopt;  // An address to map it to.
  const std::string_view databases = meta.substr(24);
  Meta found;
  found.page_bytes = read<std::uint32_t>(databases, 0);
  found.free = read_tree(databases);
  found.main = read_tree(databases.substr(database_bytes));
  found.last_page = read<std::uint64_t>(databases, 2 * database_bytes);
  found.transaction = read<std::uint64_t>(databases, 2 * database_bytes + 8);
  const bool power = (found.page_bytes & (found.page_bytes - 1)) == 0;
  if (!power || found.page_bytes < 256 || found.page_bytes > 65536) return std::nullopt;
  if ((found.free.flags & without_environment_flags) != integer_keys) return std::nullopt;
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

  bool tree(const Tree& tree, bool free_list) {
    if (!free_list && tree.flags != 0) return false;  // We make no other kinds.
    if (tree.root == no_page) return tree.depth == 0;
    return tree.depth > 0 && tree.depth <= depth_max && page(tree.root, tree.depth, free_list);
  }

  bool free_pages_are_free() const {  // After both trees.
    return std::all_of(free_.begin(), free_.end(), [this](std::uint64_t page) {
      return page > 1 && page <= last_page_ && (page >= seen_.size() || !seen_[page]);
    });
  }

 private:
  // A page and all below it; a leaf is on the last of `levels`.
  bool page(std::uint64_t number, unsigned levels, bool free_list) {
    const auto bytes = take(number, 1);
    if (!bytes) return false;
    const bool leaf = levels == 1;
    if (read<std::uint16_t>(*bytes, 10) != (leaf ? leaf_page : branch_page)) return false;
    const auto lower = read<std::uint16_t>(*bytes, 12), upper = read<std::uint16_t>(*bytes, 14);
    if (lower < page_head_bytes || lower > upper || upper > page_bytes_) return false;
    const std::size_t nodes = (lower - page_head_bytes) / 2;
    if (nodes < (leaf || free_list ? 1U : 2U)) return false;
    std::string_view before;
    for (std::size_t i = 0; i < nodes; ++i) {
      const std::size_t node = read<std::uint16_t>(*bytes, page_head_bytes + 2 * i);
      if (node < upper || node + node_head_bytes > page_bytes_) return false;
      const std::size_t key_bytes = read<std::uint16_t>(*bytes, node + 6);
      const std::size_t data = node + node_head_bytes + key_bytes;
      if (data > page_bytes_) return false;
      const std::string_view key = bytes->substr(node + node_head_bytes, key_bytes);
      if (free_list ? leaf && key_bytes != 8 : i > 0 && before >= key) return false;
      before = key;
      const bool fine = leaf ? value(*bytes, node, data, free_list)
                             : page(child(*bytes, node), levels - 1, free_list);
      if (!fine) return false;
    }
    return true;
  }

  static std::uint64_t child(std::string_view page, std::size_t node) {
    return read<std::uint64_t>(page, node) & 0xffff'ffff'ffffU;
  }

  bool value(std::string_view page, std::size_t node, std::size_t at, bool free_list) {
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
    if (flags == 0 || flags == big_data) return true;
    return flags == sub_data && bytes == database_bytes && tree(read_tree(*data), false);
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
  return pages.tree(meta.free, true) && pages.tree(meta.main, false) && pages.free_pages_are_free();
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
  const bool ours = read<std::uint32_t>(content, page_head_bytes) == lmdb_magic;
  const auto meta = newest_meta(content);
  const bool fine = meta && (bytes > checked_bytes_max || well_formed(content, *meta));
  ::munmap(mapped, bytes);
  if (!ours) return foreign_file(path);
  if (!fine) return damaged_file(path);
  return success();
}

}  // namespace porteiro::stores
