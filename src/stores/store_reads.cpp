// Reads of a store: get and query, and the opening of boxes.
#include "porteiro/base/bytes.hpp"
#include "stores/store_impl.hpp"

namespace porteiro::stores {

namespace {

constexpr int tries_max = 3;  // Of a row whose subject's key changed between two reads.

Error unknown_collection() {
  return error(Errc::invalid, "the store has no such collection", "collection");
}
Error struck() { return error(Errc::unavailable, "the store does not answer for now: try again"); }
Error was_reset() { return error(Errc::unavailable, "the store was reset meanwhile"); }

// A key that stays away: whoever destroyed it meant the record to be unreadable.
Error as_read_error(const Error& failed) {
  if (failed.code != Errc::stale) return failed;
  return error(Errc::corrupt, "the record cannot be opened: its data subject's key is destroyed");
}

std::string_view any_box(const StoredRow& row) {
  return row.restricted_box.empty() ? row.sensitive_box : row.restricted_box;
}

// The number of the key that sealed it.
Result<std::string_view> key_number(std::string_view box) {
  if (!box.empty() && box[0] == clear_box_version) {
    return error(Errc::corrupt, "a record was written with boxes off, and has no seal");
  }
  if (box.size() < box_header_bytes || box[0] != box_version) {
    return error(Errc::corrupt, "a sealed box is damaged or of a newer version");
  }
  return box.substr(1, key_number_bytes);
}

}  // namespace

void TieredStore::get(std::string_view collection, std::string_view key, Id trace,
                      Done<std::optional<Record>> done) {
  ++reads_total_;
  Get read{plan(collection), {}, trace, environment_.scheduler.now(), generation_, std::move(done)};
  const Fault fault = environment_.strike(FaultPoint::store_read, options_.name);
  const Duration delay = latency(options_.read) + fault.delay;
  std::optional<Error> failed;
  if (fault.kind == Fault::Kind::error) {
    failed = struck();
  } else if (read.plan == nullptr) {
    failed = unknown_collection();
  } else {
    auto text = lookup_text(read.plan->key_field(), key, dependencies_.tokens);
    if (text) {
      read.key = std::move(text).value();
    } else {
      failed = text.error();
      failed->at = read.plan->key_field().field->name;
    }
  }
  if (!failed && delay <= Duration::zero()) {
    reads_.gets.push_back(std::move(read));
    return request_drain();
  }
  post(
      [this, alive = Alive(alive_), failed = std::move(failed),
       held = std::make_unique<Get>(std::move(read))]() mutable {
        if (alive.expired()) return;
        if (failed) return finish(*held, *failed);
        if (!clear_pending_) return answer(std::move(*held));
        reads_.gets.push_back(std::move(*held));
      },
      delay);
}

void TieredStore::query(std::string_view collection, Query query, Id trace, Done<Page> done) {
  ++reads_total_;
  auto read = std::make_unique<PageRead>();
  read->plan = plan(collection);
  read->query = std::move(query);
  read->trace = trace;
  read->started = environment_.scheduler.now();
  read->generation = generation_;
  read->done = std::move(done);
  const Fault fault = environment_.strike(FaultPoint::store_read, options_.name);
  const Duration delay = latency(options_.read) + fault.delay;
  std::optional<Error> failed;
  if (fault.kind == Fault::Kind::error) {
    failed = struck();
  } else if (read->plan == nullptr) {
    failed = unknown_collection();
  } else if (auto ready = prepare_filters(*read->plan, read->query, dependencies_.tokens); !ready) {
    failed = ready.error();
  }
  if (!failed && delay <= Duration::zero()) {
    reads_.pages.push_back(std::move(read));
    return request_drain();
  }
  post(
      [this, alive = Alive(alive_), failed = std::move(failed), held = std::move(read)]() mutable {
        if (alive.expired()) return;
        if (failed) return finish(*held, *failed);
        if (!clear_pending_) return answer(std::move(held));
        reads_.pages.push_back(std::move(held));
      },
      delay);
}

void TieredStore::request_drain() {
  if (std::exchange(drain_posted_, true)) return;
  post([this, alive = Alive(alive_)] {
    if (!alive.expired()) drain();
  });
}

void TieredStore::drain() {
  drain_posted_ = false;
  if (clear_pending_) return;  // clear() goes on with them.
  const Alive alive = alive_;
  Reads now;
  std::swap(now, reads_);
  for (Get& read : now.gets) {
    answer(std::move(read));
    if (alive.expired()) return;
  }
  for (auto& read : now.pages) {
    answer(std::move(read));
    if (alive.expired()) return;
  }
  now.gets.clear();
  if (reads_.gets.empty()) std::swap(reads_.gets, now.gets);  // Keeps the memory for the next turn.
}

void TieredStore::answer(Get read) {
  if (broken_) return finish(read, *broken_);
  auto found = engine_->get(read.plan->collection->name, read.key);
  if (!found) return finish(read, found.error());
  if (!found.value()) return finish(read, std::optional<Record>());
  StoredRow& row = *found.value();
  if (options_.boxes && !any_box(row).empty()) return open_row(std::move(read), std::move(row));
  auto record = unsealed_record(*read.plan, row);
  if (!record) return finish(read, record.error());
  finish(read, std::optional<Record>(std::move(record).value()));
}

void TieredStore::open_row(Get read, StoredRow row) {
  const auto number = key_number(any_box(row));
  if (!number) return finish(read, number.error());
  const auto key = keys_of(*read.plan).find(row.subject, number.value());
  if (!key && key.error().code == Errc::not_found) {
    return finish(read, std::optional<Record>());
  }
  if (!key) {
    const bool again = key.error().code == Errc::stale && ++read.tries < tries_max;
    return again ? answer(std::move(read)) : finish(read, as_read_error(key.error()));
  }
  if (key.value() != nullptr) {
    auto record = open_record(*read.plan, row, *key.value());
    if (!record) return finish(read, record.error());
    return finish(read, std::optional<Record>(std::move(record).value()));
  }
  struct Held {
    Get read;
    StoredRow row;
  };
  auto held = std::make_shared<Held>(Held{std::move(read), std::move(row)});
  const std::string subject = held->row.subject;
  const std::string wanted(key_number(any_box(held->row)).value());
  keys_of(*held->read.plan)
      .load(subject, wanted, held->read.trace,
            [this, alive = Alive(alive_), held](Result<SharedKey> loaded) {
              if (alive.expired()) return;
              Get& waiting = held->read;
              if (waiting.generation != generation_) return finish(waiting, was_reset());
              if (!loaded && loaded.error().code == Errc::not_found) {
                return finish(waiting, std::optional<Record>());
              }
              if (!loaded) {
                const bool again =
                    loaded.error().code == Errc::stale && ++waiting.tries < tries_max;
                if (again) return answer(std::move(waiting));
                return finish(waiting, as_read_error(loaded.error()));
              }
              auto record = open_record(*waiting.plan, held->row, *loaded.value());
              if (!record) return finish(waiting, record.error());
              finish(waiting, std::optional<Record>(std::move(record).value()));
            });
}

Result<std::string> TieredStore::open_box(const Plan& plan, const StoredRow& row, Class part,
                                          SubjectKey& key) {
  const std::string_view box = part == Class::sensitive ? row.sensitive_box : row.restricted_box;
  if (box.empty()) return std::string();
  PORTEIRO_TRY(const auto number, key_number(box));
  if (number != key.number) {
    return error(Errc::corrupt, "the two boxes of a record are sealed with different keys");
  }
  return key.cipher.open(box.substr(box_header_bytes), binding(plan, row.key, part));
}

const std::string& TieredStore::binding(const Plan& plan, std::string_view key, Class part) {
  binding_.clear();
  append_binding(binding_, options_.name, plan.collection->name, key,
                 part == Class::sensitive ? "sensitive" : "restricted");
  return binding_;
}

// A record without boxes, or of a store that does not seal them.
Result<Record> TieredStore::unsealed_record(const Plan& plan, StoredRow& row) {
  for (const std::string* box : {&row.sensitive_box, &row.restricted_box}) {
    if (box->empty() || (!options_.boxes && box->front() == clear_box_version)) continue;
    return error(Errc::corrupt, "a record is sealed, and the store was opened with boxes off");
  }
  const auto object = [](const std::string& box) {
    return std::string_view(box).substr(box.empty() ? 0 : 1);
  };
  std::string document = splice(plan, row, object(row.sensitive_box), object(row.restricted_box));
  return Record{std::move(row.key), row.version, std::move(document)};
}

Result<Record> TieredStore::open_record(const Plan& plan, StoredRow& row, SubjectKey& key) {
  PORTEIRO_TRY(const std::string sensitive, open_box(plan, row, Class::sensitive, key));
  PORTEIRO_TRY(const std::string restricted, open_box(plan, row, Class::restricted, key));
  std::string document = splice(plan, row, sensitive, restricted);
  return Record{std::move(row.key), row.version, std::move(document), std::move(row.subject)};
}

void TieredStore::answer(std::unique_ptr<PageRead> read) {
  if (broken_) return finish(*read, *broken_);
  auto rows = engine_->query(read->plan->collection->name, read->query);
  if (!rows) return finish(*read, rows.error());
  read->rows = std::move(rows).value();
  read->page.next = std::move(read->rows.next);
  read->page.records.reserve(read->rows.rows.size());
  open_rows(std::move(read));
}

void TieredStore::open_rows(std::unique_ptr<PageRead> read) {
  while (read->row < read->rows.rows.size()) {
    StoredRow& row = read->rows.rows[read->row];
    SharedKey key = std::exchange(read->loaded, nullptr);
    if (options_.boxes && !any_box(row).empty() && key == nullptr) {
      const auto number = key_number(any_box(row));
      if (!number) return finish(*read, number.error());
      auto found = keys_of(*read->plan).find(row.subject, number.value());
      if (!found) {
        if (found.error().code == Errc::not_found) {
          leave_out(*read);
          continue;
        }
        if (found.error().code == Errc::stale && reread(*read)) continue;
        return finish(*read, as_read_error(found.error()));
      }
      key = std::move(found).value();
      if (key == nullptr) return load_for(std::move(read));
    }
    auto record =
        key == nullptr ? unsealed_record(*read->plan, row) : open_record(*read->plan, row, *key);
    if (!record) return finish(*read, record.error());
    read->page.records.push_back(std::move(record).value());
    ++read->row;
    read->tries = 0;
  }
  Page page = std::move(read->page);
  finish(*read, std::move(page));
}

// Waits for the key of the next row.
void TieredStore::load_for(std::unique_ptr<PageRead> read) {
  const StoredRow& row = read->rows.rows[read->row];
  const std::string subject = row.subject;
  const std::string number(key_number(any_box(row)).value());
  const Id trace = read->trace;
  auto& keys = keys_of(*read->plan);
  keys.load(
      subject, number, trace,
      [this, alive = Alive(alive_), held = std::move(read)](Result<SharedKey> loaded) mutable {
        if (alive.expired()) return;
        if (held->generation != generation_) return finish(*held, was_reset());
        if (loaded) {
          held->loaded = std::move(loaded).value();
        } else if (loaded.error().code == Errc::not_found) {
          leave_out(*held);
        } else if (loaded.error().code != Errc::stale || !reread(*held)) {
          return finish(*held, as_read_error(loaded.error()));
        }
        open_rows(std::move(held));
      });
}

// The row at hand is no record any more.
void TieredStore::leave_out(PageRead& read) {
  read.rows.rows.erase(read.rows.rows.begin() + static_cast<std::ptrdiff_t>(read.row));
  read.tries = 0;
}

// Reads the row at hand again, since its key has changed; a row that is gone leaves the page.
// False: this has been tried often enough, or it cannot be read.
bool TieredStore::reread(PageRead& read) {
  if (++read.tries >= tries_max) return false;
  StoredRow& row = read.rows.rows[read.row];
  auto found = engine_->get(read.plan->collection->name, row.key);
  if (!found) return false;
  if (found.value()) {
    row = std::move(*found.value());
  } else {
    leave_out(read);
  }
  return true;
}

// Who asked hears of an internal error only. No key and no value is in such a text.
void TieredStore::tell_damage(const Error& damage, Id trace) {
  std::string where = damage.at.empty() ? "" : " (" + damage.at + ")";
  dependencies_.telemetry.note(telemetry::Level::error,
                               "store " + options_.name + where + ": " + damage.detail, trace);
}

void TieredStore::finish(Get& read, Result<std::optional<Record>> result) {
  count(telemetry::Kind::store_read, read.trace, read.started, result);
  read.done(std::move(result));
}

void TieredStore::finish(PageRead& read, Result<Page> result) {
  count(telemetry::Kind::store_read, read.trace, read.started, result);
  read.done(std::move(result));
}

}  // namespace porteiro::stores
