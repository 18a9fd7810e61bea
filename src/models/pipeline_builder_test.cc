#include "models/pipeline_builder.h"

#include <gtest/gtest.h>

#include <map>

#include "models/errors.h"

namespace forebay::models {
namespace {

using tensors::DType;

class NoRunner final : public scheduling::TensorRunner {
 public:
  Result<> submit(scheduling::TensorRequest, Done) override { return {}; }
  scheduling::RunnerStats stats() const override { return {}; }
  std::vector<scheduling::DeadLetter> dead_letters() const override { return {}; }
  void help() override {}
  std::size_t clear_cache() override { return 0; }
};

std::shared_ptr<ServedModel> model_of(std::vector<formats::TensorSpec> inputs, std::vector<formats::TensorSpec> outputs) {
  auto model = std::make_shared<ServedModel>();
  model->description.inputs = std::move(inputs);
  model->description.outputs = std::move(outputs);
  model->tensors = std::make_unique<NoRunner>();
  return model;
}

// "digits": image [?, 64] -> scores [?, 10], label [?]. "mixer": left, right [?, 10] -> mixed [?, 10]. "words": text.
Result<std::shared_ptr<ServedModel>> find(const std::string& name) {
  if (name == "digits")
    return model_of({{.name = "image", .shape = {-1, 64}}},
                    {{.name = "scores", .shape = {-1, 10}}, {.name = "label", .dtype = DType::kInt64, .shape = {-1}}});
  if (name == "mixer")
    return model_of({{.name = "left", .shape = {-1, 10}}, {.name = "right", .shape = {-1, 10}}}, {{.name = "mixed", .shape = {-1, 10}}});
  if (name == "words") return std::make_shared<ServedModel>();
  if (name == "nested") {
    auto model = model_of({}, {});
    model->description.format = formats::Format::kPipeline;
    return model;
  }
  return fail(kModelNotFound, "no model named '" + name + "'");
}

Result<BuiltPipeline> built(std::string_view json, const PipelineOptions& options = {}) {
  TRY_ASSIGN(const auto text, read_pipeline(json));
  return build_pipeline(text, options, find);
}
std::string wrong_field(const std::string& steps, const std::string& outputs = R"("o":"d.scores")") {
  const auto pipeline =
      built(R"({"inputs":["image"],"steps":[{"name":"d","model":"digits"})" + steps + R"(],"outputs":{)" + outputs + "}}");
  if (pipeline) return "";
  EXPECT_EQ(pipeline.error().code(), kPipelineInvalid) << pipeline.error().to_string();
  return pipeline.error().field();
}

TEST(BuildPipeline, DescribesItselfAsAModel) {
  const auto pipeline = built(R"({"description":"two opinions","inputs":["picture"],"outputs":{"scores":"mean","digit":"best"},"steps":[
    {"name":"best","argmax":"mean"},
    {"name":"mean","average":["first.scores","second.scores"],"weights":[1,2]},
    {"name":"first","model":"digits","inputs":{"image":"picture"}},
    {"name":"second","model":"digits","inputs":{"image":"picture"}}]})");
  ASSERT_TRUE(pipeline) << pipeline.error().to_string();
  const auto& description = pipeline->description;
  EXPECT_EQ(description.format, formats::Format::kPipeline);
  EXPECT_EQ(description.inputs.at(0).name, "picture");
  EXPECT_EQ(description.inputs.at(0).shape, (tensors::Shape{-1, 64}));
  EXPECT_EQ(description.outputs.at(0).name, "digit");
  EXPECT_EQ(description.outputs.at(0).dtype, DType::kInt64);
  EXPECT_EQ(description.outputs.at(0).shape, (tensors::Shape{-1}));
  EXPECT_EQ(description.outputs.at(1).shape, (tensors::Shape{-1, 10}));
  EXPECT_EQ(pipeline->plan.steps.at(0).name, "first");
  EXPECT_EQ(pipeline->plan.steps.at(3).name, "best");
  EXPECT_EQ(pipeline->plan.steps.at(0).output_names, (std::vector<std::string>{"scores"})) << "the label is not asked for";
}

TEST(BuildPipeline, GivesInputsByNameAndSingleOutputsByTheStep) {
  EXPECT_EQ(wrong_field(R"(,{"name":"m","model":"mixer","inputs":{"left":"d.scores","right":"d.scores"}},{"name":"s","softmax":"m"})",
                        R"("o":"s")"),
            "");
}

TEST(BuildPipeline, SaysTheNameOfTheStepThatIsWrong) {
  const auto pipeline = built(R"({"inputs":["image"],"outputs":{"o":"best"},"steps":[{"name":"best","model":"digts"}]})");
  ASSERT_FALSE(pipeline);
  EXPECT_TRUE(pipeline.error().message().starts_with("step 'best', steps[0].model: ")) << pipeline.error().message();
}

TEST(OutlinePipeline, NeedsDescriptionsOnly) {
  const auto describe = [](const std::string& name) -> Result<formats::ModelDescription> {
    TRY_ASSIGN(const auto model, find(name));
    auto description = model->description;
    if (name == "words") {
      description.task = formats::Task::kTextGeneration;
      description.text.emplace();
    }
    return description;
  };
  const auto outline = [&](std::string_view json) { return outline_pipeline(read_pipeline(json).value(), {}, describe); };
  const auto pipeline = outline(R"({"inputs":["image"],"outputs":{"o":"best"},"steps":[
    {"name":"best","argmax":"d.scores"},{"name":"d","model":"digits"}]})");
  ASSERT_TRUE(pipeline) << pipeline.error().to_string();
  EXPECT_EQ(pipeline->description.outputs.at(0).dtype, DType::kInt64);
  EXPECT_EQ(pipeline->plan.steps.at(0).name, "d");
  ASSERT_EQ(pipeline->values.size(), pipeline->plan.slots);
  EXPECT_EQ(pipeline->values.at(pipeline->plan.steps.at(0).outputs.at(0)).name, "d.scores");
  EXPECT_EQ(outline(R"({"inputs":["t"],"outputs":{"o":"w"},"steps":[{"name":"w","model":"words"}]})").error().field(), "steps[0].model");
  EXPECT_TRUE(outline(R"({"inputs":["t"],"outputs":{"o":"w"},"steps":[{"name":"w","tokenize":"t","model":"words"}]})"));
  EXPECT_EQ(outline(R"({"inputs":["t"],"outputs":{"o":"w"},"steps":[{"name":"w","tokenize":"t","model":"digits"}]})").error().field(),
            "steps[0].model");
}

TEST(BuildPipeline, NamesTheStepAndTheFieldThatIsWrong) {
  EXPECT_EQ(wrong_field(""), "");
  EXPECT_EQ(wrong_field(R"(,{"name":"d","softmax":"d.scores"})"), "steps[1].name");
  EXPECT_EQ(wrong_field(R"(,{"name":"image","softmax":"d.scores"})"), "steps[1].name");
  EXPECT_EQ(wrong_field(R"(,{"name":"a.b","softmax":"d.scores"})"), "steps[1].name");
  EXPECT_EQ(wrong_field(R"(,{"name":"x"})"), "steps[1]");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"d.scores","argmax":"d.scores"})"), "steps[1]");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","model":"digts"})"), "steps[1].model");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","model":"nested"})"), "steps[1].model");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","model":"words"})"), "steps[1].model");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","tokenize":"image"})"), "steps[1].model");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","tokenize":"image","model":"words"})"), "steps[1].model");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"d.score"})"), "steps[1].softmax");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"d"})"), "steps[1].softmax") << "it has two outputs";
  EXPECT_EQ(wrong_field(R"(,{"name":"x","model":"digits","inputs":{"imge":"image"}})"), "steps[1].inputs.imge");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","model":"mixer","inputs":{"left":"d.scores"}})"), "steps[1].inputs.right");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","model":"mixer","inputs":{"left":"d.scores","right":"image"}})", R"("o":"x")"),
            "steps[1].inputs.right");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","average":["d.scores","d.label"]})", R"("o":"x")"), "steps[1].average[1]");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","average":["d.scores"],"weights":[1,2]})"), "steps[1].weights");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","average":["d.scores"],"weights":[0]})"), "steps[1].weights");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"d.scores","when":{"value":"d.label"}})"), "steps[1].when");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"d.scores","when":{"value":"d.lable","above":1}})"), "steps[1].when.value");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"d.scores"})"), "steps[1]") << "nothing uses it";
  EXPECT_EQ(wrong_field("", R"("o":"d.nothing")"), "outputs.o");
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"y"},{"name":"y","softmax":"x"})", R"("o":"x")"), "steps[1]") << "a circle";
  EXPECT_EQ(wrong_field(R"(,{"name":"x","softmax":"x"})", R"("o":"x")"), "steps[1]");
}

TEST(BuildPipeline, WantsOutputsThatAreAlwaysComputed) {
  const std::string branch = R"(,{"name":"x","softmax":"d.scores","when":{"value":"d.label","equals":[7]}})";
  EXPECT_EQ(wrong_field(branch, R"("o":"x")"), "outputs.o");
  EXPECT_EQ(wrong_field(branch + R"(,{"name":"z","softmax":"x"})", R"("o":"z")"), "outputs.o");
  EXPECT_EQ(wrong_field(branch + R"(,{"name":"z","first_of":["x","d.scores"]})", R"("o":"z")"), "");
}

TEST(BuildPipeline, HoldsItsLimitsExactly) {
  const std::string chain =
      R"({"inputs":["image"],"outputs":{"o":"b"},"steps":[{"name":"d","model":"digits"},{"name":"a","softmax":"d.scores"},{"name":"b","softmax":"a"}]})";
  EXPECT_TRUE(built(chain, {.steps_max = 3, .depth_max = 3}));
  EXPECT_EQ(built(chain, {.steps_max = 2}).error().code(), kPipelineTooLarge);
  EXPECT_EQ(built(chain, {.depth_max = 2}).error().code(), kPipelineTooLarge);
}

TEST(BuildPipeline, RefusesEmptyPartsAndInputsWithoutUse) {
  for (const auto* json : {R"({"inputs":["i"],"outputs":{"o":"i"},"steps":[]})",
                           R"({"inputs":[],"outputs":{"o":"i"},"steps":[{"name":"d","model":"digits"}]})",
                           R"({"inputs":["image"],"outputs":{},"steps":[{"name":"d","model":"digits"}]})",
                           R"({"inputs":["image","other"],"outputs":{"o":"d.scores"},"steps":[{"name":"d","model":"digits"}]})",
                           R"({"inputs":["image","image"],"outputs":{"o":"d.scores"},"steps":[{"name":"d","model":"digits"}]})"}) {
    EXPECT_EQ(built(json).error().code(), kPipelineInvalid) << json;
  }
}

TEST(ReadPipeline, SaysTheLineThatIsWrong) {
  const auto message = [](std::string_view json) { return read_pipeline(json).error_or(Error(kModelNotFound, "read")).message(); };
  EXPECT_TRUE(message("{\n\"inputs\": [\"i\"],\n\"stepz\": []}").starts_with("line 3: a member that is not known"));
  EXPECT_TRUE(message("{\n[").starts_with("line 2"));
  EXPECT_TRUE(message(R"({"inputs":"i"})").starts_with("line 1"));
  EXPECT_EQ(message(R"({"inputs":["i"]})"), "read");
  EXPECT_EQ(read_pipeline(std::string(kPipelineBytesMax + 1, ' ')).error().code(), kPipelineInvalid);
}

}  // namespace
}  // namespace forebay::models
