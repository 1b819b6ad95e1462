# Writes OUTPUT, a .cpp with the text of SOURCE as the function FUNCTION, which HEADER declares.
file(READ ${SOURCE} text)
if(text MATCHES "\\)embed\"")
  message(FATAL_ERROR "${SOURCE} holds the delimiter of the string literal: )embed\"")
endif()
file(WRITE ${OUTPUT} "// Generated from ${SOURCE}.
#include \"${HEADER}\"

std::string_view ${FUNCTION}() {
  return R\"embed(${text})embed\";
}
")
