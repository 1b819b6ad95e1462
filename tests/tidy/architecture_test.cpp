// Goal: the rules that shape the code hold in every file: dependencies point one way, only the
// runtime touches real time, threads, sockets and randomness, and files stay readable.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t lines_max = 500;
constexpr std::size_t columns_max = 100;

struct Source {
  fs::path path;
  std::string module;
  std::string text;
};

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<Source> sources() {
  std::vector<Source> out;
  for (const char* root : {"src", "include/porteiro"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      const fs::path below = fs::relative(entry.path(), root);
      if (!below.has_parent_path()) continue;  // src/main.cpp
      out.push_back({entry.path(), below.begin()->string(), read(entry.path())});
    }
  }
  return out;
}

std::string without_comments(const std::string& text) {
  std::string out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out += line.substr(0, line.find("//")) + "\n";
  return out;
}

// Module → the modules it may include: itself and, transitively, what its build file declares.
std::map<std::string, std::set<std::string>> allowed() {
  std::map<std::string, std::set<std::string>> out;
  for (const auto& entry : fs::directory_iterator("src")) {
    if (!entry.is_directory()) continue;
    const std::string build = read(entry.path() / "CMakeLists.txt");
    std::set<std::string>& names = out[entry.path().filename()];
    names.insert(entry.path().filename());
    std::smatch found;
    if (!std::regex_search(build, found, std::regex("DEPS\\s+([a-z_\\s]+)"))) continue;
    std::istringstream words(found[1].str());
    for (std::string word; words >> word;) names.insert(word);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [module, names] : out) {
      const std::set<std::string> before = names;
      for (const std::string& name : before) names.insert(out[name].begin(), out[name].end());
      changed = changed || names != before;
    }
  }
  return out;
}

struct Forbidden {
  std::string pattern;
  std::string instead;
};
const std::vector<Forbidden> forbidden{
    {R"(\b(system_clock|steady_clock|high_resolution_clock)\b)", "an injected Clock or Scheduler"},
    {R"(\b(sleep_for|sleep_until|usleep|nanosleep)\b|[^_\w]sleep\s*\()", "Scheduler::after"},
    {R"(std::(thread|jthread|mutex|async|condition_variable)\b)", "Offload"},
    {R"(\b(random_device|mt19937|RAND_bytes|getrandom|arc4random)\b|[^_\w]s?rand\s*\()",
     "Random or Entropy"},
    {R"(\b(gettimeofday|clock_gettime)\b|std::time\b|\btime\s*\(\s*(NULL|nullptr|0)\s*\))",
     "Clock::now"},
    {R"(#include <boost/(asio|beast))", "the interfaces of base"},
    {R"(uniform_int_distribution|uniform_real_distribution|normal_distribution)",
     "Random's own functions: std:: distributions differ between libraries"},
};

}  // namespace

TEST_CASE("architecture: only the runtime touches real time, threads, sockets and randomness") {
  for (const Source& source : sources()) {
    if (source.module == "runtime") continue;
    const std::string code = without_comments(source.text);
    for (const Forbidden& rule : forbidden) {
      std::smatch found;
      const bool bad = std::regex_search(code, found, std::regex(rule.pattern));
      CHECK_MESSAGE(!bad, source.path.string(), ": ", found.str(), " is forbidden; use ",
                    rule.instead);
    }
  }
}

TEST_CASE("architecture: a module includes only what its build file declares") {
  const auto rules = allowed();
  const std::regex include(R"re(#include "(?:porteiro/)?([a-z_]+)/[^"]*")re");
  for (const Source& source : sources()) {
    const auto begin = std::sregex_iterator(source.text.begin(), source.text.end(), include);
    for (auto it = begin; it != std::sregex_iterator(); ++it) {
      const std::string name = (*it)[1];
      const bool known = rules.at(source.module).contains(name);
      CHECK_MESSAGE(known, source.path.string(), " includes ", name, ", which src/", source.module,
                    "/CMakeLists.txt does not declare");
    }
  }
}

TEST_CASE("architecture: private headers are included by their own module alone") {
  const std::regex include(R"re(#include "([a-z_]+)/[^"]*")re");
  for (const Source& source : sources()) {
    const auto begin = std::sregex_iterator(source.text.begin(), source.text.end(), include);
    for (auto it = begin; it != std::sregex_iterator(); ++it) {
      const std::string name = (*it)[1];
      CHECK_MESSAGE((name == "porteiro" || name == source.module), source.path.string(),
                    " includes the private header ", it->str());
    }
  }
}

TEST_CASE("architecture: files and lines stay short, and nothing is left for later") {
  const std::regex marks(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X|HA"
      "CK)\\b");
  for (const Source& source : sources()) {
    std::istringstream in(source.text);
    std::size_t lines = 0;
    for (std::string line; std::getline(in, line);) {
      ++lines;
      const auto columns =
          std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
      CHECK_MESSAGE(static_cast<std::size_t>(columns) <= columns_max, source.path.string(), ":",
                    lines, " is longer than ", columns_max, " columns");
    }
    CHECK_MESSAGE(lines <= lines_max, source.path.string(), " has ", lines, " lines, more than ",
                  lines_max, ": split it");
    CHECK_MESSAGE(!std::regex_search(source.text, marks), source.path.string(),
                  " holds a mark of unfinished work");
  }
}

TEST_CASE("architecture: every module says what it is") {
  for (const auto& entry : fs::directory_iterator("src")) {
    if (!entry.is_directory()) continue;
    CHECK_MESSAGE(fs::exists(entry.path() / "README.md"), entry.path().string(),
                  " has no README.md");
  }
}
