// The business events: what was asked, decided, changed and refused, in order, kept in the journal.
// Holds sealed or tokenised data only. Bounded: the oldest go. Belongs to the loop.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "porteiro/base/environment.hpp"
#include "porteiro/events/event.hpp"
#include "porteiro/journal/journal.hpp"

namespace porteiro::events {

class EventLog : public journal::Participant {
 public:
  struct Entry {
    std::uint64_t number;                     // From 1, without gaps.
    std::shared_ptr<const std::string> json;  // The envelope.
  };
  // Joins the journal as "events": before its start(). Borrows both; events_max is at least 1.
  EventLog(Environment& environment, journal::Journal& journal, std::size_t events_max);

  // `json` is an envelope as to_json writes it.
  void append(std::shared_ptr<const std::string> json);
  std::uint64_t next() const;  // The number the next event gets.
  // Entries from `from` on (or the oldest kept), at most `limit`; with an id, those whose
  // correlation id it is.
  std::vector<Entry> read(std::uint64_t from, std::size_t limit, Id correlation = {}) const;
  // Takes from every event of this subject all that it says: its id, type, source, time and
  // correlation stay, with {"erased":true} for data. Returns how many there were. What is on disk
  // goes with the journal's next snapshot.
  std::size_t erase_subject(std::string_view subject);
  void reset();  // Empty, and numbers from 1 again; the journal's owner clears the journal.

  std::string snapshot() override;
  Result<void> restore(std::string_view snapshot) override;
  Result<void> replay(std::string_view entry) override;

 private:
  void add(std::shared_ptr<const std::string> json);
  std::size_t erase(std::string_view subject);

  Environment& environment_;
  journal::Journal& journal_;
  journal::Stream stream_;
  std::size_t events_max_;
  std::deque<std::shared_ptr<const std::string>> entries_;
  std::uint64_t first_ = 1;
};

}  // namespace porteiro::events
