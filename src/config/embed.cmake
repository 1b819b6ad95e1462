# Writes OUTPUT, a .cpp with the text of SOURCE as porteiro::config::NAME().
file(READ ${SOURCE} text)
if(text MATCHES "\\)schema\"")
  message(FATAL_ERROR "${SOURCE} holds the delimiter of the string literal: )schema\"")
endif()
file(WRITE ${OUTPUT} "// Generated from ${SOURCE}.
#include \"porteiro/config/config.hpp\"

std::string_view porteiro::config::${NAME}() {
  return R\"schema(${text})schema\";
}
")
