#include "engines/onnx/guard_operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engines/onnx/guard_kernel.h"

namespace forebay::engines {

namespace {
using namespace guards;

template <class T>
void check_division(const Ort::ConstValue& dividend, const Ort::ConstValue& divisor) {
  const auto divisors = numbers_of<T>(divisor);
  if (std::ranges::contains(divisors, T{0})) refuse("an integer is divided by zero");
  if constexpr (std::is_signed_v<T>) {
    // Which of them meet depends on broadcasting. The quotient has no value in the type.
    if (std::ranges::contains(divisors, T{-1}) && std::ranges::contains(numbers_of<T>(dividend), std::numeric_limits<T>::min()))
      refuse("the smallest integer is divided by -1");
  }
}

struct Division {
  static constexpr std::string_view kName = kCheckDivision;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny};  // variadic: both of one type
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_VARIADIC;
  explicit Division(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    const auto dividend = context.GetInput(0);
    const auto divisor = context.GetInput(1);
    switch (divisor.GetTensorTypeAndShapeInfo().GetElementType()) {
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
        check_division<std::int8_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
        check_division<std::int16_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
        check_division<std::int32_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
        check_division<std::int64_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
        check_division<std::uint8_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16:
        check_division<std::uint16_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32:
        check_division<std::uint32_t>(dividend, divisor);
        break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64:
        check_division<std::uint64_t>(dividend, divisor);
        break;
      default:
        break;
    }
    pass_on(context, divisor);
  }
};

struct Diagonal {
  static constexpr std::string_view kName = kCheckDiagonal;
  static constexpr ONNXTensorElementDataType kInputs[] = {kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Diagonal(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    const auto given = context.GetInput(0);
    auto output = context.GetOutput(0, given.GetTensorTypeAndShapeInfo().GetShape());
    auto* to = output.GetTensorMutableData<std::int64_t>();
    for (const std::int64_t k : numbers_of<std::int64_t>(given)) *to++ = std::clamp(k, -kMost, kMost);
  }
};

void check_axis(const Ort::ConstValue& tensor, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(tensor.GetTensorTypeAndShapeInfo().GetDimensionsCount());
  if (axis < -rank || axis >= rank) refuse(fmt::format("there is no axis {} in a tensor of {} dimensions", axis, rank));
}

struct Axis {
  static constexpr std::string_view kName = kCheckAxis;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Axis(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    const auto tensor = context.GetInput(0);
    for (const std::int64_t axis : numbers_of<std::int64_t>(context.GetInput(1))) check_axis(tensor, axis);
    pass_on(context, context.GetInput(1));
  }
};

struct Transform {
  static constexpr std::string_view kName = kCheckTransform;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Transform(const Ort::ConstKernelInfo& info) : axis_(info.GetAttribute<std::int64_t>("axis")) {}
  void operator()(Ort::KernelContext& context) const {
    check_axis(context.GetInput(0), axis_);
    pass_on(context, context.GetInput(0));
  }
  std::int64_t axis_;
};

struct Length {
  static constexpr std::string_view kName = kCheckLength;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Length(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    const auto given = context.GetInput(0);
    const auto check = [](const auto& numbers) {
      if (!std::ranges::all_of(numbers, [](auto number) { return number > 0 && number <= std::numeric_limits<std::int32_t>::max(); }))
        refuse("a length is not positive, or too large");
    };
    if (given.GetTensorTypeAndShapeInfo().GetElementType() == kInt64)
      check(numbers_of<std::int64_t>(given));
    else if (given.GetTensorTypeAndShapeInfo().GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32)
      check(numbers_of<std::int32_t>(given));
    pass_on(context, given);
  }
};

struct Blocks {
  static constexpr std::string_view kName = kCheckBlocks;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Blocks(const Ort::ConstKernelInfo& info)
      : strides_(list_of(info, "strides")), dilations_(list_of(info, "dilations")), pads_(list_of(info, "pads")) {}
  void operator()(Ort::KernelContext& context) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    const auto columns = context.GetInput(0).GetTensorTypeAndShapeInfo().GetShape();
    const auto image = numbers_of<std::int64_t>(context.GetInput(1));
    const auto block = numbers_of<std::int64_t>(context.GetInput(2));
    if (columns.size() != 3 || image.size() != block.size() || image.empty())
      refuse("the shapes of the image and of its blocks do not fit");
    const auto product = [&](std::span<const std::int64_t> sizes) {
      std::int64_t all = 1;
      for (const std::int64_t size : sizes) {
        if (size <= 0 || all > kMost / size) refuse("a size of the image or of a block is not positive, or too large");
        all *= size;
      }
      return all;
    };
    product(image);
    if (columns[1] % product(block) != 0) refuse("the columns do not hold whole blocks");
    std::int64_t blocks = 1;
    for (std::size_t i = 0; i < image.size(); ++i) {
      const std::int64_t places = places_along(i, image[i], block[i], image.size());
      if (places > kMost / blocks) refuse("the image holds too many blocks");
      blocks *= places;
    }
    if (columns[2] != blocks) refuse("there are not as many columns as the image holds blocks");
    pass_on(context, context.GetInput(2));
  }

 private:
  // Where a block fits along one axis of the padded image.
  std::int64_t places_along(std::size_t axis, std::int64_t image, std::int64_t block, std::size_t axes) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    const auto at = [](const Shape& list, std::size_t i, std::int64_t otherwise) { return i < list.size() ? list[i] : otherwise; };
    const std::int64_t stride = at(strides_, axis, 1);
    const std::int64_t dilation = at(dilations_, axis, 1);
    const std::int64_t first = at(pads_, axis, 0);
    const std::int64_t last = at(pads_, axis + axes, 0);
    for (const std::int64_t positive : {stride, dilation})
      if (positive <= 0 || positive > kMost) refuse("a stride or a dilation is not positive, or too large");
    for (const std::int64_t pad : {first, last})
      if (pad < 0 || pad > kMost) refuse("a pad is negative, or too large");
    if (block > kMost / dilation) refuse("a block is too large");
    const std::int64_t room = image + first + last - dilation * (block - 1) - 1;
    if (room < 0) refuse("a block is larger than the image");
    return room / stride + 1;
  }
  const Shape strides_, dilations_, pads_;
};

struct Unpooling {
  static constexpr std::string_view kName = kCheckUnpooling;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kAny};
  static constexpr auto kLast = INPUT_OUTPUT_OPTIONAL;
  explicit Unpooling(const Ort::ConstKernelInfo& info)
      : kernel_(list_of(info, "kernel_shape")), strides_(list_of(info, "strides")), pads_(list_of(info, "pads")) {}
  void operator()(Ort::KernelContext& context) const {
    const auto shape = context.GetInput(0).GetTensorTypeAndShapeInfo().GetShape();
    if (shape.size() < 3 || kernel_.size() != shape.size() - 2) refuse("the tensor does not fit the shape of the kernel");
    const std::int64_t inferred = elements(unpooled(shape));
    std::int64_t most = inferred;
    if (context.GetInputCount() > 2 && context.GetInput(2)) {
      const auto said = numbers_of<std::int64_t>(context.GetInput(2));
      if (said.size() != shape.size()) refuse("the output's shape does not fit the tensor");
      const std::int64_t wanted = elements({said.begin(), said.end()});
      if (wanted < inferred) refuse("the output's shape is too small");
      most = std::min(inferred, wanted);
    }
    const auto indices = numbers_of<std::int64_t>(context.GetInput(1));
    if (!std::ranges::all_of(indices, [most](std::int64_t index) { return index >= 0 && index < most; }))
      refuse("an index is outside of the output");
    pass_on(context, context.GetInput(0));
  }

 private:
  Shape unpooled(const Shape& shape) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    Shape made = {shape[0], shape[1]};
    const std::size_t axes = kernel_.size();
    for (std::size_t i = 0; i < axes; ++i) {
      const std::int64_t stride = i < strides_.size() ? strides_[i] : 1;
      const std::int64_t pads = pads_.size() == 2 * axes ? pads_[i] + pads_[i + axes] : 0;
      if (stride <= 0 || stride > kMost || shape[i + 2] > kMost) refuse("a stride is not positive, or too large");
      made.push_back((shape[i + 2] - 1) * stride + kernel_[i] - pads);
    }
    return made;
  }
  static std::int64_t elements(const Shape& shape) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    std::int64_t all = 1;
    for (const std::int64_t size : shape) {
      if (size < 0 || (size > 0 && all > kMost / size)) refuse("the output's shape is negative, or too large");
      all *= size;
    }
    return all;
  }
  const Shape kernel_, strides_, pads_;
};

struct Repeats {
  static constexpr std::string_view kName = kCheckRepeats;
  static constexpr ONNXTensorElementDataType kInputs[] = {kAny, kInt64};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kInt64};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit Repeats(const Ort::ConstKernelInfo&) {}
  void operator()(Ort::KernelContext& context) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    auto sizes = context.GetInput(0).GetTensorTypeAndShapeInfo().GetShape();
    const auto repeats = numbers_of<std::int64_t>(context.GetInput(1));
    sizes.insert(sizes.end(), repeats.begin(), repeats.end());
    std::int64_t all = 1;
    for (const std::int64_t size : sizes) {
      if (size < 0 || (size > 0 && all > kMost / size)) refuse("a repeat is negative, or the result is too large");
      all *= std::max<std::int64_t>(size, 1);
    }
    pass_on(context, context.GetInput(1));
  }
};

}  // namespace

OrtCustomOpDomain* guard_domain() {
  static Ort::CustomOpDomain* const kDomain = [] {
    auto* made = new Ort::CustomOpDomain(std::string(kGuardDomain).c_str());
    add_to<Division>(*made);
    add_to<Diagonal>(*made);
    add_to<Axis>(*made);
    add_to<Transform>(*made);
    add_to<Length>(*made);
    add_to<Blocks>(*made);
    add_to<Unpooling>(*made);
    add_to<Repeats>(*made);
    add_place_checks(*made);
    return made;
  }();
  return *kDomain;
}

}  // namespace forebay::engines
