#include "base/memory_pressure.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "base/synchronized.h"

namespace forebay {

namespace {

constexpr std::size_t kGroupsMax = 32;  // nested ones that are looked at
constexpr std::size_t kStatLinesMax = 1'000;
constexpr std::size_t kSharesKept = 8;
constexpr double kRise = 0.01;

// The number in a file of one line; nothing for "max" and for no file.
std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

// The number after `key` at the beginning of a line.
std::optional<std::uint64_t> number_after(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  for (std::size_t i = 0; i < kStatLinesMax && std::getline(file, line); ++i) {
    if (!line.starts_with(key)) continue;
    std::istringstream rest(line.substr(key.size()));
    std::uint64_t number = 0;
    if (rest >> number) return number;
  }
  return std::nullopt;
}

struct GroupFiles {
  const char* used;
  std::vector<const char*> limits;
  const char* droppable;  // in memory.stat
};

std::optional<MemoryReading> read_group(const std::string& folder, const GroupFiles& names) {
  const auto used = number_in(folder + "/" + names.used);
  if (!used) return std::nullopt;
  auto limit = std::numeric_limits<std::uint64_t>::max();
  for (const char* name : names.limits) limit = std::min(limit, number_in(folder + "/" + name).value_or(limit));
  // v1 writes "no limit" as the largest multiple of a page.
  if (limit == 0 || limit >= std::uint64_t{1} << 60) return std::nullopt;
  const auto droppable = number_after(folder + "/memory.stat", names.droppable).value_or(0);
  return MemoryReading{*used - std::min(*used, droppable), limit, "cgroup"};
}

void keep_fuller(std::optional<MemoryReading>& fullest, const std::optional<MemoryReading>& other) {
  if (other && (!fullest || other->share() > fullest->share())) fullest = other;
}

// From the group itself up to the root that is mounted: any of them may be the one that is full. A folder that is not there (the path is
// the host's, the mount the container's) is passed over.
std::optional<MemoryReading> read_groups(const std::string& root, std::string path, const GroupFiles& names) {
  std::optional<MemoryReading> fullest;
  if (path.find("..") != std::string::npos) path = "/";
  for (std::size_t i = 0; i < kGroupsMax; ++i) {
    while (path.ends_with('/')) path.pop_back();
    keep_fuller(fullest, read_group(root + path, names));
    if (path.empty()) break;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  return fullest;
}

std::optional<MemoryReading> read_cgroups(const MemoryFiles& files) {
  std::optional<MemoryReading> fullest;
  std::ifstream groups(files.group_file);
  std::string line;  // "0::/path" of version 2, "7:memory:/path" of version 1
  for (std::size_t i = 0; i < kGroupsMax && std::getline(groups, line); ++i) {
    const auto first = line.find(':');
    const auto second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      keep_fuller(fullest, read_groups(files.groups_folder, path, {"memory.current", {"memory.max", "memory.high"}, "inactive_file "}));
    } else if (controllers.find(",memory,") != std::string::npos) {
      keep_fuller(fullest, read_groups(files.groups_folder + "/memory", path,
                                       {"memory.usage_in_bytes", {"memory.limit_in_bytes"}, "total_inactive_file "}));
    }
  }
  return fullest;
}

// The second number of statm, in pages.
std::optional<std::uint64_t> resident_bytes(const MemoryFiles& files) {
  std::ifstream statm(files.statm);
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (!(statm >> all >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
}

void trim_heap() { malloc_trim(0); }

}  // namespace

std::string_view name_of(PressureLevel level) {
  switch (level) {
    case PressureLevel::kNormal:
      return "normal";
    case PressureLevel::kElevated:
      return "elevated";
    case PressureLevel::kCritical:
      return "critical";
  }
  return "normal";
}

std::optional<MemoryReading> read_memory(const MemoryFiles& files, std::uint64_t limit_bytes) {
  auto fullest = read_cgroups(files);
  const auto resident = resident_bytes(files);
  if (!resident) return fullest;
  if (const auto available = number_after(files.meminfo, "MemAvailable:"))  // in KiB
    keep_fuller(fullest, MemoryReading{*resident, *resident + *available * 1024, "machine"});
  if (limit_bytes != 0) keep_fuller(fullest, MemoryReading{*resident, limit_bytes, "setting"});
  return fullest;
}

PressureLevel PressureJudge::judge(double memory_share, double budget_share) {
  const auto lowest = shares_.empty() ? memory_share : std::ranges::min(shares_);
  rising_ = memory_share >= lowest + kRise;
  shares_.push_back(memory_share);
  if (shares_.size() > kSharesKept) shares_.pop_front();

  if (memory_share >= options_.critical_at || (memory_ == PressureLevel::kCritical && memory_share >= options_.critical_until))
    memory_ = PressureLevel::kCritical;
  else if (memory_share >= options_.elevated_at || (memory_ != PressureLevel::kNormal && memory_share >= options_.elevated_until))
    memory_ = PressureLevel::kElevated;
  else
    memory_ = PressureLevel::kNormal;

  budget_elevated_ = budget_share >= (budget_elevated_ ? options_.budget_elevated_until : options_.budget_elevated_at);
  return std::max(memory_, budget_elevated_ ? PressureLevel::kElevated : PressureLevel::kNormal);
}

struct PressureGauge::Listeners {
  struct Listed {
    std::map<std::uint64_t, std::function<void(PressureLevel)>> by_id;
    std::uint64_t next_id = 1;
  };
  Synchronized<Listed> listed;
};

struct PressureGauge::Subscription::Entry {
  Entry(std::shared_ptr<Listeners> at, std::uint64_t number) : listeners(std::move(at)), id(number) {}
  ~Entry() {
    auto listed = listeners->listed.lock();
    listed->by_id.erase(id);
  }
  std::shared_ptr<Listeners> listeners;
  std::uint64_t id;
};

PressureGauge::Subscription::Subscription() = default;
PressureGauge::Subscription::Subscription(Subscription&&) noexcept = default;
PressureGauge::Subscription& PressureGauge::Subscription::operator=(Subscription&&) noexcept = default;
PressureGauge::Subscription::~Subscription() = default;

PressureGauge::PressureGauge() : listeners_(std::make_shared<Listeners>()) {}

PressureGauge::Subscription PressureGauge::on_change(std::function<void(PressureLevel)> then) const {
  auto listed = listeners_->listed.lock();
  const auto id = listed->next_id++;
  listed->by_id.emplace(id, std::move(then));
  Subscription subscription;
  subscription.entry_ = std::make_unique<Subscription::Entry>(listeners_, id);
  return subscription;
}

void PressureGauge::set(PressureLevel level, bool rising, const MemoryReading& reading) {
  rising_.store(rising, std::memory_order_relaxed);
  used_bytes_.store(reading.used_bytes, std::memory_order_relaxed);
  limit_bytes_.store(reading.limit_bytes, std::memory_order_relaxed);
  if (level_.exchange(level) == level) return;
  auto listed = listeners_->listed.lock();
  for (const auto& [id, then] : listed->by_id) then(level);
}

PressureSampler::PressureSampler(const PressureOptions& options, MemoryFiles files, const ByteBudget& budget, PressureGauge& gauge,
                                 std::function<void()> give_back)
    : options_(options),
      files_(std::move(files)),
      budget_(budget),
      gauge_(gauge),
      give_back_(give_back ? std::move(give_back) : trim_heap),
      judge_(options) {}

void PressureSampler::sample() {
  const auto reading = read_memory(files_, options_.limit_bytes).value_or(MemoryReading{});
  const double held = budget_.bytes_max() == 0 ? 0 : static_cast<double>(budget_.bytes_held()) / static_cast<double>(budget_.bytes_max());
  const auto before = gauge_.level();
  const auto level = judge_.judge(reading.share(), held);
  gauge_.set(level, judge_.rising(), reading);
  // After the listeners have let go of what they can.
  if (level != before) give_back_();
}

}  // namespace forebay
