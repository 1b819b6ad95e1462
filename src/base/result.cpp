#include "porteiro/base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace porteiro {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::denied:
      return "denied";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::stale:
      return "stale";
    case Errc::limit_exceeded:
      return "limit_exceeded";
    case Errc::unavailable:
      return "unavailable";
    case Errc::timeout:
      return "timeout";
    case Errc::corrupt:
      return "corrupt";
    case Errc::internal:
      return "internal";
  }
  broken("an error code of the enumeration", __FILE__, __LINE__);
}

void broken(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "porteiro: broken invariant: %s (%s:%d). This is a bug; the process ends.\n",
               condition, file, line);
  std::abort();
}

}  // namespace porteiro
