#include "base/memory_pressure.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace forebay {
namespace {

constexpr std::uint64_t kMib = 1 << 20;

// A machine made of files.
class FakeMachine {
 public:
  FakeMachine() {
    std::string pattern = (std::filesystem::temp_directory_path() / "forebay-memory-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    files.group_file = root_ / "self";
    files.groups_folder = root_ / "groups";
    files.meminfo = root_ / "meminfo";
    files.statm = root_ / "statm";
  }
  ~FakeMachine() { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const auto file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void machine(std::uint64_t resident_mib, std::uint64_t available_mib) const {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
    write("statm", "99999999 " + std::to_string(resident_mib * kMib / page) + " 12 3 0 4 0\n");
    write("meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   " + std::to_string(available_mib * 1024) + " kB\n");
  }
  void group(const std::string& path, const std::string& current, const std::string& max, const std::string& high = "max",
             const std::string& stat = "anon 1\ninactive_file 0\n") const {
    write("groups" + path + "/memory.current", current + "\n");
    write("groups" + path + "/memory.max", max + "\n");
    write("groups" + path + "/memory.high", high + "\n");
    write("groups" + path + "/memory.stat", stat);
  }

  MemoryFiles files;

 private:
  std::filesystem::path root_;
};

TEST(MemoryReading, OfAVersion2GroupLeavesOutWhatTheKernelDropsFirst) {
  const FakeMachine machine;
  machine.write("self", "0::/app\n");
  machine.group("/app", "1000", "2000", "max", "anon 5\ninactive_file 400\nactive_file 7\n");
  const auto reading = read_memory(machine.files).value();
  EXPECT_EQ(reading.used_bytes, 600U);
  EXPECT_EQ(reading.limit_bytes, 2000U);
  EXPECT_EQ(reading.limited_by, "cgroup");
  EXPECT_DOUBLE_EQ(reading.share(), 0.3);
}

TEST(MemoryReading, TakesTheSmallerOfMaxAndHigh) {
  const FakeMachine machine;
  machine.write("self", "0::/app\n");
  machine.group("/app", "900", "2000", "1000");
  EXPECT_EQ(read_memory(machine.files)->limit_bytes, 1000U);
  machine.group("/app", "900", "max", "1200");
  EXPECT_EQ(read_memory(machine.files)->limit_bytes, 1200U);
}

TEST(MemoryReading, FindsTheFullestOfTheNestedGroups) {
  const FakeMachine machine;
  machine.write("self", "0::/slice/pod/app\n");
  machine.group("/slice/pod/app", "100", "1000");
  machine.group("/slice/pod", "900", "1000");
  machine.group("/slice", "900", "max");
  EXPECT_EQ(read_memory(machine.files)->used_bytes, 900U);
  EXPECT_DOUBLE_EQ(read_memory(machine.files)->share(), 0.9);
}

TEST(MemoryReading, OfAContainerWhosePathIsTheHostsUsesTheMountsRoot) {
  const FakeMachine machine;
  machine.write("self", "0::/docker/0123\n");
  machine.group("", "500", "1000");
  EXPECT_DOUBLE_EQ(read_memory(machine.files)->share(), 0.5);
  machine.write("self", "0::/../other\n");
  EXPECT_DOUBLE_EQ(read_memory(machine.files)->share(), 0.5);
}

TEST(MemoryReading, OfAVersion1GroupKnowsItsWayOfSayingNoLimit) {
  const FakeMachine machine;
  machine.write("self", "12:cpu,cpuacct:/a\n7:memory:/app\n");
  machine.write("groups/memory/app/memory.usage_in_bytes", "800\n");
  machine.write("groups/memory/app/memory.limit_in_bytes", "1000\n");
  machine.write("groups/memory/app/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n");
  EXPECT_EQ(read_memory(machine.files)->used_bytes, 500U);
  machine.write("groups/memory/app/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(read_memory(machine.files));
}

TEST(MemoryReading, OfTheMachineCountsOwnMemoryAgainstWhatIsLeft) {
  const FakeMachine machine;
  machine.machine(300, 100);
  const auto reading = read_memory(machine.files).value();
  EXPECT_EQ(reading.limited_by, "machine");
  EXPECT_EQ(reading.used_bytes, 300 * kMib);
  EXPECT_DOUBLE_EQ(reading.share(), 0.75);
}

TEST(MemoryReading, TheSettingIsALimitBesideTheSystems) {
  const FakeMachine machine;
  machine.machine(300, 10'000);
  EXPECT_EQ(read_memory(machine.files, 400 * kMib)->limited_by, "setting");
  EXPECT_DOUBLE_EQ(read_memory(machine.files, 400 * kMib)->share(), 0.75);
  EXPECT_EQ(read_memory(machine.files, 40'000 * kMib)->limited_by, "machine");
}

TEST(MemoryReading, OfFilesThatMakeNoSenseIsNothing) {
  const FakeMachine machine;
  EXPECT_FALSE(read_memory(machine.files));
  machine.write("self", "nonsense\n0\n:\n::::\n0::/app\n");
  machine.write("statm", "what");
  machine.write("meminfo", "MemAvailable: much");
  machine.group("/app", "no number", "0");
  EXPECT_FALSE(read_memory(machine.files));
  machine.group("/app", "10", "0");
  EXPECT_FALSE(read_memory(machine.files));
}

TEST(MemoryReading, OfThisProcessIsThere) {
  const auto reading = read_memory({});
  ASSERT_TRUE(reading);
  EXPECT_GT(reading->used_bytes, 0U);
  EXPECT_GT(reading->limit_bytes, reading->used_bytes);
}

TEST(PressureJudge, EntersAndLeavesEachLevelAtItsThresholdsOnly) {
  PressureJudge judge({});
  using enum PressureLevel;
  EXPECT_EQ(judge.judge(0.79, 0), kNormal);
  EXPECT_EQ(judge.judge(0.80, 0), kElevated);
  EXPECT_EQ(judge.judge(0.75, 0), kElevated);
  EXPECT_EQ(judge.judge(0.74, 0), kNormal);
  EXPECT_EQ(judge.judge(0.92, 0), kCritical);
  EXPECT_EQ(judge.judge(0.88, 0), kCritical);
  EXPECT_EQ(judge.judge(0.87, 0), kElevated);
  EXPECT_EQ(judge.judge(0.91, 0), kElevated);
  EXPECT_EQ(judge.judge(0.95, 0), kCritical);
  EXPECT_EQ(judge.judge(0.10, 0), kNormal);
}

TEST(PressureJudge, AFullBudgetIsElevatedAndNeverCritical) {
  PressureJudge judge({});
  EXPECT_EQ(judge.judge(0, 0.97), PressureLevel::kNormal);
  EXPECT_EQ(judge.judge(0, 0.98), PressureLevel::kElevated);
  EXPECT_EQ(judge.judge(0, 1.0), PressureLevel::kElevated);
  EXPECT_EQ(judge.judge(0, 0.95), PressureLevel::kElevated);
  EXPECT_EQ(judge.judge(0, 0.94), PressureLevel::kNormal);
  EXPECT_EQ(judge.judge(0.92, 1.0), PressureLevel::kCritical);
}

TEST(PressureJudge, RisesWhenTheShareGrewByAHundredthLately) {
  PressureJudge judge({});
  judge.judge(0.50, 0);
  EXPECT_FALSE(judge.rising());
  judge.judge(0.505, 0);
  EXPECT_FALSE(judge.rising());
  judge.judge(0.52, 0);
  EXPECT_TRUE(judge.rising());
  for (int i = 0; i < 8; ++i) judge.judge(0.52, 0);
  EXPECT_FALSE(judge.rising());
  judge.judge(0.40, 0);
  EXPECT_FALSE(judge.rising());
}

TEST(PressureSampler, TellsEverybodyOfEachNewLevelOnceAndGivesMemoryBack) {
  const FakeMachine machine;
  machine.write("self", "0::/app\n");
  ByteBudget budget(1000);
  PressureGauge gauge;
  std::vector<PressureLevel> heard;
  int given_back = 0;
  auto subscription = gauge.on_change([&](PressureLevel level) { heard.push_back(level); });
  PressureSampler sampler({}, machine.files, budget, gauge, [&] { ++given_back; });

  machine.group("/app", "10", "100");
  sampler.sample();
  EXPECT_EQ(gauge.level(), PressureLevel::kNormal);
  machine.group("/app", "85", "100");
  sampler.sample();
  sampler.sample();
  EXPECT_EQ(gauge.level(), PressureLevel::kElevated);
  EXPECT_TRUE(gauge.rising());
  EXPECT_EQ(gauge.used_bytes(), 85U);
  EXPECT_EQ(gauge.limit_bytes(), 100U);
  machine.group("/app", "95", "100");
  sampler.sample();
  machine.group("/app", "10", "100");
  sampler.sample();
  using enum PressureLevel;
  EXPECT_EQ(heard, (std::vector{kElevated, kCritical, kNormal}));
  EXPECT_EQ(given_back, 3);

  const auto held = budget.reserve(990, "a cache");
  sampler.sample();
  EXPECT_EQ(gauge.level(), kElevated);
  subscription = {};
  gauge.set(kCritical);
  EXPECT_EQ(heard.size(), 4U);
}

TEST(PressureSampler, WithoutAnyFileNothingPresses) {
  FakeMachine machine;
  const ByteBudget budget(0);
  PressureGauge gauge;
  PressureSampler sampler({}, machine.files, budget, gauge);
  sampler.sample();
  EXPECT_EQ(gauge.level(), PressureLevel::kNormal);
}

}  // namespace
}  // namespace forebay
