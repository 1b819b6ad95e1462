// A folder of this run of the program, and what workers of functions outside find on this machine.
#pragma once
#include <string>

#include "porteiro/base/files.hpp"
#include "porteiro/base/random.hpp"
#include "porteiro/lambda/external.hpp"

namespace porteiro::app {

// Made when it is needed; goes with this.
class PassingFolder {
 public:
  PassingFolder(Files& files, Entropy& entropy);  // Borrows the files.
  PassingFolder(const PassingFolder&) = delete;
  PassingFolder& operator=(const PassingFolder&) = delete;
  ~PassingFolder();
  const std::string& path() const { return path_; }

 private:
  Files& files_;
  std::string path_;
};

// Fills in where interpreters are, and what sandboxes need.
void surround(lambda::Surroundings& surroundings, const PassingFolder& passing);

}  // namespace porteiro::app
