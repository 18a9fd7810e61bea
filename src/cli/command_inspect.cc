#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/errors.h"
#include "cli/inspect_pipeline.h"
#include "cli/model_cache_folder.h"
#include "formats/read_model.h"
#include "models/errors.h"
#include "models/model_probe.h"

namespace forebay::cli {

namespace {
struct InspectFlags {
  std::string file;
  ListForm form;
  bool no_probe = false;
};

// "[batch, 1, 8, 8]": names where the file has them.
std::string shape_text(const formats::TensorSpec& spec) {
  std::vector<std::string> dimensions;
  for (std::size_t i = 0; i < spec.shape.size(); ++i) {
    const bool named = spec.shape[i] < 0 && i < spec.dimension_names.size() && !spec.dimension_names[i].empty();
    dimensions.push_back(spec.shape[i] >= 0 ? fmt::format("{}", spec.shape[i]) : named ? harmless(spec.dimension_names[i]) : "?");
  }
  return fmt::format("[{}]", fmt::join(dimensions, ", "));
}

constexpr std::string_view kDoesNotLoad = "does_not_load";

using Rows = std::vector<std::vector<std::string>>;

void add_row(Rows& rows, const char* name, std::string value) {
  if (!value.empty()) rows.push_back({name, std::move(value)});
}

void add_vision(Rows& rows, const tensors::VisionRecipe& recipe) {
  add_row(rows, "pictures", fmt::format("{}, by {}", tensors::name_of(recipe.task), tensors::name_of(recipe.source)));
  for (const auto& what : recipe.assumed) add_row(rows, "assumed", harmless(what));
}

// Whether requests share runs, as far as the file says it.
std::string batches_of(const formats::ModelDescription& model) {
  if (!model.batchable) return "no: the shapes do not allow it";
  if (model.rows_independent) return *model.rows_independent ? "yes: the sidecar says so" : "no: the sidecar says so";
  if (!model.mixes_rows.empty()) return harmless(fmt::format("no: the operator {} may let one row depend on another", model.mixes_rows));
  return "if rows prove independent when it is loaded";
}

Rows overview(const formats::ModelDescription& model) {
  Rows rows;
  add_row(rows, "format", fmt::format("{} (version {})", formats::name_of(model.format), model.format_version));
  add_row(rows, "task", std::string(formats::name_of(model.task)));
  const auto refused = std::ranges::find_if(
      model.warnings, [](const auto& warning) { return warning.code == kDoesNotLoad || warning.code == "diffusion_model"; });
  if (refused != model.warnings.end()) add_row(rows, "runs here", harmless("no: " + refused->message));
  add_row(rows, "name", harmless(model.name));
  add_row(rows, "architecture", harmless(model.architecture));
  add_row(rows, "description", harmless(model.description));
  add_row(rows, "licence", harmless(model.licence));
  if (model.parameters != 0) add_row(rows, "parameters", human_count(model.parameters));
  add_row(rows, "quantization", harmless(model.quantization));
  add_row(rows, "file", human_bytes(model.file_bytes));
  if (model.weight_bytes != 0) add_row(rows, "weights", human_bytes(model.weight_bytes));
  if (model.memory_bytes != 0) add_row(rows, "memory needed", "about " + human_bytes(model.memory_bytes));
  std::vector<std::string> opsets;
  for (const auto& [domain, version] : model.opsets)
    opsets.push_back(fmt::format("{} {}", domain.empty() ? "ai.onnx" : harmless(domain), version));
  add_row(rows, "operator sets", fmt::format("{}", fmt::join(opsets, ", ")));
  add_row(rows, "custom operators", harmless(fmt::format("{}", fmt::join(model.custom_domains, ", "))));
  add_row(rows, "external files", harmless(fmt::format("{}", fmt::join(model.external_files, ", "))));
  if (!model.inputs.empty()) add_row(rows, "batches", batches_of(model));
  if (const auto& text = model.text) {
    add_row(rows, "tokenizer", fmt::format("{}, {} tokens", harmless(text->tokenizer), text->vocabulary_size));
    if (text->context_length != 0) add_row(rows, "context", fmt::format("{} tokens", text->context_length));
    if (text->embedding_length != 0) add_row(rows, "width", fmt::format("{}, {} layers", text->embedding_length, text->layers));
    add_row(rows, "pooling", harmless(text->pooling));
    add_row(rows, "chat template", text->chat_templates.empty() ? "none" : "yes");
  }
  if (model.vision) add_vision(rows, *model.vision);
  if (const auto& series = model.series)
    add_row(rows, "series", harmless(fmt::format("{}: windows of {} steps, every {}", series->input, series->window, series->stride)));
  if (const auto& ranking = model.ranking)
    add_row(rows, "items", harmless(fmt::format("the best {} of {}", ranking->top_k, ranking->output)));
  if (!model.labels.empty()) {
    const auto shown = std::min<std::size_t>(model.labels.size(), 10);
    add_row(rows, "labels",
            harmless(fmt::format("{}{}", fmt::join(model.labels.begin(), model.labels.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                                 shown < model.labels.size() ? fmt::format(" and {} more", model.labels.size() - shown) : "")));
  }
  return rows;
}

std::string tensors_table(const formats::ModelDescription& model) {
  Rows rows;
  for (const auto& spec : model.inputs)
    rows.push_back(
        {"input", harmless(spec.name), std::string(tensors::name_of(spec.dtype)), shape_text(spec), spec.is_optional ? "optional" : ""});
  for (const auto& spec : model.outputs)
    rows.push_back({"output", harmless(spec.name), std::string(tensors::name_of(spec.dtype)), shape_text(spec), ""});
  for (auto& row : rows)
    if (row.back().empty()) row.pop_back();
  return rows.empty() ? "" : "\n" + aligned(rows);
}

Result<> show_pipeline(Console& console, const std::string& file, bool json) {
  TRY_ASSIGN(const auto view, view_pipeline(file), "inspecting " + file);
  if (json) return console.out << pipeline_json(view) << '\n', Result<>();
  const auto& model = view.built.description;
  console.out << aligned(overview(model)) << tensors_table(model) << '\n' << aligned(part_rows(view)) << '\n' << aligned(step_rows(view));
  return {};
}

// A file that ends the process that loads it is an error here too. That it does not load in another way is told as a warning.
Result<> try_to_load(const std::filesystem::path& file, formats::ModelDescription& model) {
  const bool has_weights = !model.text || model.text->has_tensors;
  if (!has_weights) return {};
  TRY_ASSIGN(const auto cache, open_model_cache({}));
  const auto tried = models::probe_model({.name = "model", .version = "1", .path = file}, model, {}, cache.get(), {});
  if (tried) return {};
  if (tried.error().code() == models::kProbeFailed) return tried;
  model.warnings.push_back({std::string(kDoesNotLoad), fmt::format("it does not load: {}", tried.error().message())});
  return {};
}

Result<> inspect(Console& console, const InspectFlags& flags) {
  TRY_ASSIGN(const bool json, wants_json(flags.form));
  if (models::is_pipeline(flags.file)) return show_pipeline(console, flags.file, json);
  TRY_ASSIGN(const auto file, formats::model_file_of(flags.file), "inspecting " + flags.file);
  TRY_ASSIGN(auto model, formats::read_model(file), "inspecting " + flags.file);
  if (!flags.no_probe) TRY(try_to_load(file, model), "inspecting " + flags.file);
  if (json) return console.out << formats::to_json(model) << '\n', Result<>();
  console.out << aligned(overview(model)) << tensors_table(model);
  for (const auto& warning : model.warnings) console.out << "\nwarning: " << harmless(warning.message) << " (" << warning.code << ")\n";
  return {};
}
}  // namespace

void add_inspect_command(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<InspectFlags>();
  auto* command = program.add_subcommand("inspect", "Show what a model file says about itself");
  command->add_option("FILE", flags->file, "A model file, a folder with one in it, or a NAME.pipeline.json beside its models")->required();
  add_list_form(*command, flags->form);
  command->add_flag("--no-probe", flags->no_probe, "Do not try in a child process whether the file loads");
  command->footer("Examples (in examples/models):\n  forebay inspect digits.onnx\n  forebay inspect chat.gguf --json");
  command->callback([&invocation, flags] { invocation.action = [&invocation, flags] { return inspect(invocation.console, *flags); }; });
}

}  // namespace forebay::cli
