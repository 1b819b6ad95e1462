// The factories of the built-ins.
#pragma once
#include "porteiro/lambda/function.hpp"

namespace porteiro::lambda::builtins {

Result<std::unique_ptr<Function>> make_get(const Definition& definition);
Result<std::unique_ptr<Function>> make_put(const Definition& definition);
Result<std::unique_ptr<Function>> make_append(const Definition& definition);
Result<std::unique_ptr<Function>> make_query(const Definition& definition);
Result<std::unique_ptr<Function>> make_delete(const Definition& definition);

}  // namespace porteiro::lambda::builtins
