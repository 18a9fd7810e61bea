#include "cli/configuration_layers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "cli/configuration_documents.h"
#include "cli/environment.h"
#include "cli/errors.h"
#include "cli/setting_rules.h"
#include "cli/setting_slots.h"
#include "cli/setting_value.h"
#include "engines/numa.h"

namespace forebay::cli {
namespace {

using ::testing::HasSubstr;

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "forebay-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
    return file;
  }

 private:
  std::filesystem::path path_;
};

ConfigurationSources with_file(const std::filesystem::path& file) {
  ConfigurationSources sources;
  sources.file = file;
  return sources;
}

LoadedConfiguration must_load(const ConfigurationSources& sources) {
  auto loaded = load_configuration(sources);
  if (!loaded) throw std::runtime_error(combined(loaded.error()).message());
  return *std::move(loaded);
}

// The only mistake in a file of this content.
Error mistake_in(std::string_view name, std::string_view content) {
  const Folder folder;
  auto loaded = load_configuration(with_file(folder.write(std::string(name), content)));
  if (loaded) return Error(kUsage, "it was accepted");
  EXPECT_EQ(loaded.error().size(), 1U) << combined(loaded.error()).message();
  return loaded.error().front();
}

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

TEST(Configuration, NamesTheLineOfAnUnknownSettingAndTheNearestName) {
  const Error error = mistake_in("a.yaml", "log:\n  level: info\nhttp:\n  prot: 80\n");
  EXPECT_EQ(error.code(), kUnknownSetting);
  EXPECT_THAT(error.message(), HasSubstr("a.yaml:4: unknown setting 'http.prot'; did you mean 'http.port'?"));
  EXPECT_THAT(mistake_in("a.toml", "[http]\nhost = \"::\"\nprot = 80\n").message(),
              HasSubstr("a.toml:3: unknown setting 'http.prot'; did you mean 'http.port'?"));
}

TEST(Configuration, RefusesWhatIsGivenTwice) {
  const Error yaml = mistake_in("a.yaml", "http:\n  port: 1\nlog:\n  level: info\nhttp:\n  host: \"::\"\n");
  EXPECT_EQ(yaml.code(), kDuplicateSetting);
  EXPECT_THAT(yaml.message(), HasSubstr("a.yaml:5: http is already given in line 1"));
  EXPECT_EQ(mistake_in("a.json", "{\"http\": {\"port\": 1, \"port\": 2}}").code(), kDuplicateSetting);
  EXPECT_EQ(mistake_in("a.toml", "[http]\nport = 1\nport = 2\n").code(), kDuplicateSetting);
}

struct Bad {
  const char* file;
  const char* content;
  const ErrorCode& code;
  const char* place;
};

TEST(Configuration, RefusesWhatItCannotMean) {
  static const Bad kBad[] = {
      {"a.yaml", "http: 8080\n", kSettingWrongType, "a.yaml:1"},
      {"a.yaml", "http:\n  port: many\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port: \"8080\"\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port: 80.5\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port: [1]\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port:\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  port:\n    number: 1\n", kUnknownSetting, "a.yaml:3"},
      {"a.yaml", "http:\n  port: -1\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  port: 65536\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  port: 99999999999999999999\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 30\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 30 parsecs\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 99999999999999999999d\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  request_timeout: 1us\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  body_bytes_max: 64 MiBs\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "http:\n  body_bytes_max: 17GiB\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  host: \"\"\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  host: a b\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "http:\n  cors_origins: [example.com]\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "models:\n  warm: yes\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "models:\n  generation:\n    strategy: foo\n", kSettingOutOfRange, "a.yaml:3"},
      {"a.yaml", "models:\n  generation:\n    cells: foo\n", kSettingOutOfRange, "a.yaml:3"},
      {"a.yaml", "models:\n  numa: foo\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "models:\n  adapters: [lora.gguf]\n", kSettingOutOfRange, "a.yaml:2"},
      {"a.yaml", "log:\n  level: loud\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "models:\n  tensors:\n    admission:\n      high_watermark: .nan\n", kSettingWrongType, "a.yaml:4"},
      {"a.yaml", "models:\n  tensors:\n    admission:\n      low_watermark: 1.5\n", kSettingOutOfRange, "a.yaml:4"},
      {"a.yaml", "models_served:\n  - nmae: x\n    path: y\n", kUnknownSetting, "a.yaml:2"},
      {"a.yaml", "models_served:\n  - name: x\n", kSettingWrongType, "a.yaml:2"},
      {"a.yaml", "- 1\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "just words\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: {port: 1\nlog: 2\n", kConfigurationSyntax, "a.yaml:"},
      {"a.yaml", "a: &x 1\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: *x\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: !!map {}\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.yaml", "http: {}\n---\nhttp: {}\n", kConfigurationSyntax, "a.yaml:"},
      {"a.yaml", "http.port: 1\n", kUnknownSetting, "a.yaml:1"},
      {"a.yaml", "? [a]\n: 1\n", kConfigurationSyntax, "a.yaml:1"},
      {"a.toml", "[http\n", kConfigurationSyntax, "a.toml:1"},
      {"a.toml", "[,http]\n", kConfigurationSyntax, "a.toml:1"},
      {"a.toml", "[http]\nport = 1 # é\nhöst = 2\n", kConfigurationSyntax, "a.toml:3"},
      {"a.toml", "[http]\nport = \xEF\xBA\xBF\n", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nport = 90t\"é", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nhost = \"\"\"\\é\"\"\"\n", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nhost = \"\"\"\\\n é\"\"\"\n", kConfigurationSyntax, "a.toml:2"},
      {"a.toml", "[http]\nport = \"1\"\n", kSettingWrongType, "a.toml:2"},
      {"a.toml", "[log]\nlevel = 1979-05-27\n", kSettingWrongType, "a.toml:2"},
      {"a.toml", "[http]\ncors_origins = [[\"*\"]]\n", kConfigurationSyntax, "a.toml:2"},
      {"a.ini", "port=1\n", kConfigurationFormat, "a.ini"},
  };
  for (const auto& bad : kBad) {
    const Error error = mistake_in(bad.file, bad.content);
    EXPECT_EQ(error.code().id(), bad.code.id()) << bad.content << error.message();
    EXPECT_THAT(error.message(), HasSubstr(bad.place)) << bad.content;
  }
}

TEST(Configuration, ReportsEveryMistakeOfEveryLayerAtOnce) {
  const Folder folder;
  ConfigurationSources sources = with_file(folder.write("a.yaml", "http:\n  port: 0x\n  prot: 1\nlog:\n  level: loud\n"));
  sources.environment = {{"FOREBAY_HTTP_PROT", "1"}, {"HOME", "/"}};
  sources.flags = {{"http.host", "a b", EntryKind::kText, "--host"}};
  const auto loaded = load_configuration(sources);
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.error().size(), 5U);
  const std::string message = combined(loaded.error()).message();
  for (const auto* part : {"a.yaml:2", "a.yaml:3", "a.yaml:5",
                           "environment FOREBAY_HTTP_PROT: no setting has this name; did you mean 'FOREBAY_HTTP_PORT'?", "--host"})
    EXPECT_THAT(message, HasSubstr(part));
}

TEST(Configuration, RefusesSettingsThatContradictEachOther) {
  const Error error = mistake_in("a.yaml", "models:\n  tensors:\n    admission:\n      high_watermark: 0.5\n");
  EXPECT_EQ(error.code(), kSettingsConflict);
  EXPECT_THAT(error.message(), HasSubstr("models.tensors.admission.low_watermark must be below models.tensors.admission.high_watermark"));
  EXPECT_THAT(error.message(), HasSubstr("a.yaml:4"));
  EXPECT_EQ(mistake_in("a.yaml", "models:\n  generation:\n    prompt_chunk_tokens_min: 513\n").code(), kSettingsConflict);
  EXPECT_EQ(
      mistake_in("a.yaml", "models:\n  generation:\n    step_tokens_max: 16\n    prompt_chunk_tokens_min: 16\n    sequences_max: 17\n")
          .code(),
      kSettingsConflict);
  EXPECT_EQ(mistake_in("a.yaml", "models:\n  models_max: 1\nmodels_served: [a.onnx, b.onnx]\n").code(), kSettingsConflict);
}

TEST(Configuration, NeverRepeatsASecret) {
  const Error error = mistake_in("a.yaml", "accounts:\n  api_keys: [\"short\"]\n");
  EXPECT_EQ(error.code(), kSettingOutOfRange);
  EXPECT_THAT(error.message(), ::testing::Not(HasSubstr("short")));

  const Folder folder;
  const auto loaded = must_load(with_file(folder.write("a.yaml", "accounts:\n  api_keys: [\"sk-0123456789\"]\n")));
  EXPECT_THAT(loaded.values.accounts.api_keys, ::testing::ElementsAre("sk-0123456789"));
  EXPECT_THAT(configuration_yaml(loaded, {.origins = true}), ::testing::Not(HasSubstr("0123456789")));
}

TEST(Configuration, RefusesItemsThatCannotBe) {
  const auto mistakes_of = [](std::string path) {
    ConfigurationSources sources;
    sources.flags = {{std::move(path), "x", EntryKind::kPlain, "--set"}};
    auto loaded = load_configuration(sources);
    return loaded ? Mistakes() : std::move(loaded).error();
  };
  for (const char* path :
       {"models_served[", "models_served[]", "models_served[x]", "models_served[-1]", "models_served[0", "models_served[0]x",
        "models_served[0].", "models_served[1].path", "models_served[4000000000].path", "models_served[99999999999999999999].path",
        "models_served[18446744073709551615].path", "http.port[0]", "nope[5]", "http.cors_origins[1]", "accounts.api_keys[x]"}) {
    EXPECT_EQ(mistakes_of(path).size(), 1U) << path;
  }
  EXPECT_TRUE(mistakes_of("models_served[0]").empty());
  EXPECT_TRUE(mistakes_of("models_served[0].path").empty());
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

TEST(Configuration, KnowsTheWordsThatTheEnginesTake) {
  EXPECT_TRUE(std::ranges::equal(rule_of("models.numa")->choices, engines::numa_strategies()));
}

TEST(Configuration, HoldsTheLimitsOfAFile) {
  const FileLimits limits{.bytes_max = 200, .depth_max = 3, .entries_max = 4};
  EXPECT_TRUE(flatten_yaml(std::string(200, '#'), "a", limits));
  EXPECT_EQ(flatten_yaml(std::string(201, '#'), "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_EQ(flatten_toml(std::string(201, '#'), "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_yaml("a: {b: {c: 1}}", "a", limits));
  EXPECT_EQ(flatten_yaml("a: {b: {c: {d: 1}}}", "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_toml("a.b.c = 1", "a", limits));
  EXPECT_EQ(flatten_toml("a.b.c.d = 1", "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_yaml("{a: 1, b: 1, c: 1, d: 1}", "a", limits));
  EXPECT_EQ(flatten_yaml("{a: 1, b: 1, c: 1, d: 1, e: 1}", "a", limits).error().code(), kConfigurationTooLarge);
  EXPECT_TRUE(flatten_toml("a=1\nb=1\nc=1\nd=1", "a", limits));
  EXPECT_EQ(flatten_toml("a=1\nb=1\nc=1\nd=1\ne=1", "a", limits).error().code(), kConfigurationTooLarge);
}

TEST(Configuration, SurvivesDeepNesting) {
  EXPECT_FALSE(flatten_yaml("a: " + std::string(100'000, '['), "a"));
  EXPECT_FALSE(flatten_yaml(std::string(100'000, '{'), "a"));
  EXPECT_FALSE(flatten_toml("a = " + std::string(100'000, '['), "a"));
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

// --- properties of the catalog -------------------------------------------------------------------------------------------

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
