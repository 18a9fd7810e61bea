# room(name USES … PUBLIC … SOURCES … [FAKES …] [TESTS …] [FUZZ …] [BENCH …] [PROGRAM …] [LINKS …])
#   USES     rooms below; refused when architecture.cmake does not allow them
#   PUBLIC   headers that rooms above may include
#   SOURCES  the room's own files, headers included
#   FAKES    what the room publishes for the tests of others, in testing/
#   TESTS    *_test.cc, one binary <name>_test
#   FUZZ     *_fuzz.cc, one libFuzzer target each; over its corpus in tests/corpora it is an ordinary test too
#   PROGRAM  main.cc of the room's program, which room() leaves to the room's CMakeLists: it must not be in the library
#   LINKS    foreign libraries
set(TEST_LIBRARIES GTest::gtest GTest::gmock GTest::gtest_main)
if(TARGET rapidcheck)
  list(APPEND TEST_LIBRARIES rapidcheck)
endif()

function(share_precompiled_headers target)
  if(NOT FOREBAY_PRECOMPILED_HEADERS)
    return()
  elseif(target STREQUAL "room_base")
    target_precompile_headers(room_base PRIVATE ${PROJECT_SOURCE_DIR}/cmake/standard_headers.h)
  else()
    target_precompile_headers(${target} REUSE_FROM room_base)
  endif()
endfunction()

function(room name)
  cmake_parse_arguments(PARSE_ARGV 1 R "" "" "USES;PUBLIC;SOURCES;FAKES;TESTS;FUZZ;BENCH;PROGRAM;LINKS")
  if(R_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "room '${name}': unknown arguments ${R_UNPARSED_ARGUMENTS}")
  endif()
  set(allowed)
  set(fakes)
  foreach(dep IN LISTS R_USES)
    if(NOT dep IN_LIST MAY_USE_${name})
      message(FATAL_ERROR "room '${name}' may not use '${dep}': see cmake/architecture.cmake")
    elseif(NOT TARGET room_${dep})
      message(FATAL_ERROR "room '${name}' uses '${dep}' before it exists: a cycle, or ROOMS is out of order")
    endif()
    get_target_property(visible room_${dep} ROOM_VISIBLE)
    list(APPEND allowed ${visible})
    if(TARGET room_${dep}_fakes)
      list(APPEND fakes room_${dep}_fakes)
    endif()
  endforeach()

  file(GLOB_RECURSE on_disk RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.h *.cc)
  set(orphans ${on_disk})
  list(REMOVE_ITEM orphans ${R_PUBLIC} ${R_SOURCES} ${R_FAKES} ${R_TESTS} ${R_FUZZ} ${R_BENCH} ${R_PROGRAM})
  if(orphans)  # A test that nothing builds is a test that nobody runs.
    message(FATAL_ERROR "room '${name}' has files that nothing builds: ${orphans}")
  endif()

  list(TRANSFORM on_disk PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/includes.ok)
  add_custom_command(OUTPUT ${stamp} VERBATIM
    DEPENDS ${on_disk} ${PROJECT_SOURCE_DIR}/cmake/architecture.cmake ${PROJECT_SOURCE_DIR}/cmake/check_includes.cmake
    COMMAND ${CMAKE_COMMAND} "-DROOM=${name}" "-DFOLDER=${CMAKE_CURRENT_SOURCE_DIR}" "-DFILES=${on_disk}" "-DALLOWED=${allowed}"
            "-DOWNS=${OWNS_${name}}" "-DFOREIGN=${FOREIGN}" "-DSOURCES_ONLY=${EVERYWHERE_IN_SOURCES}"
            -P ${PROJECT_SOURCE_DIR}/cmake/check_includes.cmake
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    COMMENT "checking the includes of ${name}")

  list(TRANSFORM R_USES PREPEND room_ OUTPUT_VARIABLE uses)
  add_library(room_${name} ${R_SOURCES} ${stamp})
  target_sources(room_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${R_PUBLIC})
  # Everything in .cc files: rooms above see our headers, not our libraries. Link order still carries them.
  target_link_libraries(room_${name} PRIVATE project_options ${R_LINKS} fmt::fmt spdlog::spdlog glaze::glaze Threads::Threads PUBLIC ${uses})
  share_precompiled_headers(room_${name})
  set(visible ${R_PUBLIC} ${R_FAKES})
  list(TRANSFORM visible PREPEND ${name}/)
  # No <target>_EXPORTS: a macro that differs from room to room would keep shared rooms from sharing the precompiled headers.
  set_target_properties(room_${name} PROPERTIES ROOM_VISIBLE "${visible}" DEFINE_SYMBOL "")

  if(R_FAKES AND FOREBAY_TESTS)
    add_library(room_${name}_fakes STATIC ${R_FAKES})
    set_target_properties(room_${name}_fakes PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(room_${name}_fakes PUBLIC room_${name} ${fakes} PRIVATE project_options fmt::fmt spdlog::spdlog)
    share_precompiled_headers(room_${name}_fakes)
  endif()

  if(R_TESTS AND FOREBAY_TESTS)
    add_executable(${name}_test ${R_TESTS})
    set(own_fakes)
    if(R_FAKES)
      set(own_fakes room_${name}_fakes)
    endif()
    target_link_libraries(${name}_test PRIVATE project_options ${own_fakes} room_${name} ${fakes} ${uses} ${R_LINKS} ${TEST_LIBRARIES}
      fmt::fmt spdlog::spdlog glaze::glaze)
    target_compile_definitions(${name}_test PRIVATE
      FOREBAY_EXAMPLE_MODELS="${PROJECT_SOURCE_DIR}/examples/models" FOREBAY_CORPORA="${PROJECT_SOURCE_DIR}/tests/corpora")
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()

  foreach(source IN LISTS R_FUZZ)
    get_filename_component(target ${source} NAME_WE)
    if(FOREBAY_FUZZ)
      add_executable(${target} ${source})
      set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    elseif(FOREBAY_TESTS)
      string(REGEX REPLACE "_fuzz$" "" corpus ${target})
      add_executable(${target} ${source} ${PROJECT_SOURCE_DIR}/tests/house/replay_corpus.cc)
      add_test(NAME ${target} COMMAND ${target} ${PROJECT_SOURCE_DIR}/tests/corpora/${corpus})
    else()
      continue()
    endif()
    target_link_libraries(${target} PRIVATE project_options room_${name} ${uses} fmt::fmt)
    target_compile_definitions(${target} PRIVATE FOREBAY_EXAMPLE_MODELS="${PROJECT_SOURCE_DIR}/examples/models")
  endforeach()

  foreach(source IN LISTS R_BENCH)
    get_filename_component(target ${source} NAME_WE)
    if(NOT FOREBAY_SANITIZE)
      find_package(benchmark REQUIRED)
      add_executable(${target} EXCLUDE_FROM_ALL ${source})
      target_link_libraries(${target} PRIVATE project_options room_${name} ${uses} fmt::fmt benchmark::benchmark_main)
    endif()
  endforeach()
endfunction()
