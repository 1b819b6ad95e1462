// Engine `lmdb`: one LMDB environment per store, on disk or in anonymous memory.
//
// On disk the file is written by LMDB's own writes, never through the map: a full disk is an error
// then and not a signal, and a killed process leaves what the system has taken. In memory the map
// of a memfd is written directly; there is no lock file, since all calls come from one thread.
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "stores/kv_engine.hpp"
#include "stores/kv_spaces.hpp"
#include "stores/lmdb_check.hpp"
#include "stores/store_file.hpp"

namespace porteiro::stores {

namespace {

using BOOST_OUTCOME_V2_NAMESPACE::success;

// Address space, not memory: the first size the system grants is taken, and a store can grow to it.
// So the map never has to be resized under a reader.
constexpr std::array<std::size_t, 4> map_bytes{std::size_t{64} << 30, std::size_t{16} << 30,
                                               std::size_t{4} << 30, std::size_t{1} << 30};
constexpr std::size_t bound_bytes_max = 500;  // Keys are shorter: a bound may be cut to it.

Error failure_of(int code) {
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
      return error(
          Errc::limit_exceeded,
          std::string("the store is full or too much is written at once: ") + mdb_strerror(code));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      return error(Errc::corrupt, std::string("the store's file is damaged: ") +
                                      mdb_strerror(code) + "; restore it from a copy");
    default:
      return error(Errc::unavailable, std::string("the store failed: ") + mdb_strerror(code));
  }
}

MDB_val value_of(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB does not write to it.
}
std::string_view view_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

struct Cursor {
  MDB_cursor* handle = nullptr;
  ~Cursor() {
    if (handle != nullptr) mdb_cursor_close(handle);
  }
};

// Puts the cursor to the first entry of [low, high), or to the last one.
int place_cursor(MDB_cursor* cursor, std::string_view low, const std::optional<std::string>& high,
                 bool descending, MDB_val& key, MDB_val& value) {
  if (!descending) {
    if (low.empty()) return mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    key = value_of(low.substr(0, bound_bytes_max));
    return mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  }
  if (!high) return mdb_cursor_get(cursor, &key, &value, MDB_LAST);
  key = value_of(std::string_view(*high).substr(0, bound_bytes_max));
  const int found = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  if (found == MDB_NOTFOUND) return mdb_cursor_get(cursor, &key, &value, MDB_LAST);
  return found == 0 ? mdb_cursor_get(cursor, &key, &value, MDB_PREV) : found;
}

// Reads in a transaction that is lent to it; as a writer, writes in it.
class LmdbTransaction final : public KvWriter {
 public:
  explicit LmdbTransaction(const std::vector<MDB_dbi>& spaces) : spaces_(spaces) {}
  MDB_txn* handle = nullptr;

  void begin_anew() {
    failure_.reset();
    forget();
  }

  Result<std::optional<std::string_view>> get(Space space, std::string_view key) override {
    MDB_val name = value_of(key), value;
    const int code = mdb_get(handle, spaces_[space], &name, &value);
    if (code == MDB_NOTFOUND) return std::optional<std::string_view>();
    if (code != 0) return failure_of(code);
    return std::optional<std::string_view>(view_of(value));
  }

  Result<void> scan(Space space, std::string_view low, const std::optional<std::string>& high,
                    bool descending, Each each) override {
    if (high && *high <= low) return success();
    Cursor cursor;
    int code = mdb_cursor_open(handle, spaces_[space], &cursor.handle);
    if (code != 0) return failure_of(code);
    MDB_val key, value;
    code = place_cursor(cursor.handle, low, high, descending, key, value);
    while (code == 0) {
      if (descending ? view_of(key) < low : high && view_of(key) >= *high) return success();
      if (!each(view_of(key), view_of(value))) return success();
      code = mdb_cursor_get(cursor.handle, &key, &value, descending ? MDB_PREV : MDB_NEXT);
    }
    if (code != MDB_NOTFOUND) return failure_of(code);
    return success();
  }

  void clear(Space space) override {
    if (failure_) return;
    if (const int code = mdb_drop(handle, spaces_[space], 0); code != 0) fail(failure_of(code));
  }

 private:
  Result<void> do_put(Space space, std::string_view key, std::string_view value) override {
    MDB_val name = value_of(key), bytes = value_of(value);
    const int code = mdb_put(handle, spaces_[space], &name, &bytes, 0);
    if (code != 0) return failure_of(code);
    return success();
  }

  Result<void> do_erase(Space space, std::string_view key) override {
    MDB_val name = value_of(key);
    const int code = mdb_del(handle, spaces_[space], &name, nullptr);
    if (code != 0 && code != MDB_NOTFOUND) return failure_of(code);
    return success();
  }

  const std::vector<MDB_dbi>& spaces_;
};

class LmdbKv final : public Kv {
 public:
  explicit LmdbKv(bool in_memory) : in_memory_(in_memory), reader_(spaces_), writer_(spaces_) {}

  ~LmdbKv() override {
    if (reader_.handle != nullptr) mdb_txn_abort(reader_.handle);
    if (environment_ == nullptr) return;
    if (!in_memory_) mdb_env_sync(environment_, 1);  // An ordered end is durable.
    mdb_env_close(environment_);
  }

  Result<void> open(const std::string& path, unsigned flags, std::size_t spaces_max) {
    path_ = path;
    int code = 0;
    for (const std::size_t bytes : map_bytes) {
      code = mdb_env_create(&environment_);
      if (code != 0) return failure_of(code);
      mdb_env_set_maxdbs(environment_, static_cast<MDB_dbi>(spaces_max));
      mdb_env_set_mapsize(environment_, bytes);
      code = mdb_env_open(environment_, path.c_str(), flags, 0600);
      if (code == 0) return success();
      mdb_env_close(environment_);  // LMDB asks for it after a failed open, too.
      environment_ = nullptr;
      if (code != ENOMEM && code != EFBIG) break;
    }
    return failure_of(code);
  }

  Result<void> open_spaces(const std::vector<std::string>& names) override {
    PORTEIRO_TRY(check_ours());
    spaces_.resize(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      const int code = mdb_dbi_open(writer_.handle, names[i].c_str(), MDB_CREATE, &spaces_[i]);
      if (code != 0) return failure_of(code);
    }
    return success();
  }

  Result<KvReader*> begin_read() override {
    const int code = reader_.handle == nullptr
                         ? mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader_.handle)
                         : mdb_txn_renew(reader_.handle);
    if (code != 0) return failure_of(code);
    return static_cast<KvReader*>(&reader_);
  }
  void end_read() override { mdb_txn_reset(reader_.handle); }

  Result<KvWriter*> begin_write() override {
    const int code = mdb_txn_begin(environment_, nullptr, 0, &writer_.handle);
    if (code != 0) return failure_of(code);
    writer_.begin_anew();
    return static_cast<KvWriter*>(&writer_);
  }
  Result<void> commit() override {
    const int code = mdb_txn_commit(writer_.handle);
    writer_.handle = nullptr;
    if (code != 0) return failure_of(code);
    return success();
  }
  void abort() override {
    mdb_txn_abort(writer_.handle);
    writer_.handle = nullptr;
  }
  bool in_memory() const override { return in_memory_; }

 private:
  // An LMDB file that holds something has to be one of ours.
  Result<void> check_ours() {
    MDB_dbi main = 0, meta = 0;
    MDB_stat status{};
    int code = mdb_dbi_open(writer_.handle, nullptr, 0, &main);
    if (code == 0) code = mdb_stat(writer_.handle, main, &status);
    if (code != 0) return failure_of(code);
    if (status.ms_entries == 0) return success();
    MDB_val key = value_of(format_key), value;
    code = mdb_dbi_open(writer_.handle, "meta", 0, &meta);
    if (code == 0) code = mdb_get(writer_.handle, meta, &key, &value);
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE) return foreign_file(path_);
    if (code != 0) return failure_of(code);
    return success();
  }

  bool in_memory_;
  std::string path_;
  MDB_env* environment_ = nullptr;
  std::vector<MDB_dbi> spaces_;
  LmdbTransaction reader_, writer_;
};

Result<void> open_in_memory(LmdbKv& kv, std::size_t spaces_max) {
  const int file = ::memfd_create("porteiro-lmdb", MFD_CLOEXEC);
  if (file < 0) return system_failure("there is no memory for the store", errno);
  // LMDB opens a path: the one of the descriptor. Its own descriptor keeps the memory.
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  auto opened =
      kv.open(path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS, spaces_max);
  ::close(file);
  return opened;
}

Result<void> open_on_disk(LmdbKv& kv, const EngineOptions& options, std::size_t spaces_max) {
  PORTEIRO_TRY(const std::string path, store_file(options, "lmdb"));
  PORTEIRO_TRY(check_lmdb_file(path));
  const unsigned sync = options.sync ? 0U : static_cast<unsigned>(MDB_NOSYNC);
  return kv.open(path, MDB_NOSUBDIR | MDB_NOTLS | sync, spaces_max);
}

}  // namespace

Result<std::unique_ptr<Engine>> open_lmdb(const EngineOptions& options,
                                          std::vector<Collection> collections) {
  std::size_t spaces_max = 8;  // At most: rows, declared indexes and those of references.
  for (const Collection& each : collections) {
    spaces_max += 1 + each.indexes.size() + each.fields.size();
  }
  auto kv = std::make_unique<LmdbKv>(options.directory.empty());
  PORTEIRO_TRY(options.directory.empty() ? open_in_memory(*kv, spaces_max)
                                         : open_on_disk(*kv, options, spaces_max));
  return KvEngine::open(std::move(kv), options, std::move(collections));
}

}  // namespace porteiro::stores
