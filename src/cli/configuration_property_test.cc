// Numbered properties of the catalog, with random layers and random mistakes.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <map>
#include <sstream>

#include "cli/environment.h"
#include "cli/setting_slots.h"
#include "cli/setting_value.h"
#include "cli/testing/configuration_folder.h"

namespace forebay::cli {
namespace {

// A setting with ways to write values that are right for it.
struct Probe {
  const char* path;
  std::vector<std::string> values;
};
const std::array kProbes = {
    Probe{"http.port", {"1", "80", "65535", "0"}},
    Probe{"http.request_timeout", {"30s", "250ms", "5m"}},
    Probe{"http.body_bytes_max", {"8MiB", "1GiB", "70000"}},
    Probe{"http.host", {"::1", "10.0.0.1", "localhost"}},
    Probe{"models.warm", {"true", "false"}},
    Probe{"models.backend", {"cpu", "auto", "dnnl,cpu"}},
    Probe{"models.generation.sequences_max", {"1", "16", "256"}},
    Probe{"models.tensors.admission.queue_requests_max", {"1", "77", "1000000"}},
    Probe{"log.level", {"debug", "error", "off"}},
};

std::string as_yaml(const std::map<std::string, std::string>& values) {
  std::map<std::string, std::string> sections;
  std::string out;
  // One flow mapping a setting would repeat sections, so nest by hand.
  struct Node {
    std::map<std::string, Node> below;
    std::string value;
  };
  Node root;
  for (const auto& [path, value] : values) {
    Node* node = &root;
    std::string_view rest = path;
    while (true) {
      const auto dot = rest.find('.');
      node = &node->below[std::string(rest.substr(0, dot))];
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
    node->value = value;
  }
  const auto write = [&](const auto& self, const Node& node, int depth) -> void {
    for (const auto& [name, child] : node.below) {
      out += fmt::format("{:{}}{}:{}\n", "", depth * 2, name,
                         child.below.empty() ? " " + (child.value.starts_with(':') ? '"' + child.value + '"' : child.value) : "");
      self(self, child, depth + 1);
    }
  };
  write(write, root, 0);
  return out;
}

std::string value_of(Configuration& configuration, const std::string& path) {
  for (const auto& slot : slots_of(configuration))
    if (slot.path == path) return render_value(slot);
  return {};
}

TEST(Property26, TheLastLayerThatSaysSomethingWins) {
  const Folder folder;
  EXPECT_TRUE(rc::check("precedence of layers", [&] {
    // Layers 0 to 4: system, user, project, environment, flags. The naive model: a map that each layer writes into.
    std::map<std::string, std::string> expected;
    std::map<std::string, int> winner;
    std::array<std::map<std::string, std::string>, 5> layers;
    for (int layer = 0; layer < 5; ++layer) {
      for (const auto& probe : kProbes) {
        if (!*rc::gen::arbitrary<bool>()) continue;
        layers[layer][probe.path] = expected[probe.path] = *rc::gen::elementOf(probe.values);
        winner[probe.path] = layer;
      }
    }
    folder.write("system/config.yaml", as_yaml(layers[0]));
    folder.write("user/config.yml", as_yaml(layers[1]));
    ConfigurationSources sources;
    sources.system_folder = folder.path() / "system";
    sources.user_folder = folder.path() / "user";
    sources.file = folder.write("project.yaml", as_yaml(layers[2]));
    for (const auto& [path, value] : layers[3]) sources.environment.emplace_back(environment_name(path), value);
    for (const auto& [path, value] : layers[4]) sources.flags.push_back({path, value, EntryKind::kPlain, "--" + path});

    auto loaded = load_configuration(sources);
    RC_ASSERT(loaded.has_value());
    Configuration model;
    for (const auto& slot : slots_of(model))
      if (const auto found = expected.find(slot.path); found != expected.end())
        RC_ASSERT(set_value(slot, {slot.path, found->second, EntryKind::kPlain, ""}).has_value());
    for (const auto& slot : slots_of(model)) {
      RC_ASSERT(value_of(loaded->values, slot.path) == render_value(slot));
      const auto origin = loaded->origins.find(slot.path);
      RC_ASSERT((origin == loaded->origins.end()) == !winner.contains(slot.path));
      if (origin == loaded->origins.end()) continue;
      constexpr std::array<std::string_view, 5> kMarks = {"system/config.yaml:", "user/config.yml:", "project.yaml:", "environment ", "--"};
      RC_ASSERT(origin->second.find(kMarks[winner[slot.path]]) != std::string::npos);
    }
  }));
}

TEST(Property27, EveryInvalidValueIsRefusedWithFileAndLine) {
  const Folder folder;
  static const std::map<std::string, std::vector<std::string>> kInvalid = {
      {"http.port", {"-1", "65536", "1e3", "port", "\"80\"", "80 81", "0x50", "[80]", "{a: 1}", "", "18446744073709551616"}},
      {"http.request_timeout", {"30", "-30s", "0.5", "30 y", "s", "25h1", "2d", "true", "[]"}},
      {"http.body_bytes_max", {"-1", "1", "1.5MiB", "MiB", "64 mib", "1PiB", "true"}},
      {"http.host", {"\"\"", "a/b", "a b", "[x]", "'\"'"}},
      {"models.warm", {"yes", "on", "2"}},
      {"models.backend", {"\"\"", "cpu,", ",cpu", "a b", "cpu,,dnnl"}},
      {"models.generation.sequences_max", {"0", "257", "1.0", "many"}},
      {"models.tensors.admission.queue_requests_max", {"0", "1000001", "~"}},
      {"log.level", {"verbose", "2", "\"\""}},
      {"no.such.setting", {"1"}},
  };
  EXPECT_TRUE(rc::check("invalid values", [&] {
    std::map<std::string, std::string> values;
    for (const auto& probe : kProbes)
      if (*rc::gen::arbitrary<bool>()) values[probe.path] = *rc::gen::elementOf(probe.values);
    std::vector<std::string> paths;
    for (const auto& [path, ignored] : kInvalid) paths.push_back(path);
    const std::string path = *rc::gen::elementOf(paths);
    values[path] = *rc::gen::elementOf(kInvalid.at(path));
    const std::string content = as_yaml(values);
    // The line that as_yaml gave the bad value: the last name of its path, at its depth.
    auto loaded = load_configuration(with_file(folder.write("bad.yaml", content)));
    RC_LOG() << content;
    RC_ASSERT(!loaded.has_value());
    RC_ASSERT(loaded.error().size() == 1U);
    const Error& error = loaded.error().front();
    RC_LOG() << error.message();
    const auto colon = error.message().find("bad.yaml:");
    RC_ASSERT(colon != std::string::npos);
    const int line = std::stoi(error.message().substr(colon + 9));
    std::istringstream lines(content);
    std::string text;
    for (int i = 0; i < line; ++i) std::getline(lines, text);
    RC_ASSERT(text.find(path.substr(path.rfind('.') + 1) + ":") != std::string::npos);
  }));
}

}  // namespace
}  // namespace forebay::cli
