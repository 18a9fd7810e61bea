// What the tests of the runners share: an engine without a library, the machine's clock, and readers of streams.
// Threads: as the test that owns it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string_view>
#include <thread>

#include "base/ids.h"
#include "scheduling/runners.h"
#include "scheduling/testing/generation_fixture.h"

namespace forebay::scheduling {

inline GenerationRequest greedy(std::string_view prompt, std::uint32_t tokens_max) {
  auto request = request_of(engines::fake_tokens(prompt), tokens_max);
  request.sampling.temperature = 0;
  return request;
}

class RunnerFixture : public testing::Test {
 protected:
  template <class Runner, class Options>
  std::unique_ptr<Runner> open(formats::Task task, const Options& options) {
    auto runner =
        Runner::open(load_fake(engine_, task), options,
                     {.clock = &clock_, .budget = &budget_, .model = "fake", .adapters = adapters_, .shares_caches = shares_caches_});
    EXPECT_TRUE(runner.has_value());
    return *std::move(runner);
  }
  std::unique_ptr<GenerationRunner> generation(const GenerationOptions& options) {
    return open<GenerationRunner>(formats::Task::kTextGeneration, options);
  }
  std::unique_ptr<TensorRunner> tensor(const TensorOptions& options) { return open<TensorRunner>(formats::Task::kTensors, options); }
  std::unique_ptr<EmbeddingRunner> embedding(const EmbeddingOptions& options) {
    return open<EmbeddingRunner>(formats::Task::kEmbedding, options);
  }
  Stream read_to_end(TokenChannel& channel) {
    Stream stream;
    while (stream.ends == 0) {
      auto event = channel.pop_until(clock_.now() + std::chrono::minutes(2));
      if (!event) {
        ADD_FAILURE() << "the stream did not end";
        break;
      }
      if (event->kind == TokenEvent::Kind::kToken)
        stream.tokens.push_back(event->token);
      else
        ++stream.ends;
      stream.text += event->text;
      stream.events.push_back(*std::move(event));
    }
    return stream;
  }
  // Looks until it holds; what is waited for happens on another thread.
  template <class Holds>
  bool eventually(Holds holds) {
    const Instant until = clock_.now() + std::chrono::minutes(1);
    while (!holds()) {
      if (clock_.now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }
  Stream generate(GenerationRunner& runner, GenerationRequest request) {
    auto channel = runner.submit(std::move(request));
    EXPECT_TRUE(channel.has_value()) << channel.error().to_string();
    return channel ? read_to_end(**channel) : Stream();
  }
  static TensorRequest one_row() { return {.inputs = {{"x", tensors::Tensor::of<float>({1, 4}, {1, 2, 3, 4})}}}; }

  // Of its own; removed at the end.
  std::string folder() {
    folder_ = std::filesystem::path(testing::TempDir()) / make_id("states");
    return folder_.string();
  }
  ~RunnerFixture() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::filesystem::path folder_;
  std::vector<AdapterSource> adapters_;
  bool shares_caches_ = false;
  SystemClock clock_;
  ByteBudget budget_{1 << 24};
  engines::FakeEngine engine_;
};

}  // namespace forebay::scheduling
