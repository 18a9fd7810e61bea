#include "cli/memory_watch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

namespace forebay::cli {
namespace {

TEST(MemoryWatch, NoticesByItselfAndShowsItInTheMetrics) {
  std::string folder = (std::filesystem::temp_directory_path() / "forebay-watch-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const MemoryFiles files{.group_file = folder + "/self", .groups_folder = folder, .meminfo = folder + "/no", .statm = folder + "/no"};
  const auto use = [&](const std::string& bytes) {  // whole or not at all: the watch may read at any moment
    std::ofstream(folder + "/new") << bytes;
    std::filesystem::rename(folder + "/new", folder + "/memory.current");
  };
  std::ofstream(folder + "/self") << "0::/\n";
  std::ofstream(folder + "/memory.max") << "100\n";
  use("10");

  telemetry::Metrics metrics;
  telemetry::ServingMetrics serving(metrics);
  const ByteBudget budget(1000);
  PressureGauge gauge;
  std::promise<void> critical;
  std::promise<void> normal;
  const auto subscription = gauge.on_change([&](PressureLevel level) {
    if (level == PressureLevel::kCritical) critical.set_value();
    if (level == PressureLevel::kNormal) normal.set_value();
  });
  {
    MemoryWatch watch({.period = std::chrono::milliseconds(1)}, files, budget, gauge, serving);
    use("95");
    critical.get_future().wait();
    use("20");
    normal.get_future().wait();
  }
  EXPECT_NE(metrics.render().find("forebay_memory_pressure 0"), std::string::npos) << metrics.render();
  EXPECT_NE(metrics.render().find("forebay_memory_limit_bytes 100"), std::string::npos);
  EXPECT_NE(metrics.render().find("forebay_memory_used_bytes 20"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(MemoryWatch, EndsAtOnceHoweverLongItsPeriodIs) {
  telemetry::Metrics metrics;
  telemetry::ServingMetrics serving(metrics);
  const ByteBudget budget(1000);
  PressureGauge gauge;
  MemoryWatch watch({.period = std::chrono::hours(1)}, {}, budget, gauge, serving);
}

}  // namespace
}  // namespace forebay::cli
