#include "porteiro/base/witness.hpp"

#include "porteiro/base/result.hpp"

namespace porteiro {

std::string_view to_string(Place place) {
  switch (place) {
    case Place::disk:
      return "disk";
    case Place::queue:
      return "queue";
    case Place::logs:
      return "logs";
    case Place::traces:
      return "traces";
    case Place::report:
      return "report";
    case Place::count_:
      break;
  }
  broken("a place of the enumeration", __FILE__, __LINE__);
}

}  // namespace porteiro
