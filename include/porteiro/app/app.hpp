// The command line: chooses runtime or simulation and says how it went by the exit code (see
// simulation::Outcome). Data goes to stdout, messages to stderr.
#pragma once

namespace porteiro::app {

int run(int argc, char** argv);

}  // namespace porteiro::app
