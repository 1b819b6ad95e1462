# porteiro_module(NAME [COLD] SOURCES a.cpp … [DEPS base …] [LINK external …])
# makes the library porteiro::NAME from src/NAME/, its unit tests from tests/unit/NAME/*_test.cpp as
# one executable NAME_tests, and fails at configure time on a dependency not declared before it.
function(porteiro_module name)
  cmake_parse_arguments(M "COLD" "" "SOURCES;DEPS;LINK" ${ARGN})
  foreach(dep IN LISTS M_DEPS)
    if(NOT TARGET porteiro_${dep})
      message(FATAL_ERROR "module ${name} depends on ${dep}, which is not declared before it: "
                          "dependencies point from high to low, see CMakeLists.txt")
    endif()
  endforeach()
  list(TRANSFORM M_DEPS PREPEND porteiro::)
  add_library(porteiro_${name} STATIC ${M_SOURCES})
  add_library(porteiro::${name} ALIAS porteiro_${name})
  target_include_directories(porteiro_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                              PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(porteiro_${name} PUBLIC porteiro_options ${M_DEPS} ${M_LINK})
  set(headers_of base)  # The first module of its kind holds the precompiled header of all.
  if(M_COLD)  # No request passes through it: a third smaller is better, and compiles faster.
    target_compile_options(porteiro_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
    set(headers_of config)
  endif()
  if(PORTEIRO_FAST_BUILD AND name STREQUAL headers_of)
    target_precompile_headers(porteiro_${name} PRIVATE ${heavy_headers})
  elseif(PORTEIRO_FAST_BUILD)
    target_precompile_headers(porteiro_${name} REUSE_FROM porteiro_${headers_of})
  endif()
  # Most of the time goes into the templates that all sources use, so some share one compilation: the
  # names in their anonymous namespaces must differ within a module.
  set_target_properties(porteiro_${name} PROPERTIES UNITY_BUILD ${PORTEIRO_FAST_BUILD} UNITY_BUILD_BATCH_SIZE 8)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${name}/*_test.cpp)
  if(tests AND PORTEIRO_TESTS)
    porteiro_test(${name}_tests SOURCES ${tests} DEPS ${name})
  endif()
endfunction()

# porteiro_test(NAME SOURCES … DEPS module … [LABELS …]): a doctest executable and its ctest entry.
function(porteiro_test name)
  cmake_parse_arguments(T "" "" "SOURCES;DEPS;LABELS" ${ARGN})
  list(TRANSFORM T_DEPS PREPEND porteiro::)
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(${name} PRIVATE -O0)  # The test's own code need not be fast, but build fast.
  target_link_libraries(${name} PRIVATE porteiro_doctest_main porteiro::virtual_world ${T_DEPS})
  if(PORTEIRO_FAST_BUILD)
    target_precompile_headers(${name} REUSE_FROM porteiro_test_headers)
    target_link_libraries(${name} PRIVATE porteiro_test_headers)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT T_LABELS)
    set(T_LABELS unit)
    add_dependencies(unit_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT 300)
endfunction()
