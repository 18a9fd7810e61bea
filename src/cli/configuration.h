// The whole configuration: one typed tree, composed from the rooms' options. Every leaf has a row in setting_rules.cc.
// Threads: immutable once loaded. Owner: the command that runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "accounts/accounts_options.h"
#include "base/log.h"
#include "base/memory_pressure.h"
#include "http/http_options.h"
#include "models/models_options.h"

namespace forebay::cli {

struct MemoryOptions {
  std::uint64_t budget_bytes = 0;  // 0: 80 % of the smaller of the machine's memory and the cgroup's limit
  PressureOptions pressure;
};

struct ShutdownOptions {
  std::chrono::milliseconds drain_timeout{30'000};
  std::chrono::milliseconds stop_timeout{10'000};
};

struct ThreadOptions {
  std::uint32_t background = 2;  // loads
  std::uint32_t request = 2;     // templates, tokenizing, decoding images
};

// One model to serve.
struct ModelEntry {
  std::string name;  // empty: the file's stem
  std::string path;
  bool operator==(const ModelEntry&) const = default;
};

struct Configuration {
  forebay::http::HttpOptions http;
  forebay::accounts::AccountsOptions accounts;
  forebay::models::ModelsOptions models;
  std::vector<ModelEntry> models_served;
  std::string models_folder;  // every model in it is served
  MemoryOptions memory;
  ThreadOptions threads;
  forebay::log::LogOptions log;
  ShutdownOptions shutdown;
};

}  // namespace forebay::cli
