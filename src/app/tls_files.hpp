// The files that TLS at the gateway's port needs.
#pragma once
#include "porteiro/emulator/options.hpp"
#include "porteiro/runtime/runtime.hpp"

namespace porteiro::app {

// Errors: invalid (a file cannot be read), denied (others may read the key); each names the file,
// and has the place in the config as `at`.
Result<runtime::TlsOptions> read_tls_files(const emulator::TlsFiles& files, Files& system);

// An error of listen() with the file in place of the part of the options that it names.
Error with_file(Error problem, const emulator::TlsFiles& files);

}  // namespace porteiro::app
