#include "formats/onnx_operator_use.h"

#include <fmt/format.h>

#include <algorithm>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_shape_rules.h"

namespace forebay::formats {

namespace {
using shape_rules::input_of;
using shape_rules::Inputs;
using shape_rules::integer_of;

constexpr std::int64_t kStepMax = 1 << 20;
constexpr std::int64_t kHeadsMax = 65'536;
constexpr std::int64_t kKernelElementsMax = 1 << 20;

// What every number of an attribute must lie between, whatever the operator of the domain is.
struct Range {
  std::string_view attribute;
  std::int64_t least;
  std::int64_t most;
};
constexpr Range kRanges[] = {{"batch_dims", 0, 8},
                             {"blocksize", 1, kHeadsMax},
                             {"dilations", 1, kStepMax},
                             {"group", 1, kStepMax},
                             {"hidden_size", 1, kStepMax},
                             {"kernel_shape", 1, kKernelElementsMax},
                             {"kv_num_heads", 1, kHeadsMax},
                             {"max_skip_count", 0, 1000},
                             {"num_groups", 1, kStepMax},
                             {"output_padding", 0, kStepMax},
                             {"pads", -(std::int64_t{1} << 31), std::int64_t{1} << 31},
                             {"q_num_heads", 1, kHeadsMax},
                             {"strides", 1, kStepMax}};

// Operators that read each of their inputs, though the graph may leave out any.
constexpr std::string_view kVariadic[] = {"Concat", "Einsum", "Max", "Mean", "Min", "Sum"};

// Inputs that must have one rank, of at least `least`.
struct SameRank {
  std::string_view op;
  std::size_t one;
  std::size_t other;
  std::int64_t least;
};
constexpr SameRank kSameRanks[] = {{"ConvInteger", 0, 1, 3}, {"ConvTranspose", 0, 1, 3}, {"MaxUnpool", 0, 1, 3}, {"QLinearConv", 0, 3, 3}};

struct Recurrent {
  std::string_view op;
  std::int64_t gates;
};
constexpr Recurrent kRecurrent[] = {{"GRU", 3}, {"LSTM", 4}, {"RNN", 1}};

bool is_rank(const ValueFacts& facts, std::int64_t rank) { return !facts.is_given || !facts.shape || facts.rank() == rank; }

// Whether a dimension that is known is this one.
bool is_extent(const ValueFacts& facts, std::size_t dimension, std::int64_t extent) {
  if (!facts.is_given || !facts.shape) return true;
  const auto known = (*facts.shape)[dimension];
  return known < 0 || known == extent;
}

Result<> check_ranges(const OnnxNode& node) {
  for (const auto& range : kRanges) {
    const auto* attribute = node.attribute(range.attribute);
    if (attribute == nullptr) continue;
    const bool fits = std::ranges::all_of(attribute->integers, [&](auto value) { return value >= range.least && value <= range.most; });
    if (!fits)
      return operator_misused(node, fmt::format("has a number in '{}' outside {} to {}", range.attribute, range.least, range.most));
  }
  if (const auto* kernel = node.attribute("kernel_shape"); kernel != nullptr) {
    std::int64_t elements = 1;
    for (const auto extent : kernel->integers) {
      if (extent > kKernelElementsMax / elements) return operator_misused(node, "has a kernel larger than any picture");
      elements *= extent;
    }
  }
  return {};
}

Result<> check_ranks(const OnnxNode& node, Inputs inputs) {
  for (const auto& rule : kSameRanks) {
    if (rule.op != node.op_type) continue;
    const auto& one = input_of(inputs, rule.one);
    const auto& other = input_of(inputs, rule.other);
    const bool fits = (!one.shape || one.rank() >= rule.least) && (!other.shape || other.rank() >= rule.least) &&
                      (!one.shape || !other.shape || one.rank() == other.rank());
    if (!fits) return operator_misused(node, fmt::format("has inputs {} and {} of ranks that do not fit", rule.one, rule.other));
    if (one.rank_is_open || other.rank_is_open) return operator_misused(node, "has an input whose rank a request may choose");
  }
  // The library looks at the rank of the picture only.
  if (const auto& kernel = input_of(inputs, 1); node.op_type == "Conv" && (kernel.rank_is_open || (kernel.shape && kernel.rank() < 3)))
    return operator_misused(node, "has a kernel of less than three dimensions, or of a rank that a request may choose");
  if (node.op_type.starts_with("Reduce") && !is_rank(input_of(inputs, 1), 1)) return operator_misused(node, "has axes that are no list");
  return {};
}

Result<> check_transposed_convolution(const OnnxNode& node, Inputs inputs) {
  const auto numbers = [&](std::string_view name) {
    const auto* attribute = node.attribute(name);
    return attribute != nullptr ? attribute->integers : std::vector<std::int64_t>();
  };
  const auto& x = input_of(inputs, 0);
  const auto& w = input_of(inputs, 1);
  const auto padding = numbers("output_padding");
  const auto output = numbers("output_shape");
  if (padding.empty() && output.empty()) return {};
  const auto rank = w.shape ? w.rank() : x.rank();
  if (rank < 3) return operator_misused(node, "has an output shape, and an input of unknown rank");
  const auto spatial = static_cast<std::size_t>(rank - 2);
  const auto filled = [&](std::string_view name) {
    auto values = numbers(name);
    if (values.empty()) values.assign(spatial, 1);
    return values;
  };
  const auto strides = filled("strides");
  const auto dilations = filled("dilations");
  if (strides.size() != spatial || dilations.size() != spatial || (!padding.empty() && padding.size() != spatial))
    return operator_misused(node, "has lists of another length than its picture has sides");
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (padding[i] >= std::max(strides[i], dilations[i])) return operator_misused(node, "has an output_padding of a whole step or more");
  }
  for (std::size_t i = 0; i < output.size(); ++i) {
    const auto dimension = i + 2 - (output.size() > spatial ? output.size() - spatial : 0);
    const bool is_known =
        output.size() <= spatial + 2 && x.rank() == rank && w.rank() == rank && (*x.shape)[dimension] >= 0 && (*w.shape)[dimension] >= 0;
    if (!is_known) return operator_misused(node, "has an output_shape, and inputs of unknown sides");
    if (output.size() > spatial && i < output.size() - spatial) continue;
    const auto side = dimension - 2;
    const auto most = ((*x.shape)[dimension] - 1) * strides[side] + ((*w.shape)[dimension] - 1) * dilations[side] +
                      std::max(strides[side], dilations[side]);
    if (output[i] < 1 || output[i] > most) return operator_misused(node, "has an output_shape beyond what its picture reaches");
  }
  return {};
}

Result<> check_recurrent(const OnnxNode& node, Inputs inputs, std::int64_t gates) {
  const auto& w = input_of(inputs, 1);
  const auto& r = input_of(inputs, 2);
  const auto& b = input_of(inputs, 3);
  if (w.rank_is_open || r.rank_is_open) return operator_misused(node, "has weights whose rank a request may choose");
  const bool ranks_fit = is_rank(input_of(inputs, 0), 3) && is_rank(w, 3) && is_rank(r, 3) && is_rank(b, 2) &&
                         is_rank(input_of(inputs, 4), 1) && is_rank(input_of(inputs, 5), 3) &&
                         (gates != 4 || (is_rank(input_of(inputs, 6), 3) && is_rank(input_of(inputs, 7), 2)));
  if (!ranks_fit) return operator_misused(node, "has weights of a rank that does not fit");
  const auto* stated = node.attribute("hidden_size");
  if (stated == nullptr || stated->integers.empty()) return {};
  const auto hidden = stated->integers.front();
  const auto* direction = node.attribute("direction");
  const bool is_both = direction != nullptr && !direction->texts.empty() && direction->texts.front() == "bidirectional";
  const std::int64_t directions = is_both ? 2 : 1;
  const bool fits = is_extent(w, 0, directions) && is_extent(w, 1, gates * hidden) && is_extent(r, 0, directions) &&
                    is_extent(r, 1, gates * hidden) && is_extent(r, 2, hidden) && is_extent(b, 0, directions) &&
                    is_extent(b, 1, 2 * gates * hidden);
  if (!fits) return operator_misused(node, "has weights of another size than hidden_size says");
  return {};
}

// A trailing input that is named and empty is read all the same.
Result<> check_trailing(const OnnxNode& node, Inputs inputs) {
  if (inputs.size() > 2 && !inputs[2].is_given) return operator_misused(node, "leaves out its third input with an empty name");
  return {};
}

Result<> check_fourier(const OnnxNode& node, Inputs inputs) {
  if (node.op_type == "STFT") {
    const auto& window = input_of(inputs, 2);
    const auto& signal = input_of(inputs, 0);
    if (!signal.shape || signal.rank() < 2 || (window.is_given && (!window.shape || window.rank() != 1)))
      return operator_misused(node, "has a signal or a window whose rank does not fit, or is not known");
    return {};
  }
  TRY(check_trailing(node, inputs));
  const auto& x = input_of(inputs, 0);
  if (!x.shape || x.rank() < 2 || (x.shape->back() != 1 && x.shape->back() != 2))
    return operator_misused(node, "has an input whose last dimension is not known to be 1 or 2");
  return {};
}

Result<> check_resize(const OnnxNode& node, Inputs inputs) {
  const auto& x = input_of(inputs, 0);
  const auto* axes = node.attribute("axes");
  if (axes != nullptr) {
    const bool fits = std::ranges::all_of(axes->integers, [&](auto axis) { return axis >= 0 && (!x.shape || axis < x.rank()); });
    if (!fits) return operator_misused(node, "has an axis below zero, or beyond its input");
  }
  const std::int64_t wanted = axes != nullptr && !axes->integers.empty() ? static_cast<std::int64_t>(axes->integers.size()) : x.rank();
  const auto fits = [&](const ValueFacts& list) {
    if (!list.is_given || !list.shape || wanted < 0) return true;
    return list.rank() == 1 && (is_extent(list, 0, wanted) || is_extent(list, 0, 0));
  };
  const bool has_roi = inputs.size() > 2;
  if (!fits(input_of(inputs, has_roi ? 2 : 1)) || !fits(input_of(inputs, 3)))
    return operator_misused(node, "has another number of scales or sizes than its input has dimensions");
  return {};
}

Result<> check_attention(const OnnxNode& node, Inputs inputs) {
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& input = input_of(inputs, i);
    if (input.shape && input.rank() != 3 && input.rank() != 4)
      return operator_misused(node, "has an input of neither three nor four dimensions");
  }
  for (const std::size_t past : {4U, 5U}) {
    const auto& input = input_of(inputs, past);
    if (!is_rank(input, 4) || input.rank_is_open)
      return operator_misused(node, "has a past of another rank than four, or one that a request may choose");
  }
  return {};
}

// The library looks up a row of the caches for each position, wherever that leads.
Result<> check_rotary(const OnnxNode& node, Inputs inputs) {
  const auto& x = input_of(inputs, 0);
  const auto& cache = input_of(inputs, 1);
  const auto& positions = input_of(inputs, 3);
  const bool is_flat = x.rank() == 3;
  if ((!is_flat && x.rank() != 4) || !cache.shape) return operator_misused(node, "has inputs of unknown rank");
  const auto heads = integer_of(node, "num_heads", 0);
  if (is_flat && (heads < 1 || x.shape->back() < 0 || x.shape->back() % heads != 0))
    return operator_misused(node, "has a width that num_heads does not divide");
  const auto turned = integer_of(node, "rotary_embedding_dim", 0);
  const auto width = turned != 0 ? turned : is_flat ? x.shape->back() / heads : x.shape->back();
  const auto same = [](const ValueFacts& one, const ValueFacts& other) { return one.shape && other.shape && *one.shape == *other.shape; };
  if (width < 2 || width % 2 != 0 || cache.shape->back() != width / 2 || !same(cache, input_of(inputs, 2)))
    return operator_misused(node, "has caches that do not fit its width");
  if (!positions.is_given) {
    const auto length = (*x.shape)[is_flat ? 1 : 2];
    const bool fits =
        cache.rank() == 3 && length >= 0 && (*cache.shape)[1] == length && (*cache.shape)[0] >= 0 && (*cache.shape)[0] == x.shape->front();
    return fits ? Result<>() : operator_misused(node, "has caches of another length than its input, or one that is not known");
  }
  const auto rows = cache.rank() == 2 ? cache.shape->front() : -1;
  const bool fits =
      positions.values && std::ranges::all_of(*positions.values, [&](double at) { return at >= 0 && at < static_cast<double>(rows); });
  return fits ? Result<>() : operator_misused(node, "takes positions from a request, or beyond its caches");
}

Result<> check_gather_nd(const OnnxNode& node, Inputs inputs) {
  const auto batch = integer_of(node, "batch_dims", 0);
  const auto& data = input_of(inputs, 0);
  const auto& indices = input_of(inputs, 1);
  for (const auto* input : {&data, &indices}) {
    if (input->shape && batch >= input->rank() && batch > 0) return operator_misused(node, "has batch_dims beyond its inputs");
  }
  for (std::size_t i = 0; data.shape && indices.shape && i < static_cast<std::size_t>(batch); ++i) {
    const auto extent = (*data.shape)[i];
    if (extent >= 0 && !is_extent(indices, i, extent)) return operator_misused(node, "has inputs whose batches differ");
  }
  return {};
}
}  // namespace

std::unexpected<Error> operator_misused(const OnnxNode& node, std::string_view why) {
  return fail(kOnnxOperatorMisused, fmt::format("the node '{}' ({}) {}", shortened(node.name, 200), shortened(node.op_type, 200), why));
}

Result<> check_operator_use(const OnnxNode& node, std::span<const ValueFacts> inputs) {
  if (node.domain == "ai.onnx.ml") return check_classic_operator(node, inputs);
  if (!node.domain.empty()) return {};
  TRY(check_ranges(node));
  if (std::ranges::contains(kVariadic, node.op_type) && !std::ranges::all_of(inputs, &ValueFacts::is_given))
    return operator_misused(node, "leaves out one of its inputs");
  TRY(check_ranks(node, inputs));
  if (node.op_type == "ConvTranspose") return check_transposed_convolution(node, inputs);
  if (const auto* cell = std::ranges::find(kRecurrent, node.op_type, &Recurrent::op); cell != std::end(kRecurrent))
    return check_recurrent(node, inputs, cell->gates);
  if (node.op_type == "LayerNormalization") return check_trailing(node, inputs);
  if (node.op_type == "DFT" || node.op_type == "STFT") return check_fourier(node, inputs);
  if (node.op_type == "Attention") return check_attention(node, inputs);
  if (node.op_type == "RotaryEmbedding") return check_rotary(node, inputs);
  if (node.op_type == "Resize" || node.op_type == "Upsample") return check_resize(node, inputs);
  if (node.op_type == "GatherND") return check_gather_nd(node, inputs);
  return {};
}

}  // namespace forebay::formats
