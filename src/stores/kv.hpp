// What the key-value engines (memory, lmdb) stand on: ordered maps of bytes, called spaces, with
// snapshots for readers and one writer. kv_engine.hpp makes an engine of it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/function.hpp"
#include "porteiro/base/result.hpp"

namespace porteiro::stores {

using Space = std::size_t;

class KvReader {
 public:
  virtual ~KvReader() = default;

  // The value is valid until the next write or the end of the reading.
  virtual Result<std::optional<std::string_view>> get(Space space, std::string_view key) = 0;

  // Calls `each(key, value)` for the keys in [low, high), in order or from the end, until it
  // returns false. `each` must not write.
  using Each = UniqueFunction<bool(std::string_view, std::string_view)>;
  virtual Result<void> scan(Space space, std::string_view low,
                            const std::optional<std::string>& high, bool descending, Each each) = 0;
};

// Writes do not return failures: the first one stays, later writes do nothing, the commit fails.
class KvWriter : public KvReader {
 public:
  void put(Space space, std::string_view key, std::string_view value);
  void erase(Space space, std::string_view key);  // Absent: nothing.
  virtual void clear(Space space) = 0;            // Cannot be undone.

  // While remembered, writes can be undone, to the beginning of the remembering.
  void remember(bool on) { remember_ = on; }
  void undo();    // All that is remembered.
  void forget();  // Keeps the writes.

  const std::optional<Error>& failure() const { return failure_; }
  void fail(Error failure);

 protected:
  virtual Result<void> do_put(Space space, std::string_view key, std::string_view value) = 0;
  virtual Result<void> do_erase(Space space, std::string_view key) = 0;

  std::optional<Error> failure_;

 private:
  struct Before {
    Space space;
    std::string key;
    std::optional<std::string> value;
  };
  void note(Space space, std::string_view key);

  bool remember_ = false;
  std::vector<Before> before_;
};

class Kv {
 public:
  virtual ~Kv() = default;

  // Makes the spaces that are not there; Space is the place in `names`. Called once, first of all.
  virtual Result<void> open_spaces(const std::vector<std::string>& names) = 0;

  // A snapshot for short reading, ended before the next begins. Not with a writer on one thread.
  virtual Result<KvReader*> begin_read() = 0;
  virtual void end_read() = 0;

  virtual Result<KvWriter*> begin_write() = 0;
  virtual Result<void> commit() = 0;  // Or nothing of the writing is kept.
  virtual void abort() = 0;
  virtual bool in_memory() const = 0;
};

}  // namespace porteiro::stores
