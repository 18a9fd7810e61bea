#include "cli/configuration_layers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/configuration_documents.h"
#include "cli/environment.h"
#include "cli/errors.h"
#include "cli/setting_rules.h"
#include "cli/setting_slots.h"
#include "cli/setting_value.h"
#include "cli/testing/configuration_folder.h"

namespace forebay::cli {
namespace {

using ::testing::HasSubstr;

TEST(Configuration, HasTheDefaultsWhenNothingIsSet) {
  const auto loaded = must_load({});
  EXPECT_EQ(loaded.values.http.host, "127.0.0.1");
  EXPECT_EQ(loaded.values.http.port, 8080);
  EXPECT_TRUE(loaded.origins.empty());
}

TEST(Configuration, EverySettingHasOneRuleAndEveryRuleASetting) {
  Configuration configuration;
  std::map<std::string_view, int> used;
  for (const auto& slot : slots_of(configuration)) {
    const auto* rule = rule_of(slot.path);
    ASSERT_NE(rule, nullptr) << slot.path << " needs a row in setting_rules.cc";
    EXPECT_THAT(std::string(rule->description), ::testing::EndsWith(".")) << slot.path;
    ++used[rule->path];
  }
  for (const auto path : rule_paths()) EXPECT_GT(used[path], 0) << path << " is no setting";
}

TEST(Configuration, EveryDefaultIsWithinItsRangeAndReadsBack) {
  Configuration configuration;
  for (const auto& slot : slots_of(configuration)) {
    const std::string shown = render_value(slot);
    if (shown.starts_with('[')) continue;
    const bool quoted = shown.starts_with('"');
    const Entry entry{slot.path, quoted ? shown.substr(1, shown.size() - 2) : shown, quoted ? EntryKind::kText : EntryKind::kPlain,
                      "default"};
    if (slot.path == "models_folder") continue;  // Empty, which means none.
    const auto done = set_value(slot, entry);
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    EXPECT_EQ(render_value(slot), shown);
  }
}

TEST(Configuration, EveryEnvironmentNameIsUnique) {
  Configuration configuration;
  std::map<std::string, std::string> seen;
  for (const auto& slot : slots_of(configuration)) EXPECT_TRUE(seen.emplace(environment_name(slot.path), slot.path).second) << slot.path;
}

TEST(Configuration, ReadsYamlTomlAndJsonAlike) {
  const Folder folder;
  const std::array files = {
      folder.write("a.yaml",
                   "http:\n  port: 9000\n  request_timeout: 30s\n  body_bytes_max: 8MiB\n  cors_origins: [\"https://a.example\", \"*\"]\n"
                   "log: {level: debug}\nmodels:\n  warm: false\n  tensors:\n    queue_delay_max: 250us\n"),
      folder.write(
          "a.toml",
          "[http]\nport = 9000\nrequest_timeout = \"30s\"\nbody_bytes_max = \"8MiB\"\ncors_origins = [\"https://a.example\", \"*\"]\n"
          "[log]\nlevel = \"debug\"\n[models]\nwarm = false\ntensors.queue_delay_max = \"250us\"\n"),
      folder.write("a.json",
                   "{\"http\": {\"port\": 9000, \"request_timeout\": \"30s\", \"body_bytes_max\": 8388608,\n\t\"cors_origins\": "
                   "[\"https:\\/\\/a.example\", \"*\"]},\n"
                   " \"log\": {\"level\": \"debug\"}, \"models\": {\"warm\": false, \"tensors\": {\"queue_delay_max\": \"250us\"}}}\n"),
  };
  for (const auto& file : files) {
    const auto loaded = must_load(with_file(file));
    EXPECT_EQ(loaded.values.http.port, 9000) << file;
    EXPECT_EQ(loaded.values.http.request_timeout, std::chrono::seconds(30)) << file;
    EXPECT_EQ(loaded.values.http.body_bytes_max, 8U << 20) << file;
    EXPECT_THAT(loaded.values.http.cors_origins, ::testing::ElementsAre("https://a.example", "*")) << file;
    EXPECT_EQ(loaded.values.log.level, log::Level::kDebug) << file;
    EXPECT_FALSE(loaded.values.models.warm) << file;
    EXPECT_EQ(loaded.values.models.tensors.queue_delay_max, std::chrono::microseconds(250)) << file;
  }
}

TEST(Configuration, ModelsMayBeNamedInEveryForm) {
  const Folder folder;
  const auto file = folder.write(
      "a.yaml", "models_served:\n  - name: chat\n    path: chat.gguf\n  - digits.onnx\n  - wine=/abs/wine.onnx\nmodels_folder: more\n");
  const auto values = must_load(with_file(file)).values;
  const std::string base = folder.path().string();
  EXPECT_THAT(values.models_served, ::testing::ElementsAre(ModelEntry{"chat", base + "/chat.gguf"}, ModelEntry{"", base + "/digits.onnx"},
                                                           ModelEntry{"wine", "/abs/wine.onnx"}));
  EXPECT_EQ(values.models_folder, base + "/more");

  const auto toml = folder.write("b.toml", "[[models_served]]\nname = \"a\"\npath = \"/a.onnx\"\n[[models_served]]\npath = \"/b.onnx\"\n");
  EXPECT_THAT(must_load(with_file(toml)).values.models_served,
              ::testing::ElementsAre(ModelEntry{"a", "/a.onnx"}, ModelEntry{"", "/b.onnx"}));
}

TEST(Configuration, AListReplacesTheListOfALowerLayer) {
  const Folder folder;
  ConfigurationSources sources =
      with_file(folder.write("a.yaml", "http:\n  cors_origins: [\"https://a.example\", \"https://b.example\"]\n"));
  sources.environment = {{"FOREBAY_HTTP_CORS_ORIGINS", "https://c.example, https://d.example"}};
  EXPECT_THAT(must_load(sources).values.http.cors_origins, ::testing::ElementsAre("https://c.example", "https://d.example"));
}

TEST(Configuration, ReadsTheSystemUserAndProjectFolders) {
  const Folder folder;
  folder.write("system/config.toml", "[http]\nport = 1001\nhost = \"10.0.0.1\"\n[log]\nlevel = \"error\"\n");
  folder.write("user/config.yaml", "http:\n  port: 1002\n  host: 10.0.0.2\n");
  folder.write("project/forebay.json", "{\"http\": {\"port\": 1003}}");
  ConfigurationSources sources;
  sources.system_folder = folder.path() / "system";
  sources.user_folder = folder.path() / "user";
  sources.project_folder = folder.path() / "project";
  const auto loaded = must_load(sources);
  EXPECT_EQ(loaded.values.http.port, 1003);
  EXPECT_EQ(loaded.values.http.host, "10.0.0.2");
  EXPECT_EQ(loaded.values.log.level, log::Level::kError);
  EXPECT_THAT(loaded.origins.at("http.host"), ::testing::EndsWith("user/config.yaml:3"));
  EXPECT_EQ(loaded.files.size(), 3U);
}

TEST(Configuration, RefusesTwoFilesInOneFolder) {
  const Folder folder;
  folder.write("forebay.yaml", "");
  folder.write("forebay.toml", "");
  ConfigurationSources sources;
  sources.project_folder = folder.path();
  const auto loaded = load_configuration(sources);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().front().code(), kConfigurationAmbiguous);
}

TEST(Configuration, AnEmptyFileChangesNothing) {
  const Folder folder;
  for (const auto* content : {"", "# only a comment\n", "---\n", "http:\n", "{}"}) {
    EXPECT_TRUE(load_configuration(with_file(folder.write("a.yaml", content)))) << content;
  }
  EXPECT_TRUE(load_configuration(with_file(folder.write("a.toml", "[http]\n"))));
  // Characters beyond ASCII in every kind of string, and in comments.
  const auto strings = folder.write("a.toml", R"toml(# é
[[models_served]]
name = """é"""""
path = '/é' # é
[[models_served]]
name = "\"é"
path = '''/é'''
)toml");
  EXPECT_EQ(must_load(with_file(strings)).values.models_served, (std::vector<ModelEntry>{{"é\"\"", "/é"}, {"\"é", "/é"}}));
}

TEST(Configuration, PathsStartAtTheFileThatNamesThem) {
  const Folder folder;
  const auto values =
      must_load(with_file(folder.write("a.yaml",
                                       "models_folder: more\nmodels_served: [a.onnx, \"b=../b.onnx\"]\nmodels:\n  cache:\n    path: kept\n"
                                       "  generation:\n    cache:\n      disk_path: ./states\n  adapters: [\"org/m/style=lora.gguf\", "
                                       "\"m/other=/abs.gguf\"]\n")))
          .values;
  const std::string base = folder.path().string();
  EXPECT_EQ(values.models.cache.path, base + "/kept");
  EXPECT_EQ(values.models.generation.cache.disk_path, base + "/states");
  EXPECT_THAT(values.models.adapters, ::testing::ElementsAre("org/m/style=" + base + "/lora.gguf", "m/other=/abs.gguf"));
  EXPECT_EQ(values.models_served[1], (ModelEntry{"b", (folder.path().parent_path() / "b.onnx").string()}));
}

TEST(Configuration, WhatIsShownReadsBackToTheSame) {
  const Folder folder;
  const auto first =
      must_load(with_file(folder.write("a.yaml",
                                       "http: {port: 9, request_timeout: 1500ms, body_bytes_max: 1500000, cors_origins: ['*']}\n"
                                       "models_served: [a=/x/a.onnx]\nlog: {format: json}\n")));
  const std::string shown = configuration_yaml(first, {});
  const auto second = must_load(with_file(folder.write("b.yaml", shown)));
  EXPECT_EQ(configuration_yaml(second, {}), shown);
  EXPECT_THAT(configuration_yaml(first, {.origins = true}), HasSubstr("a.yaml:1"));
}

}  // namespace
}  // namespace forebay::cli
