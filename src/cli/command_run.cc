#include <fmt/format.h>

#include <limits>
#include <memory>

#include "base/log.h"
#include "cli/command.h"
#include "cli/errors.h"
#include "cli/open_model.h"
#include "cli/run_batch.h"
#include "cli/run_outputs.h"
#include "cli/run_tasks.h"

namespace forebay::cli {

namespace {
struct RunFlags {
  ConfigurationFlags configuration;
  RunOptions options;
  std::string form = "text";
  bool json = false;
  std::string backend;
  std::string log_level = "error";
  bool no_normalize = false;
};

// Everything that can be said before the model is loaded.
Result<> check(const RunOptions& options) {
  if (options.temperature && !(*options.temperature >= 0 && *options.temperature <= 5)) return fail(kUsage, "--temperature is 0 to 5");
  if (options.top_p && !(*options.top_p > 0 && *options.top_p <= 1)) return fail(kUsage, "--top-p is above 0 and at most 1");
  if (options.top_k && *options.top_k < 0) return fail(kUsage, "--top-k is 0 (off) or more");
  if (options.model_file.empty()) return fail(kUsage, "the name of the model file is empty");
  return {};
}

Result<> run(Console& console, RunFlags flags) {
  RunOptions& options = flags.options;
  if (flags.json && flags.form != "text" && flags.form != "json") return fail(kUsage, "--json and --output say different things");
  TRY_ASSIGN(options.form, output_form_named(flags.json ? "json" : flags.form));
  options.normalize = !flags.no_normalize;
  TRY(check(options));
  std::vector<Entry> entries = {{"log.level", flags.log_level, EntryKind::kPlain, "--log-level"}};
  if (!flags.backend.empty()) entries.push_back({"models.backend", flags.backend, EntryKind::kPlain, "--backend"});
  TRY_ASSIGN(const auto loaded, load_with(flags.configuration, std::move(entries)));
  log::configure(loaded.values.log);
  TRY_ASSIGN(auto opened, OpenModel::open(console, options.model_file, loaded.values));
  auto& model = opened.model();
  if (!options.batch_file.empty()) return run_batch(console, model, options);
  if (model.generation) return run_generation(console, model, opened.clock(), options);
  if (model.description.task == formats::Task::kEmbedding) return run_embedding(console, model, options);
  if (model.embedding) return run_scoring(console, model, options);
  return run_tensors(console, model, options);
}

void add_text_options(CLI::App& command, RunOptions& options) {
  constexpr const char* kGroup = "Language models";
  command.add_option("-p,--prompt", options.prompt, "The prompt; - is standard input")->type_name("TEXT")->group(kGroup);
  command.add_option("--system", options.system, "A system message")->type_name("TEXT")->group(kGroup);
  command.add_flag("--raw", options.raw, "Complete the prompt as it is, without the chat template")->group(kGroup);
  command.add_option("-n,--max-tokens", options.tokens_max, "Longest answer (512); 0 is what the context leaves")
      ->type_name("N")
      ->group(kGroup);
  command.add_option("-t,--temperature", options.temperature, "0 always takes the likeliest token (1)")->type_name("X")->group(kGroup);
  command.add_option("--top-p", options.top_p, "Only the likeliest tokens with this share (1)")->type_name("X")->group(kGroup);
  command.add_option("--top-k", options.top_k, "Only this many likeliest tokens (0: all); of a ranking, this many items or texts")
      ->type_name("N")
      ->group(kGroup);
  command.add_option("--seed", options.seed, "The same seed gives the same answer")->type_name("N")->group(kGroup);
  repeatable(command.add_option("--stop", options.stop, "End before this text; repeatable"))->type_name("TEXT")->group(kGroup);
}
}  // namespace

void add_run_command(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<RunFlags>();
  RunOptions& options = flags->options;
  auto* command = program.add_subcommand("run", "Run a model once, or hold a conversation with it");
  command->add_option("FILE", options.model_file, "The model file")->required();
  command->add_option("INPUT", options.inputs,
                      "Numbers (1,2,3), JSON, a .json .csv .npy .png .jpg .webp file, text, or - for standard input");
  command->add_option("--output", flags->form, "text (default), json, csv, npy or png")->type_name("FORM");
  command->add_flag("--json", flags->json, "The same as --output json");
  command->add_option("-o,--out", options.out_file, "Write the answer into this file")->type_name("FILE");
  command->add_option("--backend", flags->backend, "Where to compute: auto, cpu, … or a chain")->type_name("NAMES");
  command->add_option("--log-level", flags->log_level, "debug, info, warning, error (default) or off")->type_name("LEVEL");
  repeatable(command->add_option("--input", options.named_inputs, "One of several inputs; repeatable"))
      ->type_name("NAME=VALUE")
      ->group("Tensor models");
  repeatable(command->add_option("--outputs", options.outputs, "Only these outputs; repeatable"))
      ->type_name("NAME")
      ->group("Tensor models");
  command->add_option("--series", options.series, "A series that is cut into windows, as the model's sidecar says")
      ->type_name("VALUE")
      ->group("Tensor models");
  command->add_option("--stride", options.stride, "Steps from one window of a series to the next")->type_name("N")->group("Tensor models");
  command->add_option("--batch", options.batch_file, "A file with one INPUT a line (- is standard input); a line of JSON for each")
      ->type_name("FILE")
      ->group("Tensor models");
  add_text_options(*command, options);
  command->add_option("--prompt-name", options.prompt_name, "The prompt in front of each text, by its name; without it the model's default")
      ->type_name("NAME")
      ->group("Embedding models");
  command->add_flag("--no-normalize", flags->no_normalize, "Vectors as the model gives them, not of length 1")->group("Embedding models");
  command->add_option("--query", options.query, "Rank the texts by how well they fit this one; without it a classifier gives their classes")
      ->type_name("TEXT")
      ->group("Rerankers and classifiers");
  add_configuration_flags(*command, flags->configuration);
  command->footer(
      "Examples (in examples/models):\n"
      "  forebay run digits.onnx seven.png\n"
      "  forebay run wine.onnx wine.csv --output csv\n"
      "  forebay run wine.onnx 13.4,1.8,2.4,20,100,2.7,2.9,0.2,1.8,5.1,1,3.4,920\n"
      "  printf 'seven.png\\ndigit.npy\\n' | forebay run digits.onnx --batch - --out answers.jsonl\n"
      "  forebay run digits.onnx --input image=digit.npy --outputs probabilities --output npy --out digit-answer.npy\n"
      "  forebay run forecast.onnx --series load.csv --stride 12\n"
      "  forebay run basket.onnx '[[0, 1]]' --top-k 2\n"
      "  forebay run chat.gguf \"Tell me about mercy.\"\n"
      "  forebay run chat.gguf                               # a conversation\n"
      "  forebay run embed.gguf \"one text\" \"another\" --json");
  command->callback([&invocation, flags] { invocation.action = [&invocation, flags] { return run(invocation.console, *flags); }; });
}

}  // namespace forebay::cli
