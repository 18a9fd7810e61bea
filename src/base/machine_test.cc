#include "base/machine.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/sysinfo.h>

#include <thread>

namespace forebay {
namespace {

TEST(Machine, AllowsAtLeastOneCoreAndNoMoreThanThereAre) {
  EXPECT_GE(usable_cores(), 1u);
  EXPECT_LE(usable_cores(), std::thread::hardware_concurrency());
}

TEST(Machine, KnowsTheAffinityMask) {
  std::size_t cores = 0;
  std::jthread([&] {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof mask, &mask), 0);
    cores = usable_cores();
  }).join();
  EXPECT_EQ(cores, 1u);
}

TEST(Machine, AllowsSomeMemoryAndNoMoreThanThereIs) {
  struct sysinfo info{};
  ASSERT_EQ(::sysinfo(&info), 0);
  EXPECT_GT(usable_memory_bytes(), 1u << 20);
  EXPECT_LE(usable_memory_bytes(), std::uint64_t{info.totalram} * info.mem_unit);
}

}  // namespace
}  // namespace forebay
