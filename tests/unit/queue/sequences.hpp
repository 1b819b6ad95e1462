// Random sequences of operations, tried for many seeds. Of a failure are printed: the seed, the
// command that replays it, and the shortest list of operations found that still fails.
#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "porteiro/base/random.hpp"

namespace porteiro::queue::test {

// Thrown where a run finds a difference. (A failed CHECK would be reported for each run of the
// search for the shortest list.)
struct Difference {
  std::string text;
};

template <class T>
std::string shown(const T& value) {
  if constexpr (requires(std::ostringstream & out) { out << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else {
    return "something";
  }
}

template <class A, class B>
void same(const A& real, const B& expected, const char* what) {
  if (real == expected) return;
  throw Difference{std::string(what) + " is " + shown(real) + ", expected " + shown(expected)};
}

// Removes chunks, then single elements, as long as `fails` says that what is left still fails.
template <class Op>
std::vector<Op> shortest(std::vector<Op> ops,
                         const std::function<bool(const std::vector<Op>&)>& fails) {
  for (std::size_t chunk = ops.size(); chunk > 0;) {
    bool shorter = false;
    for (std::size_t at = 0; at < ops.size();) {
      std::vector<Op> left(ops.begin(), ops.begin() + static_cast<std::ptrdiff_t>(at));
      const std::size_t end = std::min(at + chunk, ops.size());
      left.insert(left.end(), ops.begin() + static_cast<std::ptrdiff_t>(end), ops.end());
      if (fails(left)) {
        ops = std::move(left);
        shorter = true;
      } else {
        at = end;
      }
    }
    if (!shorter || chunk > 1) chunk /= 2;
  }
  return ops;
}

using Trace = std::vector<std::string>;  // What a run did, a line for each operation.

template <class Op>
struct Sequences {
  std::string test_case;  // Its name, without commas: doctest's filter has a meaning for them.
  std::uint64_t seeds = 0;
  std::function<std::vector<Op>(std::uint64_t seed)> make;
  // Throws a Difference. Null: nobody wants the lines.
  std::function<void(std::uint64_t seed, const std::vector<Op>& ops, Trace* trace)> run;
};

template <class Op>
std::optional<std::string> difference(const Sequences<Op>& sequences, std::uint64_t seed,
                                      const std::vector<Op>& ops, Trace* trace = nullptr) {
  try {
    sequences.run(seed, ops, trace);
  } catch (const Difference& found) {
    return found.text;
  }
  return {};
}

template <class Op>
void try_seed(const Sequences<Op>& sequences, std::uint64_t seed) {
  CAPTURE(seed);
  const std::vector<Op> ops = sequences.make(seed);
  if (!difference(sequences, seed, ops)) return;
  const std::vector<Op> few = shortest<Op>(ops, [&](const std::vector<Op>& left) {
    return difference(sequences, seed, left).has_value();
  });
  Trace trace;
  const auto found = difference(sequences, seed, few, &trace);
  std::string report =
      "seed " + std::to_string(seed) + ", replay with PORTEIRO_SEED=" + std::to_string(seed) +
      " queue_tests --test-case=\"" + sequences.test_case + "\"; " + std::to_string(few.size()) +
      " of " + std::to_string(ops.size()) + " operations:";
  for (const std::string& line : trace) report += "\n  " + line;
  FAIL(report << "\n" << found.value_or("(not seen again)"));
}

// Seeds 1 to `seeds`, or the one that the environment names.
template <class Op>
void try_seeds(const Sequences<Op>& sequences) {
  if (const char* seed = std::getenv("PORTEIRO_SEED")) {
    return try_seed(sequences, std::strtoull(seed, nullptr, 10));
  }
  for (std::uint64_t seed = 1; seed <= sequences.seeds; ++seed) try_seed(sequences, seed);
}

}  // namespace porteiro::queue::test
