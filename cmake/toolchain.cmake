# Compiler, linker and warnings: one interface target, project_options, that every room links privately.
add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(project_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror=unused-result -Werror=return-type
  -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Designated initialisers leave the rest at its default on purpose.
  target_compile_options(project_options INTERFACE -Wno-missing-field-initializers -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
else()
  # The same, and __COUNTER__, which clang 22 calls an extension of a C to come.
  target_compile_options(project_options INTERFACE
    -Wno-missing-designated-field-initializers -Wno-missing-field-initializers -Wno-c2y-extensions)
endif()

if(FOREBAY_SANITIZE)
  # With sanitizers g++ takes its own instrumentation of std::function for uninitialised reads.
  target_compile_options(project_options INTERFACE -O1 -g1 $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> -fsanitize=${FOREBAY_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(project_options INTERFACE -fsanitize=${FOREBAY_SANITIZE})
endif()
if(FOREBAY_FUZZ)
  target_compile_options(project_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(BUILD_SHARED_LIBS)
  # A room that calls what it did not declare fails at link time here; static libraries would let it pass.
  add_link_options(-Wl,-z,defs)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  set(CMAKE_LINKER_TYPE MOLD)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(FOREBAY_PRECOMPILED_HEADERS "Share one precompiled set of standard headers" ON)
