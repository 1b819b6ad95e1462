// The programs of workers for Node and Python handlers: bootstraps/node.js and python.py as text,
// for `node -e` and `python3 -c`.
#pragma once
#include <string_view>

namespace porteiro::lambda {

std::string_view node_bootstrap();
std::string_view python_bootstrap();

}  // namespace porteiro::lambda
