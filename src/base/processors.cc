#include "base/processors.h"

#include <fmt/format.h>
#include <sched.h>

#include <fstream>
#include <memory>

namespace forebay {

namespace {
// The first line of /proc/cpuinfo that begins so, after its colon.
std::string cpuinfo(std::string_view beginning) {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(beginning) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

constexpr std::size_t kProcessorsMax = 8'192;  // what the kernel can be built for
struct SetDeleter {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using SetPointer = std::unique_ptr<cpu_set_t, SetDeleter>;
SetPointer empty_set() {
  SetPointer set(CPU_ALLOC(kProcessorsMax));
  CPU_ZERO_S(CPU_ALLOC_SIZE(kProcessorsMax), set.get());
  return set;
}
}  // namespace

std::string processor_name() {
  const std::string name = cpuinfo("model name");
  return name.empty() ? "CPU" : name;
}

std::string processor_identity() {
  const std::string sets = cpuinfo("flags");  // "Features" on ARM
  return fmt::format("{}: {}", processor_name(), sets.empty() ? cpuinfo("Features") : sets);
}

Processors usable_processors() {
  const SetPointer set = empty_set();
  Processors processors;
  if (::sched_getaffinity(0, CPU_ALLOC_SIZE(kProcessorsMax), set.get()) != 0) return processors;
  for (std::uint32_t number = 0; number < kProcessorsMax; ++number)
    if (CPU_ISSET_S(number, CPU_ALLOC_SIZE(kProcessorsMax), set.get())) processors.push_back(number);
  return processors;
}

bool keep_thread_on(std::span<const std::uint32_t> processors) {
  if (processors.empty()) return true;
  const SetPointer set = empty_set();
  for (const std::uint32_t number : processors)
    if (number < kProcessorsMax) CPU_SET_S(number, CPU_ALLOC_SIZE(kProcessorsMax), set.get());
  return ::sched_setaffinity(0, CPU_ALLOC_SIZE(kProcessorsMax), set.get()) == 0;
}

std::string to_text(std::span<const std::uint32_t> processors) {
  std::string text;
  for (std::size_t i = 0; i < processors.size();) {
    std::size_t end = i + 1;
    while (end < processors.size() && processors[end] == processors[end - 1] + 1) ++end;
    text += text.empty() ? "" : ",";
    text += end - i == 1 ? fmt::to_string(processors[i]) : fmt::format("{}-{}", processors[i], processors[end - 1]);
    i = end;
  }
  return text;
}

ProcessorsScope::ProcessorsScope(std::span<const std::uint32_t> processors) {
  if (processors.empty()) return;
  auto before = usable_processors();
  if (keep_thread_on(processors)) before_ = std::move(before);
}

ProcessorsScope::~ProcessorsScope() { keep_thread_on(before_); }

}  // namespace forebay
