#include "models/pipeline_builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/nearest.h"
#include "models/errors.h"

namespace forebay::models {

namespace {

using formats::TensorSpec;
using scheduling::PipelineStepKind;
using tensors::DType;

// What is known of a value: its type and shape once something makes or takes it, and whether it is always computed.
struct Value {
  std::string name;
  std::optional<TensorSpec> spec;
  bool always = true;
};

std::unexpected<Error> wrong(const std::string& field, std::string problem) {
  return fail(Error(kPipelineInvalid, fmt::format("{}: {}", field, problem)).with_field(field));
}

// 1 to 128 of letters, digits, '_' and '-', a letter or digit first: a value is named "STEP.OUTPUT".
bool is_value_name(std::string_view name) {
  const auto is_alphanumeric = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= 128 && is_alphanumeric(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_alphanumeric(c) || c == '_' || c == '-'; });
}

std::string text_of(const TensorSpec& spec) { return fmt::format("{} {}", name_of(spec.dtype), tensors::to_string(spec.shape)); }

// Of an input, a step or what it makes: '.' and '/' stand between them.
bool is_value_name(std::string_view name) { return is_model_name(name) && name.find_first_of("./:") == std::string_view::npos; }

// A free dimension fits any other; how long it is shows when a request comes.
bool fits(const TensorSpec& made, const TensorSpec& taken) {
  const auto same = [](std::int64_t a, std::int64_t b) { return a < 0 || b < 0 || a == b; };
  return made.dtype == taken.dtype && (!made.has_shape || !taken.has_shape || std::ranges::equal(made.shape, taken.shape, same));
}

enum class Needs : std::uint8_t { kRunners, kDescriptions };

class Builder {
 public:
  Builder(const PipelineText& text, const PipelineOptions& options, const FindModel& find_model, Needs needs)
      : text_(text), options_(options), find_model_(find_model), needs_(needs) {}

  Result<BuiltPipeline> build() {
    auto built = check_and_lay_out();
    if (!built) return fail(with_step_name(std::move(built).error()));
    return built;
  }

 private:
  // "steps[2].inputs.image: …" with the name that people know the step by.
  Error with_step_name(Error error) const {
    std::size_t index = 0;
    constexpr std::string_view kSteps = "steps[";
    const std::string& field = error.field();
    if (!field.starts_with(kSteps)) return error;
    std::from_chars(field.data() + kSteps.size(), field.data() + field.size(), index);
    if (index >= text_.steps.size() || !is_value_name(text_.steps[index].name)) return error;
    return Error(error.code(), fmt::format("step '{}', {}", text_.steps[index].name, error.message())).with_field(field);
  }

  Result<BuiltPipeline> check_and_lay_out() {
    if (text_.steps.size() > options_.steps_max)
      return fail(
          Error(kPipelineTooLarge, fmt::format("{} steps; at most {}", text_.steps.size(), options_.steps_max)).with_field("steps"));
    if (text_.steps.empty()) return wrong("steps", "there are none");
    if (text_.inputs.empty()) return wrong("inputs", "there are none");
    if (text_.outputs.empty()) return wrong("outputs", "there are none");
    TRY(name_values());
    TRY(order_steps());
    for (const std::size_t i : order_) TRY(check_step(i));
    TRY(check_inputs());
    TRY(check_outputs());
    lay_out();
    return std::move(built_);
  }

  struct Step {
    const PipelineStepText* text = nullptr;
    std::string field;  // "steps[2]"
    std::shared_ptr<ServedModel> model;
    scheduling::PipelineStep made;
    std::vector<std::string> sources;  // the fields that the inputs stand in
    std::size_t depth = 0;
  };

  std::size_t add_value(std::string name) {
    const std::size_t slot = values_.size();
    slots_.emplace(name, slot);
    values_.push_back({.name = std::move(name), .spec = {}, .always = true});
    return slot;
  }

  Result<> name_values() {
    std::set<std::string> names;
    for (std::size_t i = 0; i < text_.inputs.size(); ++i) {
      const std::string field = fmt::format("inputs[{}]", i);
      if (!is_value_name(text_.inputs[i])) return wrong(field, "a name has letters, digits, '_' and '-'");
      if (!names.insert(text_.inputs[i]).second) return wrong(field, fmt::format("'{}' is there twice", text_.inputs[i]));
      add_value(text_.inputs[i]);
    }
    for (std::size_t i = 0; i < text_.steps.size(); ++i) {
      Step step{.text = &text_.steps[i], .field = fmt::format("steps[{}]", i)};
      const std::string& name = step.text->name;
      if (!is_value_name(name)) return wrong(step.field + ".name", "a name has letters, digits, '_' and '-'");
      if (!names.insert(name).second) return wrong(step.field + ".name", fmt::format("'{}' is there twice", name));
      step.made.name = name;
      TRY(read_kind(step));
      if (step.made.kind == PipelineStepKind::kModel) {
        for (const auto& output : step.model->description.outputs) {
          step.made.output_names.push_back(output.name);
          step.made.outputs.push_back(add_value(name + "." + output.name));
          values_.back().spec = output;
        }
        if (step.made.outputs.size() == 1) slots_.emplace(name, step.made.outputs.front());
      } else {
        step.made.outputs.push_back(add_value(name));
      }
      steps_.push_back(std::move(step));
    }
    for (auto& step : steps_) TRY(connect(step));
    return {};
  }

  Result<> read_kind(Step& step) {
    const auto& text = *step.text;
    std::vector<PipelineStepKind> kinds;
    if (text.model && !text.tokenize) kinds.push_back(PipelineStepKind::kModel);
    if (text.tokenize) kinds.push_back(PipelineStepKind::kTokenize);
    if (!text.average.empty()) kinds.push_back(PipelineStepKind::kAverage);
    if (!text.vote.empty()) kinds.push_back(PipelineStepKind::kVote);
    if (!text.first_of.empty()) kinds.push_back(PipelineStepKind::kFirstOf);
    if (text.softmax) kinds.push_back(PipelineStepKind::kSoftmax);
    if (text.argmax) kinds.push_back(PipelineStepKind::kArgmax);
    if (kinds.size() != 1)
      return wrong(step.field, "exactly one of model, average, vote, softmax, argmax, first_of and tokenize says what it does");
    step.made.kind = kinds.front();
    if (!text.inputs.empty() && step.made.kind != PipelineStepKind::kModel)
      return wrong(step.field + ".inputs", "belongs to a step with a model");
    if (!text.weights.empty() && text.weights.size() != text.average.size())
      return wrong(step.field + ".weights", "there must be one for each value that is averaged");
    if (std::ranges::any_of(text.weights, [](float weight) { return !(weight > 0); }))
      return wrong(step.field + ".weights", "must be positive");
    step.made.weights = text.weights;
    if (!text.model) {
      return step.made.kind == PipelineStepKind::kTokenize ? wrong(step.field + ".model", "is missing: whose tokenizer?") : Result<>();
    }
    auto model = find_model_(*text.model);
    if (!model)
      return wrong(step.field + ".model",
                   model.error().message() + (model.error().hint().empty() ? "" : fmt::format(" ({})", model.error().hint())));
    step.model = *std::move(model);
    const auto& description = step.model->description;
    if (description.format == formats::Format::kPipeline)
      return wrong(step.field + ".model", fmt::format("'{}' is a pipeline itself", *text.model));
    if (step.made.kind == PipelineStepKind::kTokenize) {
      step.made.tokenizer = step.model->tokenizer;
      const bool tokenizes = needs_ == Needs::kRunners ? step.made.tokenizer != nullptr : description.text.has_value();
      return tokenizes ? Result<>() : wrong(step.field + ".model", fmt::format("'{}' has no tokenizer", *text.model));
    }
    step.made.runner = step.model->tensors.get();
    const bool runs = needs_ == Needs::kRunners ? step.made.runner != nullptr : description.task == formats::Task::kTensors;
    return runs ? Result<>() : wrong(step.field + ".model", fmt::format("'{}' is no tensor model", *text.model));
  }

  Result<std::size_t> slot_of(const std::string& value, const std::string& field) {
    if (const auto found = slots_.find(value); found != slots_.end()) return found->second;
    std::vector<std::string> known;
    for (const auto& [name, slot] : slots_) known.push_back(name);
    const auto meant = nearest(value, known);
    return wrong(field, fmt::format("nothing is named '{}'{}", value, meant ? fmt::format("; did you mean '{}'?", *meant) : ""));
  }

  Result<> connect(Step& step) {
    const auto take = [&](const std::string& value, const std::string& field) -> Result<> {
      TRY_ASSIGN(const std::size_t slot, slot_of(value, field));
      step.made.inputs.push_back(slot);
      step.sources.push_back(field);
      used_.insert(slot);
      return {};
    };
    const auto& text = *step.text;
    if (step.made.kind == PipelineStepKind::kModel) TRY(connect_model(step, take));
    for (const auto& [values, name] :
         {std::pair(&text.average, "average"), std::pair(&text.vote, "vote"), std::pair(&text.first_of, "first_of")})
      for (std::size_t i = 0; i < values->size(); ++i) TRY(take((*values)[i], fmt::format("{}.{}[{}]", step.field, name, i)));
    for (const auto& [value, name] :
         {std::pair(&text.softmax, "softmax"), std::pair(&text.argmax, "argmax"), std::pair(&text.tokenize, "tokenize")})
      if (*value) TRY(take(**value, fmt::format("{}.{}", step.field, name)));
    if (!text.when) return {};
    scheduling::PipelineCondition when{.equals = text.when->equals, .above = text.when->above, .below = text.when->below};
    TRY_ASSIGN(when.slot, slot_of(text.when->value, step.field + ".when.value"));
    if (when.equals.empty() && !when.above && !when.below)
      return wrong(step.field + ".when", "says nothing: equals, above or below is missing");
    used_.insert(when.slot);
    step.made.when = std::move(when);
    return {};
  }

  template <class Take>
  Result<> connect_model(Step& step, const Take& take) {
    const auto& inputs = step.model->description.inputs;
    for (const auto& [name, value] : step.text->inputs) {
      if (!std::ranges::contains(inputs, name, &TensorSpec::name))
        return wrong(fmt::format("{}.inputs.{}", step.field, name), fmt::format("the model '{}' has no such input", *step.text->model));
    }
    for (const auto& spec : inputs) {
      const auto given = step.text->inputs.find(spec.name);
      const std::string field = fmt::format("{}.inputs.{}", step.field, spec.name);
      if (given == step.text->inputs.end() && spec.is_optional) continue;
      // Without a word, an input takes the pipeline's input of its name.
      if (given == step.text->inputs.end() && !slots_.contains(spec.name)) return wrong(field, "is missing");
      TRY(take(given == step.text->inputs.end() ? spec.name : given->second, field));
      step.made.input_names.push_back(spec.name);
    }
    return {};
  }

  // Kahn, "Topological sorting of large networks" (1962).
  Result<> order_steps() {
    std::map<std::size_t, std::size_t> maker;  // of a slot
    for (std::size_t i = 0; i < steps_.size(); ++i)
      for (const std::size_t slot : steps_[i].made.outputs) maker[slot] = i;
    std::vector<bool> placed(steps_.size());
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < steps_.size(); ++i) {
        if (placed[i]) continue;
        auto needs = steps_[i].made.inputs;
        if (steps_[i].made.when) needs.push_back(steps_[i].made.when->slot);
        std::erase_if(needs, [&](std::size_t slot) { return !maker.contains(slot); });
        if (!std::ranges::all_of(needs, [&](std::size_t slot) { return placed[maker[slot]]; })) continue;
        steps_[i].depth = 1;
        for (const std::size_t slot : needs) steps_[i].depth = std::max(steps_[i].depth, steps_[maker[slot]].depth + 1);
        if (steps_[i].depth > options_.depth_max)
          return fail(Error(kPipelineTooLarge, fmt::format("step '{}' is the {}th in a row; at most {}", steps_[i].made.name,
                                                           steps_[i].depth, options_.depth_max))
                          .with_field(steps_[i].field));
        placed[i] = true;
        order_.push_back(i);
        moved = true;
      }
    }
    if (order_.size() == steps_.size()) return {};
    std::vector<std::string> left;
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (!placed[i]) left.push_back(steps_[i].made.name);
    const auto first = static_cast<std::size_t>(std::ranges::find(placed, false) - placed.begin());
    return wrong(steps_[first].field, fmt::format("steps wait for each other in a circle: {}", fmt::join(left, ", ")));
  }

  // An input of the pipeline is what the first step that takes it wants.
  Result<> take_as(std::size_t slot, const TensorSpec& wanted, const std::string& field) {
    Value& value = values_[slot];
    if (!value.spec) {
      value.spec = wanted;
      value.spec->name = value.name;
      return {};
    }
    if (fits(*value.spec, wanted)) return {};
    return wrong(field, fmt::format("'{}' is {}, and {} is wanted", value.name, text_of(*value.spec), text_of(wanted)));
  }

  Result<> check_step(std::size_t index) {
    Step& step = steps_[index];
    auto& made = step.made;
    const bool meets = made.kind == PipelineStepKind::kFirstOf;
    const auto always = [&](std::size_t slot) { return values_[slot].always; };
    const bool complete = meets ? std::ranges::any_of(made.inputs, always) : std::ranges::all_of(made.inputs, always);
    for (const std::size_t slot : made.outputs) values_[slot].always = complete && !made.when;
    if (made.kind == PipelineStepKind::kModel) {
      for (std::size_t i = 0; i < made.inputs.size(); ++i) {
        const auto& inputs = step.model->description.inputs;
        const auto spec = std::ranges::find(inputs, made.input_names[i], &TensorSpec::name);
        TRY(take_as(made.inputs[i], *spec, step.sources[i]));
      }
      return {};
    }
    if (made.kind == PipelineStepKind::kTokenize)
      TRY(take_as(made.inputs[0], TensorSpec{.dtype = DType::kString, .shape = {1}, .dimension_names = {""}}, step.sources[0]));
    for (std::size_t i = 0; i < made.inputs.size(); ++i)
      if (!values_[made.inputs[i]].spec)
        return wrong(step.sources[i], fmt::format("no model says what type '{}' has", values_[made.inputs[i]].name));
    const TensorSpec first = *values_[made.inputs[0]].spec;
    for (std::size_t i = 1; i < made.inputs.size(); ++i) TRY(take_as(made.inputs[i], first, step.sources[i]));
    return describe_output(step, first);
  }

  Result<> describe_output(const Step& step, TensorSpec spec) {
    const bool numeric = spec.dtype != DType::kString;
    switch (step.made.kind) {
      case PipelineStepKind::kAverage:
      case PipelineStepKind::kSoftmax:
        if (!numeric) return wrong(step.sources[0], "texts cannot be computed with");
        spec.dtype = DType::kFloat32;
        break;
      case PipelineStepKind::kArgmax:
        if (!numeric || spec.shape.empty()) return wrong(step.sources[0], fmt::format("there are no scores in {}", text_of(spec)));
        spec.dtype = DType::kInt64;
        spec.shape.pop_back();
        if (!spec.dimension_names.empty()) spec.dimension_names.pop_back();
        break;
      case PipelineStepKind::kTokenize:
        spec = {.dtype = DType::kInt64, .shape = {1, -1}, .dimension_names = {"", "tokens"}};
        break;
      case PipelineStepKind::kVote:
      case PipelineStepKind::kFirstOf:
      case PipelineStepKind::kModel:
        break;
    }
    Value& value = values_[step.made.outputs.front()];
    spec.name = value.name;
    spec.is_sequence_of_maps = false;
    value.spec = std::move(spec);
    return {};
  }

  Result<> check_inputs() {
    for (std::size_t i = 0; i < text_.inputs.size(); ++i) {
      if (!used_.contains(i)) return wrong(fmt::format("inputs[{}]", i), fmt::format("nothing uses '{}'", text_.inputs[i]));
      if (!values_[i].spec) return wrong(fmt::format("inputs[{}]", i), fmt::format("no model says what type '{}' has", text_.inputs[i]));
    }
    return {};
  }

  Result<> check_outputs() {
    for (const auto& [name, value] : text_.outputs) {
      const std::string field = "outputs." + name;
      if (name.empty() || name.size() > 128) return wrong(field, "a name has 1 to 128 characters");
      TRY_ASSIGN(const std::size_t slot, slot_of(value, field));
      if (!values_[slot].always)
        return wrong(field, fmt::format("'{}' is not always computed: let a first_of step choose between it and something that is", value));
      used_.insert(slot);
      built_.plan.outputs.emplace_back(name, slot);
      TensorSpec spec = *values_[slot].spec;
      spec.name = name;
      built_.description.outputs.push_back(std::move(spec));
    }
    for (const auto& step : steps_) {
      if (std::ranges::none_of(step.made.outputs, [&](std::size_t slot) { return used_.contains(slot); }))
        return wrong(step.field, fmt::format("nothing uses what '{}' gives", step.made.name));
    }
    return {};
  }

  // Outputs that nobody uses are not asked for.
  void drop_unused(scheduling::PipelineStep& step) const {
    if (step.kind != PipelineStepKind::kModel) return;
    for (std::size_t i = step.outputs.size(); i-- > 0;) {
      if (used_.contains(step.outputs[i])) continue;
      step.outputs.erase(step.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      step.output_names.erase(step.output_names.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void lay_out() {
    auto& description = built_.description;
    description.format = formats::Format::kPipeline;
    description.format_version = 1;
    description.task = formats::Task::kTensors;
    description.description = text_.description;
    for (std::size_t i = 0; i < text_.inputs.size(); ++i) description.inputs.push_back(*values_[i].spec);
    for (const std::size_t i : order_) {
      Step& step = steps_[i];
      drop_unused(step.made);
      if (step.model && std::ranges::find(built_.plan.keepers, step.model) == built_.plan.keepers.end())
        built_.plan.keepers.emplace_back(step.model);
      adopt_vision(step);
      built_.plan.steps.push_back(std::move(step.made));
    }
    built_.plan.inputs = text_.inputs;
    built_.plan.slots = values_.size();
    for (const Value& value : values_) {
      built_.values.push_back(value.spec.value_or(TensorSpec{}));
      built_.values.back().name = value.name;
    }
  }

  // A pipeline sees as the first model that takes a picture from it; what it gives is read as that model's if it has the same shape.
  void adopt_vision(const Step& step) {
    auto& description = built_.description;
    if (description.vision || !step.model || !step.model->description.vision || step.made.kind != PipelineStepKind::kModel) return;
    auto recipe = *step.model->description.vision;
    const auto at = std::ranges::find(step.made.input_names, recipe.input) - step.made.input_names.begin();
    if (at == std::ssize(step.made.input_names)) return;
    const std::size_t slot = step.made.inputs[static_cast<std::size_t>(at)];
    if (slot >= text_.inputs.size()) return;
    recipe.input = text_.inputs[slot];
    const auto& outputs = step.model->description.outputs;
    const auto own = std::ranges::find(outputs, recipe.output, &TensorSpec::name);
    const auto like = [&](const TensorSpec& spec) { return own != outputs.end() && fits(spec, *own); };
    const auto found = std::ranges::find_if(description.outputs, like);
    const bool alone = recipe.task == tensors::VisionTask::kClassification || recipe.task == tensors::VisionTask::kSegmentation ||
                       recipe.task == tensors::VisionTask::kDetection;
    if (alone && found != description.outputs.end()) {
      recipe.output = found->name;
    } else if (recipe.task != tensors::VisionTask::kTensors) {
      recipe.task = tensors::VisionTask::kTensors;
    }
    description.labels = step.model->description.labels;
    description.vision = std::move(recipe);
  }

  const PipelineText& text_;
  const PipelineOptions& options_;
  const FindModel& find_model_;
  const Needs needs_;
  std::vector<Value> values_;
  std::map<std::string, std::size_t> slots_;
  std::vector<Step> steps_;
  std::vector<std::size_t> order_;
  std::set<std::size_t> used_;
  BuiltPipeline built_;
};

}  // namespace

Result<BuiltPipeline> build_pipeline(const PipelineText& text, const PipelineOptions& options, const FindModel& find_model) {
  return Builder(text, options, find_model, Needs::kRunners).build();
}

Result<BuiltPipeline> outline_pipeline(const PipelineText& text, const PipelineOptions& options, const FindDescription& find_description) {
  std::map<std::string, std::shared_ptr<ServedModel>> found;  // one model is often part of several steps
  const FindModel find = [&](const std::string& name) -> Result<std::shared_ptr<ServedModel>> {
    auto& model = found[name];
    if (model == nullptr) {
      TRY_ASSIGN(auto description, find_description(name));
      model = std::make_shared<ServedModel>();
      model->name = name;
      model->description = std::move(description);
    }
    return model;
  };
  return Builder(text, options, find, Needs::kDescriptions).build();
}

}  // namespace forebay::models
