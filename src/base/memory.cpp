#include "porteiro/base/memory.hpp"

#include <malloc.h>

namespace porteiro {

void return_free_memory() { malloc_trim(0); }

}  // namespace porteiro
