// nlohmann::json, compiled once for all tests (json_once.cpp) rather than in each of their sources:
// without optimisation that is most of what compiling them takes.
#pragma once
#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;
