#include "formats/encoder_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/ids.h"
#include "formats/onnx_graph_builder.h"
#include "formats/read_model.h"

namespace forebay::formats {
namespace {

using tensors::DType;

// `tokens` is the length of a text: a name, or a number that is fixed. `positions`: rows of a table of positions of that name.
struct Shape {
  OnnxGraphBuilder::Dimension tokens = "tokens";
  std::int64_t classes = 3;
  std::string_view table;
  std::int64_t rows = 0;
};

std::string encoder(std::string_view output, int rank, const Shape& shape = {}) {
  OnnxGraphBuilder model("encoder");
  model.input("input_ids", DType::kInt64, {"batch", shape.tokens}).input("attention_mask", DType::kInt64, {"batch", shape.tokens});
  if (!shape.table.empty()) model.initialiser(shape.table, tensors::Tensor::zeros(DType::kFloat32, {shape.rows, 1}));
  model.node("Cast", {"input_ids"}, {rank == 3 ? "numbers" : std::string(output)}, {{"to", std::int64_t{1}}});
  if (rank == 3) {
    model.initialiser("axis", tensors::Tensor::of<std::int64_t>({1}, {2}));
    model.node("Unsqueeze", {"numbers", "axis"}, {std::string(output)});
    model.output(output, DType::kFloat32, {"batch", shape.tokens, 1});
  } else {
    model.output(output, DType::kFloat32, {"batch", shape.classes});
  }
  return model.build();
}

class EncoderFolder : public ::testing::Test {
 protected:
  EncoderFolder() : folder_(std::filesystem::temp_directory_path() / make_id("encoder")) {}
  ~EncoderFolder() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

TEST_F(EncoderFolder, AModelOfTokensWithoutATokenizerStaysATensorModel) {
  const auto model = read_model(write("model.onnx", encoder("last_hidden_state", 3)));
  ASSERT_TRUE(model) << model.error().to_log_string();
  EXPECT_EQ(model->task, Task::kTensors);
  EXPECT_FALSE(model->text);
}

TEST_F(EncoderFolder, ATokenizerBesideItMakesItAnEmbeddingModelWithMeanPooling) {
  write("tokenizer.json", "{}");
  const auto model = read_model(write("model.onnx", encoder("last_hidden_state", 3)));
  ASSERT_TRUE(model) << model.error().to_log_string();
  EXPECT_EQ(model->task, Task::kEmbedding);
  ASSERT_TRUE(model->text);
  EXPECT_EQ(model->text->pooling, "mean");
  EXPECT_EQ(model->text->output, "last_hidden_state");
  EXPECT_EQ(model->text->context_length, 512U);
  EXPECT_EQ(model->text->embedding_length, 1U);
}

TEST_F(EncoderFolder, TheFilesAroundItSayHowItIsServed) {
  write("tokenizer.json", "{}");
  write("config.json",
        R"({"model_type":"xlm-roberta","max_position_embeddings":514,"hidden_size":1,"num_hidden_layers":6,"vocab_size":250})");
  write("1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  write("sentence_bert_config.json", R"({"max_seq_length":128})");
  write("config_sentence_transformers.json", R"({"prompts":{"query":"query: ","passage":""},"default_prompt_name":"query"})");
  const auto model = read_model(write("onnx/model.onnx", encoder("last_hidden_state", 3)));
  ASSERT_TRUE(model) << model.error().to_log_string();
  EXPECT_EQ(model->text->tokenizer_file, "../tokenizer.json");
  EXPECT_EQ(model->text->pooling, "cls");
  EXPECT_EQ(model->text->context_length, 128U);
  EXPECT_EQ(model->text->vocabulary_size, 250U);
  EXPECT_EQ(model->text->prompts.at("query"), "query: ");
  EXPECT_EQ(model->text->default_prompt, "query");
  EXPECT_EQ(model->architecture, "xlm-roberta");
  EXPECT_TRUE(model->warnings.empty());
}

TEST_F(EncoderFolder, AnOutputOfWholeTextsIsTakenAsItIsAndScoresAreTheirClasses) {
  write("tokenizer.json", "{}");
  write("config.json", R"({"id2label":{"0":"no","1":"maybe","2":"yes"}})");
  EXPECT_EQ(read_model(write("a.onnx", encoder("sentence_embedding", 2)))->text->pooling, "none");
  const auto scorer = read_model(write("b.onnx", encoder("logits", 2)));
  EXPECT_EQ(scorer->task, Task::kClassification);
  EXPECT_EQ(scorer->text->pooling, "rank");
  EXPECT_EQ(scorer->labels, (std::vector<std::string>{"no", "maybe", "yes"}));
}

TEST_F(EncoderFolder, ASideFileThatCannotBeReadIsAWarning) {
  write("tokenizer.json", "{}");
  write("config.json", "[1, 2");
  const auto model = read_model(write("model.onnx", encoder("last_hidden_state", 3)));
  ASSERT_TRUE(model->text);
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "side_file_unreadable");
}

TEST_F(EncoderFolder, ScoresOfOneOrTwoClassesMakeARerankerAndOfMoreAClassifier) {
  write("tokenizer.json", "{}");
  const auto task = [&](std::int64_t classes) { return read_model(write("a.onnx", encoder("logits", 2, {.classes = classes})))->task; };
  EXPECT_EQ(task(1), Task::kReranking);
  EXPECT_EQ(task(2), Task::kReranking);
  EXPECT_EQ(task(3), Task::kClassification);
}

TEST_F(EncoderFolder, WithoutAConfigurationTheGraphSaysHowLongATextMayBe) {
  write("tokenizer.json", "{}");
  const auto tokens = [&](const Shape& shape) {
    return read_model(write("model.onnx", encoder("last_hidden_state", 3, shape)))->text->context_length;
  };
  EXPECT_EQ(tokens({}), 512U);
  EXPECT_EQ(tokens({.tokens = 64}), 64U) << "a fixed length";
  EXPECT_EQ(tokens({.table = "embeddings.position_embeddings.weight", .rows = 40}), 40U);
  EXPECT_EQ(tokens({.table = "embeddings.position_embeddings.weight", .rows = 2048}), 2048U) << "and more than the default";
  EXPECT_EQ(tokens({.table = "embeddings.position_embeddings.weight", .rows = 514}), 512U) << "two rows serve no token";
  EXPECT_EQ(tokens({.table = "roberta.embeddings.position_embeddings.weight", .rows = 64}), 62U);
  write("config.json", R"({"max_position_embeddings":512})");
  EXPECT_EQ(tokens({.table = "embeddings.position_embeddings.weight", .rows = 40}), 40U) << "what the graph has no room for is refused";
  EXPECT_EQ(tokens({.table = "embeddings.position_embeddings.weight", .rows = 2048}), 512U);
}

TEST_F(EncoderFolder, ANumberThatIsNoIntegerIsNotReadAsZero) {
  write("tokenizer.json", "{}");
  for (const char* number : {"1e400", "5e-400", "1.5"}) {
    write("config.json", std::string(R"({"max_position_embeddings":)") + number + "}");
    const auto model = read_model(write("model.onnx", encoder("last_hidden_state", 3)));
    EXPECT_EQ(model->text->context_length, 512U) << number;
    EXPECT_EQ(model->warnings.size(), 1U) << number;
  }
}

}  // namespace
}  // namespace forebay::formats
