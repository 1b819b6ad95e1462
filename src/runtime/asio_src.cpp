// The one place where Asio and Beast are compiled; elsewhere only their declarations are.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
