// Named string formats that configs refer to, with their canonical form.
#pragma once
#include <string>
#include <string_view>

#include "porteiro/base/result.hpp"

namespace porteiro {

bool is_format(std::string_view name);  // cpf, uuid, date, date-time, email, digits.

// Checks `text` and returns its canonical form: the one that tokens and keys are made of.
// cpf: 11 digits, given plain or as ddd.ddd.ddd-dd, with both check digits (weights 10..2
// and 11..2, modulo 11) and not all digits equal. Errors: invalid, naming the format and never the
// value.
Result<std::string> canonical(std::string_view format, std::string_view text);

}  // namespace porteiro
