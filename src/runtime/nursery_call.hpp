#pragma once

namespace porteiro::runtime {

// Whether this executable called run_nursery. One that did not must not be started as a nursery: it
// would do again what it does now.
bool nursery_is_callable();

}  // namespace porteiro::runtime
