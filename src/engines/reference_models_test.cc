// Real models with known answers. They are outside this checkout: the tests exist when FOREBAY_REFERENCE_MODELS names their folder.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <glaze/glaze.hpp>
#include <set>
#include <sstream>

#include "engines/errors.h"
#include "engines/llama/llama_model.h"
#include "engines/testing/model_files.h"
#include "engines/testing/tensor_proto.h"

namespace forebay::engines {

struct StoryCase {
  std::string prompt;
  std::vector<Token> prompt_ids_with_bos;
  std::vector<std::tuple<Token, float>> top5_after_prompt;
  std::vector<Token> greedy_ids_64;
  double min_top1_top2_logit_margin = 0;
};
struct Stories {
  std::vector<StoryCase> cases;
};

namespace {

std::filesystem::path reference_models() {
  const char* folder = std::getenv("FOREBAY_REFERENCE_MODELS");
  return folder == nullptr ? "" : folder;
}

// What a run of one official test came to.
enum class Verdict { kPassed, kNotForUs, kWrong };

double value_at(const tensors::Tensor& tensor, std::size_t i) {
  return tensor.converted_to(tensors::DType::kFloat64).value().values<double>()[i];
}

bool same(const tensors::Tensor& got, const tensors::Tensor& wanted) {
  using tensors::DType;
  if (got.dtype() != wanted.dtype() || got.shape() != wanted.shape()) return false;
  if (got.dtype() == DType::kString) return std::ranges::equal(got.strings(), wanted.strings());
  const bool half = got.dtype() == DType::kFloat16 || got.dtype() == DType::kBfloat16;
  const tensors::Tensor a = got.converted_to(DType::kFloat64).value();
  const tensors::Tensor b = wanted.converted_to(DType::kFloat64).value();
  double scale = 1;  // sums of large numbers leave small ones with the large ones' error
  for (const double y : b.values<double>()) scale = std::isfinite(y) ? std::max(scale, std::abs(y)) : scale;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double x = a.values<double>()[i];
    const double y = b.values<double>()[i];
    const bool both_nan = std::isnan(x) && std::isnan(y);
    if (!both_nan && x != y && !(std::abs(x - y) <= (half ? 1e-2 : 1e-4) * scale)) return false;
  }
  return true;
}

// Inputs and outputs of one data set, named by the model's own order; nothing when one of them is not a tensor of ours.
std::optional<tensors::NamedTensors> tensors_in(const std::filesystem::path& folder, std::string_view prefix,
                                                const std::vector<formats::TensorSpec>& specs) {
  tensors::NamedTensors tensors;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto path = folder / (std::string(prefix) + std::to_string(i) + ".pb");
    if (!std::filesystem::exists(path)) return std::nullopt;
    try {
      auto tensor = TensorProtoReader(path).tensor();
      if (!tensor) return std::nullopt;
      tensors.push_back({specs[i].name, *std::move(tensor)});
    } catch (const std::exception&) {
      return std::nullopt;  // a SequenceProto or OptionalProto
    }
  }
  return tensors;
}

Verdict verdict_of(const std::filesystem::path& folder) {
  auto model = load_model(folder / "model.onnx");
  if (!model) return Verdict::kNotForUs;  // an operator newer than the library, or a type without tensors
  const auto inputs = tensors_in(folder / "test_data_set_0", "input_", (*model)->description().inputs);
  const auto wanted = tensors_in(folder / "test_data_set_0", "output_", (*model)->description().outputs);
  if (!inputs || !wanted) return Verdict::kNotForUs;
  const auto got = (*model)->open_tensor_session().value()->run(*inputs, {}, CancelToken());
  if (!got) return got.error().code() == kInputEmpty ? Verdict::kNotForUs : Verdict::kWrong;
  for (std::size_t i = 0; i < wanted->size(); ++i) {
    if (!same((*got)[i].tensor, (*wanted)[i].tensor)) return Verdict::kWrong;
  }
  return Verdict::kPassed;
}

// Unpacked with the system's tar.
void run_official_tests(const std::string& archive, std::size_t passed_min, const std::set<std::string>& known_to_differ) {
  const ModelFolder folder;
  const auto root = folder.write("here", "").parent_path();
  // NOLINTNEXTLINE(bugprone-command-processor): a test's own files, named by whoever set the variable
  ASSERT_EQ(std::system(("tar xzf '" + (reference_models() / "onnx" / archive).string() + "' -C '" + root.string() + "'").c_str()), 0);
  std::size_t passed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename();
    const Verdict verdict = verdict_of(entry.path());
    passed += verdict == Verdict::kPassed ? 1 : 0;
    EXPECT_TRUE(verdict != Verdict::kWrong || known_to_differ.contains(name)) << name;
  }
  EXPECT_GE(passed, passed_min);
}

void node_tests() {
  run_official_tests("onnx-node-tests-A.tar.gz", 545,
                     {// Random by design.
                      "test_training_dropout_mask", "test_training_dropout_default",
                      // The library wants the locale en_US, which a minimal system does not have.
                      "test_strnormalizer_export_monday_casesensintive_nochangecase", "test_strnormalizer_export_monday_empty_output",
                      // ONNX Runtime 1.23 itself differs.
                      "test_resize_downsample_scales_linear_align_corners", "test_qlinearmatmul_2D_int8_float32",
                      "test_qlinearmatmul_3D_int8_float32", "test_maxunpool_export_with_output_shape"});
}
void operator_tests() { run_official_tests("onnx-pytorch-operator-tests.tar.gz", 24, {}); }
void simple_tests() {
  run_official_tests("onnx-simple-tests.tar.gz", 15,
                     {// The locale en_US again.
                      "test_strnorm_model_monday_casesensintive_upper", "test_strnorm_model_monday_casesensintive_nochangecase",
                      "test_strnorm_model_monday_casesensintive_lower"});
}

void reads_mnist() {
  auto model = load_model(reference_models() / "onnx/mnist-8/model.onnx").value();
  auto session = model->open_tensor_session().value();
  for (const int set : {0, 1, 2}) {
    const auto folder = reference_models() / "onnx/mnist-8" / ("test_data_set_" + std::to_string(set));
    const auto inputs = tensors_in(folder, "input_", model->description().inputs).value();
    const auto wanted = tensors_in(folder, "output_", model->description().outputs).value();
    const auto got = session->run(inputs, {}, CancelToken()).value();
    for (std::size_t i = 0; i < wanted[0].tensor.size(); ++i)
      EXPECT_NEAR(value_at(got[0].tensor, i), value_at(wanted[0].tensor, i), 0.01) << set;
    EXPECT_TRUE(same(got[0].tensor, wanted[0].tensor)) << set;
  }
}

void tells_stories() {
  Stories stories;
  const std::string text = read_text_file(reference_models() / "gguf/expected/stories260K.json", 1 << 20).value();
  ASSERT_FALSE(glz::read<glz::opts{.error_on_unknown_keys = false}>(stories, text));
  auto model = load_model(reference_models() / "gguf/stories260K-tok512.gguf").value();
  auto session = model->open_generation_session({.context_tokens = 512, .sequences_max = 1}).value();
  for (const StoryCase& story : stories.cases) {
    const auto prompt = model->tokenizer()->encode(story.prompt, {}).value();
    EXPECT_EQ(prompt, story.prompt_ids_with_bos) << story.prompt;
    ASSERT_TRUE(session->trim(0, 0));
    std::vector<Token> next = prompt;
    for (std::size_t i = 0; i < story.greedy_ids_64.size(); ++i) {
      const StepSlice slice{.sequence = 0, .position = session->length(0), .tokens = next, .logits = 1};
      ASSERT_EQ(session->step(std::span(&slice, 1), CancelToken()).value(), StepOutcome::kDone);
      const auto logits = session->logits(0);
      if (i == 0) {
        for (const auto& [token, logit] : story.top5_after_prompt)
          EXPECT_NEAR(logits[static_cast<std::size_t>(token)], logit, 0.05F) << story.prompt;
      }
      next = {static_cast<Token>(std::ranges::max_element(logits) - logits.begin())};
      // Where two logits are nearly the same, float32 may choose the other: from there on the texts differ.
      if (story.min_top1_top2_logit_margin < 0.01 && next.front() != story.greedy_ids_64[i]) break;
      ASSERT_EQ(next.front(), story.greedy_ids_64[i]) << story.prompt << " token " << i;
    }
  }
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t end = text.find(separator); end != std::string::npos; end = text.find(separator, start)) {
    parts.push_back(text.substr(start, end - start));
    start = end + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

void tokenises(const std::filesystem::path& file) {
  const auto description = formats::read_model(file).value();
  EXPECT_FALSE(description.text->has_tensors);
  auto model = LlamaModel::load_vocabulary(file, description).value();
  EXPECT_EQ(model->open_generation_session({}).error().code(), kNoWeights);
  const auto inputs = split(read_text_file(file.string() + ".inp", 1 << 20).value(), "\n__ggml_vocab_test__\n");
  const auto outputs = split(read_text_file(file.string() + ".out", 1 << 20).value(), "\n");
  ASSERT_GE(outputs.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::vector<Token> wanted;
    std::istringstream numbers(outputs[i]);
    for (Token token = 0; numbers >> token;) wanted.push_back(token);
    EXPECT_EQ(model->tokenizer()->encode(inputs[i], {.add_special = false}).value(), wanted) << inputs[i];
  }
}

class ReferenceTest : public ::testing::Test {
 public:
  explicit ReferenceTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

void add_test(const std::string& name, std::function<void()> body) {
  ::testing::RegisterTest("ReferenceModels", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [body = std::move(body)]() -> ReferenceTest* { return new ReferenceTest(body); });
}

[[maybe_unused]] const bool kRegistered = [] {
  if (reference_models().empty()) return false;
  add_test("MnistGivesItsKnownOutputs", reads_mnist);
  add_test("OfficialNodeTestsPass", node_tests);
  add_test("OfficialOperatorTestsPass", operator_tests);
  add_test("OfficialSimpleTestsPass", simple_tests);
  add_test("StoriesAreToldTokenForToken", tells_stories);
  for (const auto& entry : std::filesystem::directory_iterator(reference_models() / "gguf/vocab")) {
    if (entry.path().extension() == ".gguf" && std::filesystem::exists(entry.path().string() + ".out")) {
      add_test("Tokenises " + entry.path().stem().string(), [file = entry.path()] { tokenises(file); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace forebay::engines
