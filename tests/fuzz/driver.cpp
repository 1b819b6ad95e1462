// Runs a fuzz target without libFuzzer: driver DIRECTORY MUTATIONS SEED feeds it each file of the
// directory and then random mutations of them, always the same ones for a seed. What is fed is
// printed when it ends the process.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "porteiro/base/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string current;

void run(std::string input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
}

void tell(int) {
  std::fputs("The input was:\n", stderr);
  std::fwrite(current.data(), 1, current.size(), stderr);
  std::fputc('\n', stderr);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

// What parsers trip over, put in anywhere.
const std::vector<std::string> tokens{"\"",
                                      "\\",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      ",",
                                      ":",
                                      "null",
                                      "true",
                                      "-1",
                                      "1e999",
                                      "99999999999999999999",
                                      "\\u0000",
                                      "\\ud800",
                                      "\xff",
                                      "\xc3",
                                      std::string(1, '\0'),
                                      "%",
                                      "%0",
                                      "%00",
                                      "+",
                                      "&",
                                      "=",
                                      "==",
                                      ".",
                                      ".1.",
                                      ".0.",
                                      ".-1.",
                                      "1",
                                      "0",
                                      "@H",
                                      "\n",
                                      "\r",
                                      "AAAA"};

std::string mutate(porteiro::Random& random, const std::vector<std::string>& corpus) {
  std::string text = corpus[random.below(corpus.size())];
  for (std::uint64_t steps = 1 + random.below(6); steps > 0; --steps) {
    const std::size_t at = random.below(text.size() + 1);
    const std::size_t length = random.below(1 + std::min<std::size_t>(text.size() - at, 24));
    switch (random.below(6)) {
      case 0:
        text.insert(at, tokens[random.below(tokens.size())]);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random.next());
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      case 4: {  // A piece of another input.
        const std::string& other = corpus[random.below(corpus.size())];
        const std::size_t from = random.below(other.size() + 1);
        text.insert(at, other.substr(from, random.below(64)));
        break;
      }
      default:
        text.replace(at, length, tokens[random.below(tokens.size())]);
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: DIRECTORY MUTATIONS SEED\n", stderr);
    return 2;
  }
  std::signal(SIGABRT, tell);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    run(corpus.back());
  }
  if (corpus.empty()) return 2;
  porteiro::Random random(std::strtoull(argv[3], nullptr, 10));
  const std::uint64_t mutations = std::strtoull(argv[2], nullptr, 10);
  for (std::uint64_t i = 0; i < mutations; ++i) run(mutate(random, corpus));
  std::printf("%zu inputs and %llu mutations\n", corpus.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}
