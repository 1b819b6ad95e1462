// Memory that was freed, given back to the system.
#pragma once

namespace porteiro {

// The allocator keeps freed memory for later. This returns what it can; takes milliseconds for each
// hundred megabytes. For the moment after a large structure has gone.
void return_free_memory();

}  // namespace porteiro
