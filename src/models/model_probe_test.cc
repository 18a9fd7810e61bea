#include "models/model_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "base/errors.h"
#include "engines/errors.h"
#include "engines/model_cache.h"
#include "engines/testing/model_files.h"
#include "formats/testing/gguf_writer.h"
#include "models/errors.h"

namespace forebay::models {
namespace {

// The test's own binary is the child: as one, it does what main() would, before any test runs.
class BecomesChild : public testing::Environment {
  void SetUp() override {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    std::vector<char*> arguments;
    for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) arguments.push_back(text.data() + at);
    if (arguments.size() < 2 || arguments[1] != kProbeCommand) return;
    // A library that aborts, whatever its version.
    if (std::ranges::any_of(arguments, [](std::string_view one) { return one.ends_with("harm.gguf"); })) {
      std::fputs("ASSERT(harmless) failed\n", stderr);
      std::abort();
    }
    ::_exit(run_probe_child(std::span(arguments).subspan(1)));
  }
};
[[maybe_unused]] const auto* const kChild = testing::AddGlobalTestEnvironment(new BecomesChild);

class ModelProbe : public testing::Test {
 protected:
  Result<> probe(const std::filesystem::path& path, const ModelsOptions& options = {}) {
    const auto description = formats::read_model(path);
    if (!description) return std::unexpected(description.error());
    return probe_model({.name = "model", .version = "1", .path = path}, *description, options, cache_.get(), {});
  }
  // Under these a child that is started does not pass.
  static ModelsOptions without_time() {
    ModelsOptions options;
    options.probe.time_max = std::chrono::milliseconds(1);
    options.probe.memory_bytes_max = 1;
    return options;
  }
  static ModelsOptions with_probe(std::string_view when, std::vector<std::string> trusted = {}) {
    ModelsOptions options = without_time();
    options.probe.when = when;
    options.probe.trusted = std::move(trusted);
    return options;
  }
  std::filesystem::path example(const std::string& name) const { return std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / name; }
  // Copied, so that its place is a new one.
  std::filesystem::path copy_of(const std::string& name) const {
    std::ifstream file(example(name), std::ios::binary);
    return folder_.write("copy-" + name, std::string(std::istreambuf_iterator<char>(file), {}));
  }
  std::filesystem::path file_that_aborts() const { return folder_.write("harm.gguf", formats::tiny_llama().bytes()); }

  const engines::ModelFolder folder_;
  const std::unique_ptr<engines::ModelCache> cache_ =
      engines::ModelCache::open({.path = folder_.write("x", "").replace_filename("cache")}).value();
};

TEST_F(ModelProbe, AFileThatEndsItsProcessIsRefusedWithTheReason) {
  const auto probed = probe(file_that_aborts());
  ASSERT_FALSE(probed);
  EXPECT_EQ(probed.error().code(), kProbeFailed);
  EXPECT_THAT(probed.error().message(), testing::HasSubstr("SIGABRT")) << probed.error().to_log_string();
}

TEST_F(ModelProbe, WhatHasPassedIsNotTriedAgain) {
  ASSERT_TRUE(probe(example("digits.onnx")));
  EXPECT_TRUE(probe(example("digits.onnx"), without_time()));
  EXPECT_TRUE(probe(copy_of("digits.onnx"), without_time())) << "its content is known";
  EXPECT_FALSE(probe(example("wine.onnx"), without_time()));
  EXPECT_FALSE(probe(example("digits.onnx"), with_probe(kProbeAlways)));
}

TEST_F(ModelProbe, AGgufModelPasses) {
  const auto probed = probe(example("chat.gguf"));
  EXPECT_TRUE(probed) << probed.error().to_log_string();
}

TEST_F(ModelProbe, OtherOptionsAreTriedAnew) {
  ASSERT_TRUE(probe(example("digits.onnx")));
  auto options = without_time();
  options.embedding.int8 = true;
  EXPECT_FALSE(probe(example("digits.onnx"), options));
}

TEST_F(ModelProbe, AnOperatorMayTrustFiles) {
  const auto file = file_that_aborts();
  EXPECT_TRUE(probe(file, with_probe(kProbeNever)));
  EXPECT_TRUE(probe(file, with_probe(kProbeUnknown, {"model"})));
  EXPECT_TRUE(probe(file, with_probe(kProbeUnknown, {"*"})));
  EXPECT_FALSE(probe(file, with_probe(kProbeUnknown, {"another"})));
}

TEST_F(ModelProbe, ItStopsWithTheLoad) {
  const auto path = example("digits.onnx");
  const auto probed =
      probe_model({.name = "model", .version = "1", .path = path}, formats::read_model(path).value(), {}, nullptr, [] { return false; });
  EXPECT_EQ(probed.error().code(), kCancelledByCaller);
}

TEST(ProbeResult, AnErrorCrossesTheProcess) {
  const Error error = Error(engines::kModelRefused, "a \"reason\"").with_hint("a hint");
  const auto back = probe_result_in(probe_result_of(std::unexpected(error)));
  EXPECT_EQ(back.error().code(), engines::kModelRefused);
  EXPECT_EQ(back.error().message(), "a \"reason\"");
  EXPECT_EQ(back.error().hint(), "a hint");
  EXPECT_TRUE(probe_result_in(probe_result_of({})));
  EXPECT_EQ(probe_result_in("what is this").error().code(), kProbeFailed);
  EXPECT_EQ(probe_result_in(R"({"code": 9999, "message": "m", "hint": "h"})").error().code(), kProbeFailed);
}

}  // namespace
}  // namespace forebay::models
