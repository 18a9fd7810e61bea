#include "formats/gguf_reader.h"

#include <gtest/gtest.h>

#include "formats/errors.h"
#include "formats/testing/gguf_writer.h"

namespace forebay::formats {
namespace {

Result<ModelDescription> read(std::string_view bytes, const ReadLimits& limits = {}) {
  return read_gguf(std::as_bytes(std::span(bytes)), limits);
}

// The code's name, or "accepted".
std::string verdict(std::string_view bytes, const ReadLimits& limits = {}) {
  const auto description = read(bytes, limits);
  return description ? "accepted" : std::string(description.error().code().name);
}
std::string verdict(const GgufWriter& file) { return verdict(file.bytes()); }

std::string number64(std::uint64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
std::string number32(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

TEST(GgufReader, DescribesALlamaModel) {
  auto file = tiny_llama();
  file.text("general.license", "apache-2.0")
      .text("tokenizer.chat_template", "{{ messages }}")
      .text("tokenizer.chat_template.tool_use", "{{ tools }}");
  const auto model = read(file.bytes());
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->format, Format::kGguf);
  EXPECT_EQ(model->task, Task::kTextGeneration);
  EXPECT_EQ(model->architecture, "llama");
  EXPECT_EQ(model->name, "tiny llama");
  EXPECT_EQ(model->licence, "apache-2.0");
  EXPECT_EQ(model->quantization, "F32");
  EXPECT_EQ(model->format_version, 3);
  EXPECT_EQ(model->parameters, 2 * 48 + 8 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 3 * 128));
  EXPECT_EQ(model->weight_bytes, model->parameters * 4);
  EXPECT_GT(model->memory_bytes, model->weight_bytes);
  EXPECT_EQ(model->file_bytes, file.bytes().size());
  EXPECT_EQ(model->metadata.at("tokenizer.ggml.tokens"), "[6 string]");
  ASSERT_TRUE(model->text);
  EXPECT_EQ(model->text->tokenizer, "llama");
  EXPECT_EQ(model->text->vocabulary_size, 6);
  EXPECT_EQ(model->text->context_length, 32);
  EXPECT_EQ(model->text->embedding_length, 8);
  EXPECT_EQ(model->text->layers, 2);
  EXPECT_EQ(model->text->head_count, 2);
  EXPECT_EQ(model->text->head_count_kv, 1);
  EXPECT_EQ(model->text->feed_forward_length, 16);
  EXPECT_EQ(model->text->bos_token, 1);
  EXPECT_EQ(model->text->eos_token, 2);
  EXPECT_EQ(model->text->chat_templates.at("default"), "{{ messages }}");
  EXPECT_EQ(model->text->chat_templates.at("tool_use"), "{{ tools }}");
  EXPECT_TRUE(model->warnings.empty());
}

TEST(GgufReader, AcceptsItsSoundModels) {
  EXPECT_EQ(verdict(tiny_llama()), "accepted");
  EXPECT_EQ(verdict(tiny_bert()), "accepted");
  EXPECT_EQ(verdict(tiny_gpt2()), "accepted");
}

TEST(GgufReader, DerivesTheTaskFromArchitectureAndPooling) {
  EXPECT_EQ(read(tiny_bert().bytes())->task, Task::kEmbedding);
  EXPECT_EQ(read(tiny_bert().bytes())->text->pooling, "mean");
  EXPECT_EQ(read(tiny_bert().without("bert.pooling_type").bytes())->task, Task::kEmbedding);
  EXPECT_EQ(read(tiny_bert().without("bert.pooling_type").uint32("bert.pooling_type", 4).bytes())->task, Task::kReranking);
  const auto scorer = [](const std::vector<std::string>& labels) {
    return read(
        tiny_bert().without("bert.pooling_type").uint32("bert.pooling_type", 4).texts("bert.classifier.output_labels", labels).bytes());
  };
  EXPECT_EQ(scorer({"no", "yes"})->task, Task::kReranking);
  EXPECT_EQ(scorer({"no", "maybe", "yes"})->task, Task::kClassification);
  EXPECT_EQ(scorer({"no", "maybe", "yes"})->labels, (std::vector<std::string>{"no", "maybe", "yes"}));
  EXPECT_EQ(read(tiny_llama().uint32("llama.pooling_type", 3).bytes())->task, Task::kEmbedding);
  EXPECT_EQ(read(tiny_llama().uint32("llama.pooling_type", 0).bytes())->task, Task::kTextGeneration);
}

TEST(GgufReader, WarnsAboutAnUnknownPooling) {
  const auto model = read(tiny_llama().uint32("llama.pooling_type", 9).text("tokenizer.chat_template", "x").bytes());
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "unknown_pooling");
}

TEST(GgufReader, ReadsVersionTwoAndRefusesOthers) {
  auto file = tiny_llama();
  for (const auto& [version, wanted] : std::vector<std::pair<std::uint32_t, std::string>>{{1, "gguf_version_one"},
                                                                                          {2, "accepted"},
                                                                                          {3, "accepted"},
                                                                                          {4, "gguf_version_unsupported"},
                                                                                          {99, "gguf_version_unsupported"},
                                                                                          {0, "gguf_version_unsupported"},
                                                                                          {0x03000000, "gguf_big_endian"}}) {
    file.version = version;
    EXPECT_EQ(verdict(file), wanted) << version;
  }
}

TEST(GgufReader, RefusesEveryTruncation) {
  const auto bytes = tiny_llama().bytes();
  for (std::size_t length = 4; length < bytes.size(); length += length < 1500 ? 1 : 97) {
    EXPECT_NE(verdict(std::string_view(bytes).substr(0, length)), "accepted") << length;
  }
  EXPECT_EQ(verdict(std::string_view(bytes).substr(0, 20)), "gguf_truncated");
  EXPECT_EQ(verdict(std::string_view(bytes).substr(0, bytes.size() - 1)), "gguf_tensor_out_of_bounds");
}

TEST(GgufReader, RefusesCountsThatCannotBe) {
  EXPECT_EQ(verdict(tiny_llama().bytes_claiming(std::uint64_t{1} << 61, 2)), "gguf_limit_exceeded");
  EXPECT_EQ(verdict(tiny_llama().bytes_claiming(2, std::uint64_t{1} << 61)), "gguf_limit_exceeded");
  EXPECT_EQ(verdict(GgufWriter().bytes_claiming(100'000, 0).substr(0, 24)), "gguf_truncated");
}

TEST(GgufReader, HoldsItsLimitsExactly) {
  const auto bytes = tiny_llama().bytes();  // 21 tensors, 16 entries, 18 array elements, values of at most 10 characters
  EXPECT_EQ(verdict(bytes, {.tensors_max = 21}), "accepted");
  EXPECT_EQ(verdict(bytes, {.tensors_max = 20}), "gguf_limit_exceeded");
  EXPECT_EQ(verdict(bytes, {.metadata_entries_max = 16}), "accepted");
  EXPECT_EQ(verdict(bytes, {.metadata_entries_max = 15}), "gguf_limit_exceeded");
  EXPECT_EQ(verdict(bytes, {.array_elements_max = 18}), "accepted");
  EXPECT_EQ(verdict(bytes, {.array_elements_max = 17}), "gguf_limit_exceeded");
  EXPECT_EQ(verdict(bytes, {.string_bytes_max = 10}), "accepted");
  EXPECT_EQ(verdict(bytes, {.string_bytes_max = 9}), "gguf_limit_exceeded");
}

TEST(GgufReader, RefusesLyingLengths) {
  const std::string header = "GGUF" + number32(3) + number64(0) + number64(1);
  EXPECT_EQ(verdict(header + number64(std::uint64_t{1} << 63)), "gguf_truncated");
  EXPECT_EQ(verdict(header + number64(1) + "k" + number32(8) + number64(~std::uint64_t{0})), "gguf_truncated");
  EXPECT_EQ(verdict(header + number64(1) + "k" + number32(9) + number32(8) + number64(std::uint64_t{1} << 60)), "gguf_truncated");
  EXPECT_EQ(verdict(header + number64(1) + "k" + number32(9) + number32(10) + number64(2) + std::string(15, '\0')), "gguf_truncated");
}

TEST(GgufReader, RefusesUnknownValueTypes) {
  EXPECT_EQ(verdict(tiny_llama().raw("x", 77, std::string(16, '\0'))), "gguf_value_type_unknown");
}

TEST(GgufReader, ReadsEveryValueType) {
  auto file = tiny_llama();
  file.raw("v.uint8", 0, "\x7f").raw("v.int8", 1, "\xff").raw("v.uint16", 2, std::string("\x01\x01", 2)).raw("v.int16", 3, "\xff\xff");
  file.uint32("v.uint32", 5).int32("v.int32", -5).float32("v.float32", 1.5F).boolean("v.bool", 1);
  file.raw("v.uint64", 10, number64(~std::uint64_t{0}))
      .raw("v.int64", 11, number64(~std::uint64_t{0}))
      .raw("v.float64", 12, number64(0x3ff8000000000000));
  const auto model = read(file.bytes());
  ASSERT_TRUE(model) << model.error().to_string();
  const std::map<std::string, std::string> wanted{{"v.uint8", "127"}, {"v.int8", "-1"},    {"v.uint16", "257"},  {"v.int16", "-1"},
                                                  {"v.uint32", "5"},  {"v.int32", "-5"},   {"v.float32", "1.5"}, {"v.bool", "true"},
                                                  {"v.int64", "-1"},  {"v.float64", "1.5"}};
  for (const auto& [key, value] : wanted) EXPECT_EQ(model->metadata.at(key), value) << key;
  EXPECT_TRUE(model->metadata.contains("v.uint64"));
}

TEST(GgufReader, BoundsNestedArrays) {
  const auto nested = [](int depth) {
    std::string bytes;
    for (int i = 1; i < depth; ++i) bytes += number32(9) + number64(1);
    return bytes + number32(0) + number64(1) + "x";
  };
  EXPECT_EQ(verdict(tiny_llama().raw("x", 9, nested(4))), "accepted");
  EXPECT_EQ(verdict(tiny_llama().raw("x", 9, nested(5))), "gguf_limit_exceeded");
  EXPECT_EQ(verdict(tiny_llama().raw("x", 9, nested(2000))), "gguf_limit_exceeded");
}

TEST(GgufReader, RefusesDuplicates) {
  EXPECT_EQ(verdict(tiny_llama().text("general.name", "again")), "gguf_duplicate_key");
  EXPECT_EQ(verdict(tiny_llama().tensor("output_norm.weight", {8})), "gguf_duplicate_tensor");
}

TEST(GgufReader, RefusesNamesThatAreNone) {
  EXPECT_EQ(verdict(tiny_llama().uint32("", 1)), "gguf_key_invalid");
  EXPECT_EQ(verdict(tiny_llama().uint32("a\nb", 1)), "gguf_key_invalid");
  EXPECT_EQ(verdict(tiny_llama().uint32(std::string(65'535, 'k'), 1)), "accepted");
  EXPECT_EQ(verdict(tiny_llama().uint32(std::string(65'536, 'k'), 1)), "gguf_key_invalid");
  EXPECT_EQ(verdict(tiny_llama().tensor(std::string(63, 't'), {8})), "accepted");
  EXPECT_EQ(verdict(tiny_llama().tensor(std::string(64, 't'), {8})), "gguf_key_invalid");
}

TEST(GgufReader, RefusesBooleansThatAreNone) { EXPECT_EQ(verdict(tiny_llama().boolean("x", 2)), "gguf_boolean_invalid"); }

TEST(GgufReader, ChecksTheAlignment) {
  for (const std::uint32_t alignment : {0U, 3U, 4U, 48U, 131'072U}) {
    EXPECT_EQ(verdict(tiny_llama().uint32("general.alignment", alignment)), "gguf_alignment_invalid") << alignment;
  }
  EXPECT_EQ(verdict(tiny_llama().uint32("general.alignment", 32)), "accepted");
  EXPECT_EQ(verdict(tiny_llama().text("general.alignment", "32")), "gguf_metadata_wrong_type");
  EXPECT_EQ(verdict(tiny_llama().uint32("general.alignment", 4096)), "gguf_tensor_misaligned");
}

TEST(GgufReader, RefusesATensorThatEndsPastTheFile) {
  EXPECT_EQ(verdict(tiny_llama().moved("output.weight", std::uint64_t{1} << 40)), "gguf_tensor_out_of_bounds");
  EXPECT_EQ(verdict(tiny_llama().moved("output.weight", 0xffffffffffffffe0)), "gguf_tensor_out_of_bounds");
}

TEST(GgufReader, RefusesMisplacedTensors) {
  EXPECT_EQ(verdict(tiny_llama().moved("output.weight", 4)), "gguf_tensor_misaligned");
  EXPECT_EQ(verdict(tiny_llama().moved("output.weight", 0)), "gguf_tensors_overlap");
}

TEST(GgufReader, RefusesImpossibleShapes) {
  const std::uint64_t large = std::uint64_t{1} << 32;
  for (const auto& extents : std::vector<std::vector<std::uint64_t>>{
           {}, {0}, {8, 0}, {1, 1, 1, 1, 1}, {large, large}, {~std::uint64_t{0}}, {large, 8, large, 8}}) {
    EXPECT_EQ(verdict(tiny_llama().tensor("x", {8}).reshaped("x", extents)), "gguf_tensor_dimensions_invalid");
  }
  EXPECT_EQ(verdict(tiny_llama().tensor("x", {33}, 8)), "gguf_tensor_dimensions_invalid");  // Q8_0 has blocks of 32.
  EXPECT_EQ(verdict(tiny_llama().tensor("x", {64, 3}, 8)), "accepted");
}

TEST(GgufReader, RefusesUnknownTensorTypes) {
  for (const std::uint32_t type : {4U, 5U, 31U, 38U, 43U, 1'000U})
    EXPECT_EQ(verdict(tiny_llama().retyped("output.weight", type)), "gguf_tensor_type_unknown") << type;
}

TEST(GgufReader, NeedsAnArchitecture) {
  EXPECT_EQ(verdict(tiny_llama().without("general.architecture")), "gguf_metadata_missing");
  EXPECT_EQ(verdict(tiny_llama().without("general.architecture").uint32("general.architecture", 1)), "gguf_metadata_wrong_type");
}

TEST(GgufReader, RefusesAFileWithNothingInside) {
  EXPECT_EQ(verdict(GgufWriter()), "gguf_nothing_inside");
  EXPECT_EQ(
      verdict(
          GgufWriter().text("general.architecture", "llama").text("tokenizer.chat_template", "{% for i in range(10**12) %}x{% endfor %}")),
      "gguf_nothing_inside");
}

TEST(GgufReader, RefusesCompanionsOfOtherModels) {
  EXPECT_EQ(verdict(tiny_llama().text("general.type", "adapter")), "gguf_adapter_alone");
  EXPECT_EQ(verdict(tiny_llama().text("general.type", "mmproj")), "gguf_projector_alone");
  EXPECT_EQ(verdict(GgufWriter().text("general.architecture", "clip").tensor("v.patch_embd.weight", {8})), "gguf_projector_alone");
  EXPECT_EQ(verdict(tiny_llama().uint32("split.count", 3)), "gguf_split");  // without a name there are no other parts
  EXPECT_EQ(verdict(tiny_llama().uint32("split.count", 1)), "accepted");
}

TEST(GgufReader, RefusesTokensOfTheSameText) {
  const auto with_tokens = [](const std::vector<std::string>& tokens) {
    return verdict(tiny_llama().without("tokenizer.ggml.tokens").texts("tokenizer.ggml.tokens", tokens));
  };
  EXPECT_EQ(with_tokens({"a", "b", "c", "d", "e", "b"}), "gguf_vocabulary_inconsistent");
  EXPECT_EQ(with_tokens({"a", "b", "", "", "", "f"}), "accepted");
}

TEST(GgufReader, ChecksTheVocabularysLists) {
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.tokens")), "gguf_metadata_missing");
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.model")), "gguf_metadata_missing");
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.tokens").texts("tokenizer.ggml.tokens", {})), "gguf_vocabulary_inconsistent");
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.tokens").int32s("tokenizer.ggml.tokens", {1})), "gguf_metadata_wrong_type");
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.scores").float32s("tokenizer.ggml.scores", {1})), "gguf_vocabulary_inconsistent");
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.token_type").int32s("tokenizer.ggml.token_type", {1})),
            "gguf_vocabulary_inconsistent");
  EXPECT_EQ(verdict(tiny_llama().without("tokenizer.ggml.scores").text("tokenizer.ggml.scores", "x")), "gguf_metadata_wrong_type");
  EXPECT_EQ(verdict(tiny_gpt2().without("tokenizer.ggml.merges").uint32("tokenizer.ggml.merges", 1)), "gguf_metadata_wrong_type");
}

TEST(GgufReader, ChecksSpecialTokens) {
  EXPECT_EQ(verdict(tiny_llama().uint32("tokenizer.ggml.padding_token_id", 5)), "accepted");
  EXPECT_EQ(verdict(tiny_llama().uint32("tokenizer.ggml.padding_token_id", 6)), "gguf_token_out_of_range");
  EXPECT_EQ(verdict(tiny_llama().uint32("tokenizer.ggml.padding_token_id", 0xffffffff)), "accepted");
  EXPECT_EQ(verdict(tiny_llama().int32("tokenizer.ggml.mask_token_id", -2)), "gguf_token_out_of_range");
  EXPECT_EQ(verdict(tiny_llama().text("tokenizer.ggml.mask_token_id", "5")), "gguf_metadata_wrong_type");
}

TEST(GgufReader, AcceptsAVocabularyWithoutWeights) {
  const auto model = read(GgufWriter()
                              .text("general.architecture", "llama")
                              .text("tokenizer.ggml.model", "llama")
                              .texts("tokenizer.ggml.tokens", {"a", "b"})
                              .bytes());
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_FALSE(model->text->has_tensors);
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "vocabulary_only");
}

TEST(GgufReader, WarnsWhenItCannotCheckAnArchitecture) {
  const auto model = read(GgufWriter()
                              .text("general.architecture", "newcomer")
                              .text("tokenizer.ggml.model", "llama")
                              .texts("tokenizer.ggml.tokens", {"a"})
                              .text("tokenizer.chat_template", "x")
                              .tensor("x", {8})
                              .bytes());
  ASSERT_TRUE(model) << model.error().to_string();
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "unchecked_architecture");
}

TEST(GgufReader, SaysThatDiffusionIsNotRun) {
  for (const char* pictures : {"flux", "sd3", "wan"})
    EXPECT_EQ(verdict(GgufWriter().text("general.architecture", pictures).tensor("x", {8})), "format_not_supported") << pictures;
  const auto text = read(GgufWriter()
                             .text("general.architecture", "llada")
                             .text("tokenizer.ggml.model", "llama")
                             .texts("tokenizer.ggml.tokens", {"a"})
                             .tensor("x", {8})
                             .bytes());
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_EQ(text->warnings.front().code, "diffusion_model");
}

TEST(GgufReader, ReplacesBytesThatAreNoText) {
  const auto model = read(tiny_llama().text("general.author", "caf\xe9").text("x", std::string(2000, 'x')).bytes());
  EXPECT_EQ(model->metadata.at("general.author"), "caf\xef\xbf\xbd");
  EXPECT_EQ(model->metadata.at("x"), std::string(1000, 'x') + "…");
}

TEST(GgufReader, WarnsAboutATemplateThatIsOnlyNamed) {
  const auto model = read(tiny_llama().text("tokenizer.chat_template", "x").texts("tokenizer.chat_templates", {"default", "rag"}).bytes());
  ASSERT_EQ(model->warnings.size(), 1U);
  EXPECT_EQ(model->warnings[0].code, "chat_template_missing");
  EXPECT_EQ(verdict(tiny_llama().uint32("tokenizer.chat_template", 1)), "gguf_metadata_wrong_type");
}

}  // namespace
}  // namespace forebay::formats
