#include "formats/onnx_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_set>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/label_list.h"
#include "formats/onnx_constant_bounds.h"
#include "formats/onnx_graph_check.h"
#include "formats/onnx_graph_facts.h"
#include "formats/onnx_model.h"
#include "formats/onnx_operator_use.h"
#include "formats/onnx_operators.h"
#include "formats/onnx_weights.h"

namespace forebay::formats {

namespace {
constexpr std::size_t kShownBytesMax = 1000;
constexpr std::size_t kNameBytesMax = 4096;
constexpr std::size_t kLabelsBytesMax = std::size_t{4} << 20;
constexpr std::uint64_t kRuntimeBytes = std::uint64_t{16} << 20;

using Kind = OnnxValueType::Kind;

std::string type_text(const OnnxValueType& type) {
  switch (type.kind) {
    case Kind::kTensor:
      return fmt::format("a tensor of {}", name_of(type.element));
    case Kind::kSequence:
      return "a sequence";
    case Kind::kMap:
      return "a map";
    case Kind::kOptional:
      return "an optional value";
    case Kind::kSparse:
      return "a sparse tensor";
    default:
      return "of an unknown type";
  }
}

// tf2onnx and others invent a new name for each free dimension; such a name says nothing about which dimensions are equal.
bool is_invented(std::string_view name) { return name.empty() || name == "?" || name == "None" || name.starts_with("unk__"); }

// RoBERTa's positions begin behind the number of its padding token, so two rows of its tables serve no token. Without the family's name,
// two rows more than a multiple of 64 are the same.
std::uint32_t positions_of(const OnnxGraph& graph) {
  constexpr std::int64_t kRowsMost = 1 << 20;
  for (const auto& tensor : graph.initialisers) {
    if (!tensor.name.contains("position_embeddings") || tensor.dimensions.size() != 2) continue;
    const std::int64_t rows = tensor.dimensions[0];
    if (rows < 1 || rows > kRowsMost) continue;
    const auto names = [&](std::string_view family) { return tensor.name.contains(family); };
    const bool shifted = names("roberta") || names("camembert") || names("mpnet") || rows % 64 == 2;
    return static_cast<std::uint32_t>(shifted && rows > 2 ? rows - 2 : rows);
  }
  return 0;
}

class Describer {
 public:
  Describer(const OnnxModel& model, std::uint64_t file_bytes) : model_(model), file_bytes_(file_bytes) {}

  Result<ModelDescription> describe(const ReadLimits& limits, const std::optional<std::filesystem::path>& folder) {
    if (!model_.graph || model_.graph->nodes.empty() || model_.graph->outputs.empty()) {
      return fail(kOnnxWithoutGraph, model_.graph ? "the graph has no nodes or no outputs" : "the file has no graph");
    }
    TRY(describe_versions());
    TRY(check_graph(model_));
    TRY_ASSIGN(const auto weights, check_weights(model_, folder, limits));
    describe_weights(weights);
    TRY_ASSIGN(described_.foldable, constants_are_bounded(model_, weights.bytes, limits));
    TRY(describe_inputs());
    TRY(describe_outputs());
    describe_domains();
    describe_metadata();
    described_.batchable = is_batchable();
    OnnxGraphFacts facts = facts_of(model_);
    described_.mixes_rows = std::move(facts.mixes_rows);
    described_.unbounded = std::move(facts.unbounded);
    return std::move(described_);
  }

 private:
  void warn(std::string code, std::string message) { described_.warnings.push_back({std::move(code), std::move(message)}); }

  Result<> describe_versions() {
    described_.format = Format::kOnnx;
    described_.task = Task::kTensors;
    described_.name = shortened(model_.graph->name, kShownBytesMax);
    described_.architecture = shortened(model_.producer, kShownBytesMax);
    described_.description = shortened(model_.doc, kShownBytesMax);
    if (model_.ir_version < 1 || model_.ir_version > kOnnxIrVersionMax) {
      return fail(kOnnxVersionUnsupported,
                  fmt::format("the IR version is {}; 1 to {} are understood", model_.ir_version, kOnnxIrVersionMax));
    }
    described_.format_version = static_cast<std::uint32_t>(model_.ir_version);
    for (const auto& [domain, version] : model_.opsets) {
      const auto most = domain.empty()           ? kOnnxOpsetMax
                        : domain == "ai.onnx.ml" ? kOnnxMlOpsetMax
                                                 : std::numeric_limits<std::int64_t>::max();
      if (version < 1 || version > most) {
        return fail(kOnnxVersionUnsupported, fmt::format("operator set {} of '{}' is unknown; 1 to {} are understood", version,
                                                         domain.empty() ? "ai.onnx" : shortened(domain, kShownBytesMax), most));
      }
      described_.opsets[domain.empty() ? "ai.onnx" : shortened(domain, kShownBytesMax)] = version;
    }
    return {};
  }

  void describe_weights(const OnnxWeights& weights) {
    described_.parameters = weights.parameters;
    described_.positions = positions_of(*model_.graph);
    described_.weight_bytes = weights.bytes;
    described_.external_files = weights.external_files;
    described_.file_bytes = file_bytes_ + weights.external_bytes;
    described_.quantization = weights.most_used_type;
    // The engine holds the weights once and a packed copy for its kernels; activations depend on the request.
    described_.memory_bytes = 2 * weights.bytes + kRuntimeBytes;
  }

  Result<> describe_inputs() {
    std::unordered_set<std::string_view> weights;
    for (const auto& tensor : model_.graph->initialisers) weights.insert(tensor.name);
    for (const auto& sparse : model_.graph->sparse_initialisers) weights.insert(sparse.values.name);
    for (const auto& input : model_.graph->inputs) {
      if (weights.contains(input.name)) continue;
      const bool is_optional = input.type.kind == Kind::kOptional && input.type.inner != nullptr;
      const auto& type = is_optional ? *input.type.inner : input.type;
      if (type.kind != Kind::kTensor)
        return fail(kOnnxTypeUnsupported, fmt::format("the input '{}' is {}", shortened(input.name, kNameBytesMax), type_text(type)));
      TRY_ASSIGN(auto spec, tensor_spec(input.name, type));
      spec.is_optional = is_optional;
      described_.inputs.push_back(std::move(spec));
    }
    for (const auto& node : model_.graph->nodes) state_columns(node);
    return {};
  }

  // Files often leave free what a model of fixed coefficients cannot take otherwise.
  void state_columns(const OnnxNode& node) {
    const auto columns = columns_wanted(node);
    const auto input =
        std::ranges::find(described_.inputs, node.inputs.empty() ? std::string_view() : node.inputs.front(), &TensorSpec::name);
    if (!columns || input == described_.inputs.end()) return;
    if (!input->has_shape) {
      input->has_shape = true;
      input->shape = {-1, *columns};
      input->dimension_names = {"", ""};
    } else if (input->shape.size() == 2 && input->shape[1] < 0) {
      input->shape[1] = *columns;
    }
  }

  Result<> describe_outputs() {
    std::unordered_set<std::string_view> names;
    for (const auto& output : model_.graph->outputs) {
      if (!names.insert(output.name).second)
        return fail(kOnnxDuplicateName, fmt::format("two outputs are named '{}'", shortened(output.name, kNameBytesMax)));
      if (is_sequence_of_maps(output.type)) {
        TRY_ASSIGN(auto spec, map_spec(output));
        described_.outputs.push_back(std::move(spec));
        continue;
      }
      if (output.type.kind == Kind::kNone || (output.type.kind == Kind::kTensor && output.type.element == OnnxType::kUndefined)) {
        TRY_ASSIGN(auto spec, untyped_spec(output.name));
        described_.outputs.push_back(std::move(spec));
        continue;
      }
      if (output.type.kind != Kind::kTensor) {
        return fail(kOnnxTypeUnsupported,
                    fmt::format("the output '{}' is {}", shortened(output.name, kNameBytesMax), type_text(output.type)));
      }
      TRY_ASSIGN(auto spec, tensor_spec(output.name, output.type));
      described_.outputs.push_back(std::move(spec));
    }
    return {};
  }

  static Result<TensorSpec> tensor_spec(std::string_view name, const OnnxValueType& type) {
    if (name.empty() || name.size() > kNameBytesMax || !is_utf8(name)) return fail(kOnnxMalformed, "an input or output has no usable name");
    const auto dtype = dtype_of(type.element);
    if (!dtype) return fail(kOnnxTypeUnsupported, fmt::format("'{}' is {}", name, type_text(type)));
    TensorSpec spec{.name = std::string(name), .dtype = *dtype, .has_shape = type.has_shape};
    for (const auto& dimension : type.shape) {
      // A negative number counts as free, as in ONNX Runtime.
      spec.shape.push_back(dimension.value && *dimension.value >= 0 ? *dimension.value : -1);
      spec.dimension_names.push_back(shortened(dimension.name, kShownBytesMax));
    }
    return spec;
  }

  // Exporters may leave an output's type to be inferred; the engine knows it once the model is loaded.
  Result<TensorSpec> untyped_spec(std::string_view name) {
    OnnxValueType assumed;
    assumed.kind = Kind::kTensor;
    assumed.element = OnnxType::kFloat;
    TRY_ASSIGN(auto spec, tensor_spec(name, assumed));
    warn("output_type_unknown", fmt::format("the output '{}' states no type; it is taken for float32", name));
    return spec;
  }

  static bool is_sequence_of_maps(const OnnxValueType& type) {
    if (type.kind != Kind::kSequence || type.inner == nullptr || type.inner->kind != Kind::kMap || type.inner->inner == nullptr)
      return false;
    const auto& value = *type.inner->inner;
    return value.kind == Kind::kTensor && value.element == OnnxType::kFloat &&
           (type.inner->element == OnnxType::kInt64 || type.inner->element == OnnxType::kString);
  }

  // [rows, classes] as it is served; the node that makes it names the classes.
  Result<TensorSpec> map_spec(const OnnxValue& output) {
    if (output.name.empty() || output.name.size() > kNameBytesMax || !is_utf8(output.name))
      return fail(kOnnxMalformed, "an output has no usable name");
    TensorSpec spec{.name = std::string(output.name), .shape = {-1, -1}, .dimension_names = {"", ""}, .is_sequence_of_maps = true};
    for (const auto& node : model_.graph->nodes) {
      if (node.op_type != "ZipMap" || !std::ranges::contains(node.outputs, output.name)) continue;
      auto labels = zip_map_labels(node);
      if (labels.empty()) continue;
      spec.shape[1] = static_cast<std::int64_t>(labels.size());
      if (described_.labels.empty()) described_.labels = std::move(labels);
    }
    return spec;
  }

  static std::vector<std::string> zip_map_labels(const OnnxNode& node) {
    std::vector<std::string> labels;
    if (const auto* texts = node.attribute("classlabels_strings")) {
      for (const auto label : texts->texts) labels.push_back(shortened(label, kShownBytesMax));
    }
    if (const auto* numbers = node.attribute("classlabels_int64s"); numbers != nullptr && labels.empty()) {
      for (const auto label : numbers->integers) labels.push_back(fmt::format("{}", label));
    }
    return labels;
  }

  void describe_domains() {
    std::set<std::string_view> used;
    std::set<std::pair<std::string_view, std::string_view>> functions;
    for (const auto& function : model_.functions) functions.insert({function.domain, function.name});
    const auto collect = [&](this const auto& self, const std::vector<OnnxNode>& nodes) -> void {
      for (const auto& node : nodes) {
        if (!is_engine_domain(node.domain) && !functions.contains({node.domain, node.op_type})) used.insert(node.domain);
        for (const auto& attribute : node.attributes) {
          for (const auto& graph : attribute.graphs) self(graph.nodes);
        }
      }
    };
    collect(model_.graph->nodes);
    for (const auto& function : model_.functions) collect(function.nodes);
    for (const auto domain : used) {
      described_.custom_domains.push_back(shortened(domain, kShownBytesMax));
      warn("custom_operators",
           fmt::format("the model uses operators of '{}', which the engine does not have", described_.custom_domains.back()));
    }
  }

  void describe_metadata() {
    for (const auto& [key, value] : model_.metadata) {
      described_.metadata[shortened(key, kShownBytesMax)] = shortened(value, kShownBytesMax);
      const bool names_labels = key == "labels" || key == "names" || key == "classes" || key == "class_names";
      if (names_labels && value.size() <= kLabelsBytesMax && described_.labels.empty()) described_.labels = parse_labels(value);
      if (key == "license" || key == "licence") described_.licence = shortened(value, kShownBytesMax);
      if (key == "description" && described_.description.empty()) described_.description = shortened(value, kShownBytesMax);
    }
    if (!model_.producer_version.empty())
      described_.metadata.emplace("producer_version", shortened(model_.producer_version, kShownBytesMax));
  }

  bool is_batchable() const {
    std::string_view batch;
    const auto agrees = [&](const TensorSpec& spec) {
      if (!spec.has_shape || spec.shape.empty() || spec.shape[0] != -1) return false;
      const std::string_view name = spec.dimension_names[0];
      if (is_invented(name)) return true;
      if (batch.empty()) batch = name;
      return batch == name;
    };
    return !described_.inputs.empty() && std::ranges::all_of(described_.inputs, agrees) && std::ranges::all_of(described_.outputs, agrees);
  }

  const OnnxModel& model_;
  std::uint64_t file_bytes_;
  ModelDescription described_;
};
}  // namespace

Result<ModelDescription> read_onnx(std::span<const std::byte> bytes, const ReadLimits& limits,
                                   const std::optional<std::filesystem::path>& folder) {
  TRY_ASSIGN(const auto model, decode_onnx(bytes, limits));
  return Describer(model, bytes.size()).describe(limits, folder);
}

}  // namespace forebay::formats
