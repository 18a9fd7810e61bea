// What a source of configuration says, flattened: one entry a value, with the place it stands at.
// Threads: plain data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::cli {

enum class EntryKind : std::uint8_t {
  kPlain,  // unquoted: a number, true, a word
  kText,   // a quoted string
  kNull,   // nothing
  kList,   // a list begins and replaces what lower layers said; its items follow as path[0], path[1].name, …
};

struct Entry {
  std::string path;  // "http.port"
  std::string text;
  EntryKind kind = EntryKind::kPlain;
  std::string origin;  // "forebay.yaml:3", "environment FOREBAY_HTTP_PORT", "--port"
};

// One source; later layers win.
struct Layer {
  std::filesystem::path folder;  // where relative paths in it start; empty: the working directory
  std::vector<Entry> entries;
};

struct FileLimits {
  std::size_t bytes_max = 1 << 20;
  std::size_t depth_max = 16;
  std::size_t entries_max = 10'000;
};

// YAML 1.2 (and so JSON) and TOML 1.0. `name` is what origins call the file. Keys are names of [A-Za-z0-9_-]; anchors, aliases, tags, dates
// and several documents are refused. kConfigurationSyntax with the line, kConfigurationTooLarge, kDuplicateSetting.
Result<std::vector<Entry>> flatten_yaml(std::string_view text, const std::string& name, const FileLimits& limits = {});
Result<std::vector<Entry>> flatten_toml(std::string_view text, const std::string& name, const FileLimits& limits = {});
// By the file's extension; kConfigurationFormat for any other than .yaml, .yml, .json and .toml, and the errors of opening.
Result<Layer> flatten_file(const std::filesystem::path& file, const FileLimits& limits = {});

}  // namespace forebay::cli
