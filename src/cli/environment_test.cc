#include "cli/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "cli/configuration_layers.h"

namespace forebay::cli {
namespace {

using ::testing::HasSubstr;

LoadedConfiguration must_load(const ConfigurationSources& sources) {
  auto loaded = load_configuration(sources);
  if (!loaded) throw std::runtime_error(combined(loaded.error()).message());
  return *std::move(loaded);
}

TEST(Environment, IgnoresWhatKubernetesSetsForNeighbouringServices) {
  // Services named forebay, forebay-http, forebay-embeddings and forebay-log-level.
  ConfigurationSources sources;
  sources.environment = {{"FOREBAY_SERVICE_HOST", "10.0.0.1"},
                         {"FOREBAY_PORT", "tcp://10.0.0.1:80"},
                         {"FOREBAY_PORT_80_TCP", "tcp://10.0.0.1:80"},
                         {"FOREBAY_PORT_80_TCP_PROTO", "tcp"},
                         {"FOREBAY_PORT_8080_TCP_ADDR", "10.0.0.1"},
                         {"FOREBAY_PORT_53_UDP_PORT", "53"},
                         {"FOREBAY_SERVICE_PORT", "80"},
                         {"FOREBAY_SERVICE_PORT_WEB", "80"},
                         {"FOREBAY_HTTP_PORT", "tcp://10.0.0.2:80"},
                         {"FOREBAY_HTTP_SERVICE_HOST", "10.0.0.2"},
                         {"FOREBAY_EMBEDDINGS_SERVICE_HOST", "10.0.0.3"},
                         {"FOREBAY_EMBEDDINGS_SERVICE_PORT_GRPC", "9000"},
                         {"FOREBAY_LOG_LEVEL_PORT", "udp://10.0.0.4:53"}};
  const auto loaded = must_load(sources);
  EXPECT_EQ(loaded.ignored_variables.size(), sources.environment.size());
  EXPECT_EQ(loaded.values.http.port, Configuration().http.port);
  EXPECT_TRUE(loaded.origins.empty());
}

TEST(Environment, TakesAnEmptyVariableAsNotSetButNeverAnEmptySecret) {
  ConfigurationSources sources;
  sources.environment = {
      {"FOREBAY_HTTP_PORT", ""}, {"FOREBAY_LOG_LEVEL", "  "}, {"FOREBAY_MODELS_SERVED", ""}, {"FOREBAY_MODELS_WARM", ""}};
  const auto loaded = must_load(sources);
  EXPECT_TRUE(loaded.origins.empty());
  for (const char* name : {"FOREBAY_ACCOUNTS_API_KEYS", "FOREBAY_ACCOUNTS_ADMIN_KEYS"}) {
    sources.environment = {{name, ""}};
    const auto open = load_configuration(sources);
    ASSERT_FALSE(open) << name;
    EXPECT_THAT(open.error().front().message(), HasSubstr("leave the server open"));
  }
}

TEST(Environment, ReadsWordsAndSwitchesInAnyCase) {
  ConfigurationSources sources;
  sources.environment = {{"FOREBAY_LOG_LEVEL", "INFO"},        {"FOREBAY_LOG_FORMAT", " Json "}, {"FOREBAY_MODELS_WARM", "False"},
                         {"FOREBAY_MODELS_TUNE", "0"},         {"FOREBAY_HTTP_HOST", "[::1]"},   {"FOREBAY_HTTP_PORT", " 9000 "},
                         {"FOREBAY_MODELS_CACHE_ENABLED", "1"}};
  const auto values = must_load(sources).values;
  EXPECT_EQ(values.log.level, log::Level::kInfo);
  EXPECT_EQ(values.log.format, log::Format::kJson);
  EXPECT_FALSE(values.models.warm);
  EXPECT_FALSE(values.models.tune);
  EXPECT_TRUE(values.models.cache.enabled);
  EXPECT_EQ(values.http.host, "::1");
  EXPECT_EQ(values.http.port, 9000);
}

TEST(Environment, RefusesAVariableThatIsNearlyASettingAndIgnoresOthers) {
  const auto message_of = [](std::string name) {
    ConfigurationSources sources;
    sources.environment = {{std::move(name), "12345678"}};
    const auto loaded = load_configuration(sources);
    return loaded ? "" : std::string(loaded.error().front().message());
  };
  EXPECT_THAT(message_of("FOREBAY_HTTP_PROT"), HasSubstr("did you mean 'FOREBAY_HTTP_PORT'?"));
  EXPECT_THAT(message_of("FOREBAY_PORT"), HasSubstr("did you mean 'FOREBAY_HTTP_PORT'?"));
  EXPECT_THAT(message_of("FOREBAY_API_KEY"), HasSubstr("did you mean 'FOREBAY_ACCOUNTS_API_KEYS'?"));
  EXPECT_THAT(message_of("FOREBAY_ACCOUNTS_APIKEYS"), HasSubstr("did you mean 'FOREBAY_ACCOUNTS_API_KEYS'?"));
  for (const char* name : {"FOREBAY_KEY", "FOREBAY_CACHE", "FOREBAY_IMAGE_TAG", "FOREBAY_BACKUP_SCHEDULE"})
    EXPECT_EQ(message_of(name), "") << name;
}

}  // namespace
}  // namespace forebay::cli
