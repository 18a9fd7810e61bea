# Every foreign library, found once. Which room may include which is said in architecture.cmake.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(glaze REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)

if(FOREBAY_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck QUIET)
endif()
