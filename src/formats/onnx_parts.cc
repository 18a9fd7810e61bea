#include "formats/onnx_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "formats/errors.h"

namespace forebay::formats {

namespace {
constexpr std::uint32_t kTypeDepthMax = 8;
constexpr std::size_t kSmallValuesMax = 64;  // numbers of one tensor that are kept, where a shape may be stated

// Keeps the first few numbers of a typed field; damage was found by counting.
template <class Number, class Kept>
void keep_reals(const WireField& field, std::vector<Kept>& into) {
  const auto keep = [&](Number number) {
    if (into.size() < kSmallValuesMax) into.push_back(static_cast<Kept>(number));
  };
  if (!field.is_bytes()) {
    if constexpr (sizeof(Number) == 4) {
      keep(std::bit_cast<Number>(static_cast<std::uint32_t>(field.varint)));
    } else {
      keep(std::bit_cast<Number>(field.varint));
    }
    return;
  }
  ByteReader reader(field.bytes.first(std::min(field.bytes.size(), kSmallValuesMax * sizeof(Number))));
  while (reader.remaining() >= sizeof(Number)) keep(reader.number<Number>());
}
}  // namespace

std::unexpected<Error> onnx_malformed(std::string_view what) { return fail(kOnnxMalformed, fmt::format("{} is not well-formed", what)); }

Result<> OnnxParts::count(std::uint64_t items) {
  items_ += items;
  if (items_ > limits_.array_elements_max)
    return fail(kOnnxLimitExceeded, fmt::format("the model has more than {} parts", limits_.array_elements_max));
  return {};
}

Result<> OnnxParts::text(const WireField& field, std::string_view what, std::string_view& into) const {
  if (!field.is_bytes()) return onnx_malformed(what);
  if (field.bytes.size() > limits_.string_bytes_max) {
    return fail(kOnnxLimitExceeded,
                fmt::format("{} has {} bytes; at most {} are allowed", what, field.bytes.size(), limits_.string_bytes_max));
  }
  into = field.text();
  return {};
}

Result<> OnnxParts::texts(const WireField& field, std::string_view what, std::vector<std::string_view>& into) {
  TRY(count());
  std::string_view one;
  TRY(text(field, what, one));
  into.push_back(one);
  return {};
}

Result<> OnnxParts::number(const WireField& field, std::string_view what, std::int64_t& into) {
  if (field.type != WireType::kVarint) return onnx_malformed(what);
  into = static_cast<std::int64_t>(field.varint);
  return {};
}

Result<> OnnxParts::integers(const WireField& field, std::string_view what, std::vector<std::int64_t>& into) {
  const auto before = into.size();
  if (!append_varints(field, before + (limits_.array_elements_max - items_), into)) return onnx_malformed(what);
  return count(into.size() - before);
}

Result<> OnnxParts::reals(const WireField& field, std::string_view what, std::vector<float>& into) {
  std::uint64_t numbers = 0;
  if (!count_numbers(field, sizeof(float), numbers)) return onnx_malformed(what);
  TRY(count(numbers));
  if (!field.is_bytes()) {
    into.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(field.varint)));
    return {};
  }
  ByteReader reader(field.bytes);
  while (!reader.at_end()) into.push_back(reader.number<float>());
  return {};
}

Result<> OnnxParts::element_type(const WireField& field, OnnxType& into) {
  if (field.type != WireType::kVarint) return onnx_malformed("a data type");
  into = field.varint > 255 ? OnnxType::kUndefined : static_cast<OnnxType>(field.varint);
  return {};
}

Result<> OnnxParts::pair(const WireField& field, std::string_view what, std::map<std::string_view, std::string_view>& into) {
  if (!field.is_bytes()) return onnx_malformed(what);
  TRY(count());
  std::string_view key;
  std::string_view value;
  WireReader reader(field.bytes);
  for (WireField part; reader.next(part);) {
    if (part.number == 1) TRY(text(part, what, key));
    if (part.number == 2) TRY(text(part, what, value));
  }
  if (reader.failed()) return onnx_malformed(what);
  into[key] = value;
  return {};
}

Result<> OnnxParts::opset(const WireField& field, std::map<std::string_view, std::int64_t>& into) {
  if (!field.is_bytes()) return onnx_malformed("opset_import");
  TRY(count());
  std::string_view domain;
  std::int64_t version = 0;
  WireReader reader(field.bytes);
  for (WireField part; reader.next(part);) {
    if (part.number == 1) TRY(text(part, "opset_import", domain));
    if (part.number == 2) TRY(number(part, "opset_import", version));
  }
  if (reader.failed()) return onnx_malformed("opset_import");
  const auto [known, is_new] = into.emplace(domain == "ai.onnx" ? std::string_view() : domain, version);
  if (!is_new && known->second != version) return fail(kOnnxDuplicateName, "two versions of one operator set are imported");
  return {};
}

Result<> OnnxParts::dimensions(const WireField& field, std::string_view what, std::vector<std::int64_t>& into) const {
  if (append_varints(field, limits_.dimensions_max, into)) return {};
  return fail(kOnnxLimitExceeded, fmt::format("{} has more than {} dimensions", what, limits_.dimensions_max));
}

// Long lists are weights, not shapes.
Result<> OnnxParts::keep_integers(const WireField& field, Values kept, std::vector<std::int64_t>& into) {
  if (kept == Values::kAll) return integers(field, "the indices of a sparse tensor", into);
  static_cast<void>(append_varints(field, kSmallValuesMax, into));
  return {};
}

Result<OnnxTensor> OnnxParts::tensor(std::span<const std::byte> bytes, Values kept) {
  TRY(count(kStructureWeight));
  OnnxTensor tensor;
  WireReader reader(bytes);
  bool is_sound = true;
  for (WireField field; is_sound && reader.next(field);) {
    const auto numbers = [&](std::size_t width, std::uint64_t& into) {
      tensor.typed_bytes += field.is_bytes() ? field.bytes.size() : width;
      return count_numbers(field, width, into);
    };
    switch (field.number) {
      case 1:
        TRY(dimensions(field, fmt::format("the weight '{}'", tensor.name), tensor.dimensions));
        break;
      case 2:
        TRY(element_type(field, tensor.type));
        break;
      case 3:
        return fail(kOnnxTypeUnsupported, "a weight is stored in segments");
      case 4:
        is_sound = numbers(sizeof(float), tensor.floats);
        if (is_sound) keep_reals<float>(field, tensor.reals);
        break;
      case 5:
        is_sound = numbers(0, tensor.int32s);
        if (is_sound) TRY(keep_integers(field, kept, tensor.integers));
        break;
      case 6:
        ++tensor.strings;
        tensor.typed_bytes += field.bytes.size();
        is_sound = field.is_bytes();
        break;
      case 7:
        is_sound = numbers(0, tensor.int64s);
        if (is_sound) TRY(keep_integers(field, kept, tensor.integers));
        break;
      case 8:
        TRY(text(field, "a weight's name", tensor.name));
        break;
      case 9:
        is_sound = field.is_bytes() && !tensor.raw;
        tensor.raw = field.bytes;
        break;
      case 10:
        is_sound = numbers(sizeof(double), tensor.doubles);
        if (is_sound) keep_reals<double>(field, tensor.reals);
        break;
      case 11:
        is_sound = numbers(0, tensor.uint64s);
        break;
      case 13:
        TRY(pair(field, "external_data", tensor.external));
        break;
      case 14:
        is_sound = field.type == WireType::kVarint && field.varint <= 1;
        tensor.is_external = field.varint == 1;
        break;
      default:
        break;
    }
  }
  if (!is_sound || reader.failed()) return onnx_malformed("a tensor");
  return tensor;
}

Result<OnnxSparseTensor> OnnxParts::sparse(std::span<const std::byte> bytes) {
  constexpr std::string_view kWhat = "a sparse tensor";
  OnnxSparseTensor sparse;
  bool has_values = false;
  bool has_indices = false;
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    if (field.number == 1 || field.number == 2) {
      auto& is_given = field.number == 1 ? has_values : has_indices;
      if (!field.is_bytes() || std::exchange(is_given, true)) return onnx_malformed(kWhat);
      TRY_ASSIGN((field.number == 1 ? sparse.values : sparse.indices),
                 tensor(field.bytes, field.number == 2 ? Values::kAll : Values::kSmall));
    } else if (field.number == 3) {
      TRY(dimensions(field, kWhat, sparse.dimensions));
    }
  }
  if (reader.failed() || !has_values || !has_indices) return onnx_malformed(kWhat);
  return sparse;
}

Result<> OnnxParts::add_value(const WireField& field, std::vector<OnnxValue>& into) {
  if (!field.is_bytes()) return onnx_malformed("an input or output");
  TRY(count(kStructureWeight));
  OnnxValue value;
  WireReader reader(field.bytes);
  for (WireField part; reader.next(part);) {
    if (part.number == 1) TRY(text(part, "the name of an input or output", value.name));
    if (part.number != 2) continue;
    if (!part.is_bytes() || value.type.kind != OnnxValueType::Kind::kNone) return onnx_malformed("the type of an input or output");
    TRY_ASSIGN(value.type, type(part.bytes));
  }
  if (reader.failed()) return onnx_malformed("an input or output");
  into.push_back(std::move(value));
  return {};
}

Result<OnnxValueType> OnnxParts::type(std::span<const std::byte> bytes, std::uint32_t depth) {
  if (depth > kTypeDepthMax) return fail(kOnnxTooDeep, fmt::format("types are nested more than {} deep", kTypeDepthMax));
  using Kind = OnnxValueType::Kind;
  OnnxValueType type;
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    if (!field.is_bytes() || field.number == 6) continue;  // 6 is a denotation.
    if (type.kind != Kind::kNone) return onnx_malformed("a type");
    switch (field.number) {
      case 1:
        type.kind = Kind::kTensor;
        TRY(tensor_type(field.bytes, type));
        break;
      case 4:
        type.kind = Kind::kSequence;
        TRY(inner_type(field.bytes, 1, depth, type));
        break;
      case 5:
        type.kind = Kind::kMap;
        TRY(inner_type(field.bytes, 2, depth, type));
        break;
      case 9:
        type.kind = Kind::kOptional;
        TRY(inner_type(field.bytes, 1, depth, type));
        break;
      case 8:
        type.kind = Kind::kSparse;
        break;
      default:
        type.kind = Kind::kOther;
        break;
    }
  }
  if (reader.failed()) return onnx_malformed("a type");
  return type;
}

// A sequence, optional or map: the type within is field `wanted`; the other number of a map (1) is its key's type.
Result<> OnnxParts::inner_type(std::span<const std::byte> bytes, std::uint32_t wanted, std::uint32_t depth, OnnxValueType& into) {
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    if (field.number == wanted && field.is_bytes()) {
      TRY_ASSIGN(auto made, type(field.bytes, depth + 1));
      into.inner = std::make_unique<OnnxValueType>(std::move(made));
    } else if (field.number == 1) {
      TRY(element_type(field, into.element));
    }
  }
  if (reader.failed()) return onnx_malformed("a type");
  return {};
}

Result<> OnnxParts::tensor_type(std::span<const std::byte> bytes, OnnxValueType& into) {
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    if (field.number == 1) TRY(element_type(field, into.element));
    if (field.number != 2) continue;
    if (!field.is_bytes() || into.has_shape) return onnx_malformed("a shape");
    into.has_shape = true;
    TRY(shape(field.bytes, into.shape));
  }
  if (reader.failed()) return onnx_malformed("a tensor type");
  return {};
}

Result<> OnnxParts::shape(std::span<const std::byte> bytes, std::vector<OnnxDimension>& into) {
  WireReader reader(bytes);
  for (WireField field; reader.next(field);) {
    if (field.number != 1) continue;
    if (!field.is_bytes()) return onnx_malformed("a dimension");
    if (into.size() >= limits_.dimensions_max)
      return fail(kOnnxLimitExceeded, fmt::format("a shape has more than {} dimensions", limits_.dimensions_max));
    OnnxDimension dimension;
    WireReader inside(field.bytes);
    for (WireField part; inside.next(part);) {
      // One of the two: the last that is written counts.
      if (part.number == 1) {
        dimension.name = {};
        TRY(number(part, "a dimension", dimension.value.emplace()));
      } else if (part.number == 2) {
        dimension.value.reset();
        TRY(text(part, "a dimension", dimension.name));
      }
    }
    if (inside.failed()) return onnx_malformed("a dimension");
    into.push_back(dimension);
  }
  if (reader.failed()) return onnx_malformed("a shape");
  return {};
}

}  // namespace forebay::formats
