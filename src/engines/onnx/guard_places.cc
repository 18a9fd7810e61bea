#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "engines/onnx/guard_kernel.h"
#include "engines/onnx/guard_operators.h"

namespace forebay::engines::guards {

namespace {
constexpr std::int64_t kSizeMax = std::numeric_limits<std::int32_t>::max();
constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr auto kDouble = ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;

ONNXTensorElementDataType type_of(const Ort::ConstValue& value) { return value.GetTensorTypeAndShapeInfo().GetElementType(); }

Shape shape_of(const Ort::ConstValue& value) { return value.GetTensorTypeAndShapeInfo().GetShape(); }

// What the node says, else this.
template <class T>
T attribute_or(const Ort::ConstKernelInfo& info, const char* name, T otherwise) {
  try {
    return info.GetAttribute<T>(name);
  } catch (const Ort::Exception&) {
    return otherwise;
  }
}

void check_sizes(std::span<const std::int64_t> sizes) {
  if (!std::ranges::all_of(sizes, [](std::int64_t size) { return size >= 0 && size <= kSizeMax; }))
    refuse("a size is negative, or too large");
}

struct Sizes {
  static constexpr std::string_view kName = kCheckSizes;
  static constexpr ONNXTensorElementDataType kInputs[] = {kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Sizes(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    const auto sizes = context.GetInput(0);
    check_sizes(numbers_of<std::int64_t>(sizes));
    pass_on(context, sizes);
  }
};

struct Range {
  static constexpr std::string_view kName = kCheckRange;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny};  // variadic: all of one type
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_VARIADIC;
  explicit Range(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    switch (type_of(context.GetInput(1))) {
      case kFloat:
        check<float>(context);
        break;
      case kDouble:
        check<double>(context);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
        check<std::int16_t>(context);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
        check<std::int32_t>(context);
        break;
      case kInt64:
        check<std::int64_t>(context);
        break;
      default:
        refuse("a range of this type cannot be checked");
    }
    pass_on(context, context.GetInput(1));
  }

 private:
  // The library subtracts in the type of the numbers and counts in 64 bits.
  template <class T>
  static void check(const Ort::KernelContext& context) {
    constexpr double kCountMax = 1e12;
    const auto number = [&](std::size_t i) {
      const auto numbers = numbers_of<T>(context.GetInput(i));
      if (numbers.size() != 1) refuse("a range takes single numbers");
      return numbers.front();
    };
    const T start = number(0), limit = number(1), delta = context.GetInputCount() > 2 ? number(2) : T{1};
    T length{};
    if constexpr (std::is_integral_v<T>) {
      if (__builtin_sub_overflow(limit, start, &length)) refuse("the limits of a range are too far apart");
    } else {
      length = limit - start;
    }
    if (delta == T{0}) return;  // the library says so
    const double count = static_cast<double>(length) / static_cast<double>(delta);
    if (!(std::abs(count) <= kCountMax)) refuse("a range has too many numbers, or none that can be counted");
  }
};

// What Pad repeats must be there: the library reads it without a look at the tensor's end.
class Padding {
 public:
  explicit Padding(const Ort::ConstKernelInfo& info) : mode_(attribute_or<std::string>(info, "mode", "constant")) {}

  void check(std::int64_t extent, std::int64_t first, std::int64_t last) const {
    for (const std::int64_t pad : {first, last})
      if (pad < -kSizeMax || pad > kSizeMax) refuse("a pad is too large");
    const std::int64_t kept = extent + std::min<std::int64_t>(first, 0) + std::min<std::int64_t>(last, 0);
    if (kept < 0) refuse("pads take more away than there is");
    const std::int64_t added = std::max(first, last);
    // The library leaves what it makes then as it was in memory.
    if (kept == 0 && extent > 0 && added > 0) refuse("pads take all away that there is, and add to it");
    if (mode_ == "constant" || added <= 0) return;
    const std::int64_t most = mode_ == "reflect" ? kept - 1 : mode_ == "wrap" ? kept : kSizeMax;
    if (kept == 0 || added > most) refuse(fmt::format("a pad of {} repeats more than there is ({})", added, kept));
  }

 private:
  const std::string mode_;
};

struct Pads {
  static constexpr std::string_view kName = kCheckPads;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_OPTIONAL;
  explicit Pads(const Ort::ConstKernelInfo& info) : padding_(info), has_unknown_axes_(attribute_or<std::int64_t>(info, "axis", 0) != 0) {}
  void operator()(Ort::KernelContext& context) const {
    const Shape shape = shape_of(context.GetInput(0));
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto pads = numbers_of<std::int64_t>(context.GetInput(1));
    const std::size_t half = pads.size() / 2;
    std::span<const std::int64_t> axes;
    if (context.GetInputCount() > 2 && context.GetInput(2)) axes = numbers_of<std::int64_t>(context.GetInput(2));
    const bool has_axes = axes.data() != nullptr || has_unknown_axes_;
    if (pads.size() % 2 != 0 || (axes.data() != nullptr && axes.size() != half) || (!has_axes && half != shape.size()))
      refuse("there are not two pads for each axis");
    for (std::size_t i = 0; i < half; ++i) {
      const std::int64_t axis = axes.data() == nullptr ? static_cast<std::int64_t>(i) : axes[i] < 0 ? axes[i] + rank : axes[i];
      if (!has_unknown_axes_ && (axis < 0 || axis >= rank))
        refuse(fmt::format("there is no axis {} in a tensor of {} dimensions", axis, rank));
      const std::int64_t extent = !has_unknown_axes_ ? shape[static_cast<std::size_t>(axis)] : shape.empty() ? 0 : std::ranges::min(shape);
      padding_.check(extent, pads[i], pads[i + half]);
    }
    pass_on(context, context.GetInput(1));
  }
  const Padding padding_;
  const bool has_unknown_axes_;
};

// Of operator sets that have the pads as an attribute.
struct StatedPads {
  static constexpr std::string_view kName = kCheckPadding;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit StatedPads(const Ort::ConstKernelInfo& info) : padding_(info), pads_(list_of(info, "pads")) {}
  void operator()(Ort::KernelContext& context) const {
    const Shape shape = shape_of(context.GetInput(0));
    if (pads_.size() != 2 * shape.size()) refuse("there are not two pads for each axis");
    for (std::size_t i = 0; i < shape.size(); ++i) padding_.check(shape[i], pads_[i], pads_[i + shape.size()]);
    pass_on(context, context.GetInput(0));
  }
  const Padding padding_;
  const Shape pads_;
};

struct Affine {
  static constexpr std::string_view kName = kCheckAffine;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Affine(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    const auto size = numbers_of<std::int64_t>(context.GetInput(1));
    check_sizes(size);
    const auto sides = static_cast<std::int64_t>(size.size()) - 2;
    if (sides != 2 && sides != 3) refuse("the size of a grid has four or five numbers");
    if (shape_of(context.GetInput(0)) != Shape{size.front(), sides, sides + 1}) refuse("there is not one matrix for each grid");
    pass_on(context, context.GetInput(1));
  }
};

template <class T>
bool are_all_within(const Ort::ConstValue& value, double most) {
  return std::ranges::all_of(numbers_of<T>(value), [most](T number) { return std::abs(static_cast<double>(number)) <= most; });
}

// Whether no number is beyond this, or none at all. Types that the library has no kernel for pass.
bool are_within(const Ort::ConstValue& value, double most) {
  const auto type = type_of(value);
  return type == kFloat ? are_all_within<float>(value, most) : type != kDouble || are_all_within<double>(value, most);
}

struct Places {
  static constexpr std::string_view kName = kCheckPlaces;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Places(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    constexpr double kMost = 1 << 20;  // images away from the middle one
    if (!are_within(context.GetInput(0), kMost)) refuse("a place in the grid is too far away to be reflected");
    pass_on(context, context.GetInput(0));
  }
};

struct Columns {
  static constexpr std::string_view kName = kCheckColumns;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Columns(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    const Shape shape = shape_of(context.GetInput(0));
    const std::int64_t most = shape.empty() ? 1 : shape.back();
    for (const std::int64_t column : numbers_of<std::int64_t>(context.GetInput(1)))
      if (column < 0 || column >= most) refuse(fmt::format("there is no column {} in a tensor of {}", column, most));
    pass_on(context, context.GetInput(1));
  }
};

struct Regions {
  static constexpr std::string_view kName = kCheckRegions;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kAny, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Regions(const Ort::ConstKernelInfo& info)
      : samples_(attribute_or<std::int64_t>(info, "sampling_ratio", 0)), scale_(attribute_or<float>(info, "spatial_scale", 1)) {}
  void operator()(Ort::KernelContext& context) const {
    const Shape shape = shape_of(context.GetInput(0));
    const std::int64_t most = shape.empty() ? 0 : shape.front();
    const auto indices = numbers_of<std::int64_t>(context.GetInput(2));
    if (!std::ranges::all_of(indices, [most](std::int64_t index) { return index >= 0 && index < most; }))
      refuse("a region is of an image that is not there");
    if (!are_within(context.GetInput(1), kSideMax)) refuse("a region is larger than any image");
    if (type_of(context.GetInput(1)) == kFloat) check_areas<float>(context.GetInput(1));
    if (type_of(context.GetInput(1)) == kDouble) check_areas<double>(context.GetInput(1));
    pass_on(context, context.GetInput(2));
  }

 private:
  static constexpr double kSideMax = 1 << 24;
  static constexpr double kSamplesMax = 1 << 22;

  // Where the file does not say how many samples a region has, it is as many as its pixels.
  template <class T>
  void check_areas(const Ort::ConstValue& regions) const {
    const auto corners = numbers_of<T>(regions);
    for (std::size_t i = 0; samples_ <= 0 && i + 4 <= corners.size(); i += 4) {
      const double area = std::abs(static_cast<double>(corners[i + 2] - corners[i]) * static_cast<double>(corners[i + 3] - corners[i + 1]));
      if (!(area * scale_ * scale_ <= kSamplesMax)) refuse("a region has too many pixels");
    }
  }
  const std::int64_t samples_;
  const double scale_;
};
}  // namespace

void add_place_checks(Ort::CustomOpDomain& domain) {
  add_to<Sizes>(domain);
  add_to<Range>(domain);
  add_to<Pads>(domain);
  add_to<StatedPads>(domain);
  add_to<Affine>(domain);
  add_to<Places>(domain);
  add_to<Columns>(domain);
  add_to<Regions>(domain);
}

}  // namespace forebay::engines::guards
