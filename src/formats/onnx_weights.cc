#include "formats/onnx_weights.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/onnx_sparse.h"

namespace forebay::formats {

namespace {
constexpr std::uint64_t kElementsMax = std::uint64_t{1} << 56;  // Times 128 bits it still fits 64.
constexpr std::size_t kLocationBytesMax = 1024;

std::string shown(std::string_view name) { return shortened(name, 200); }

std::unexpected<Error> forbidden(std::string_view location, std::string_view why) {
  return fail(kOnnxExternalDataForbidden, fmt::format("the external data '{}' {}", shown(location), why));
}

// The numbers that a tensor's typed field must hold, and which field that is (onnx.proto, TensorProto).
struct TypedField {
  std::uint64_t held;
  std::uint64_t wanted;
};
TypedField typed_field(const OnnxTensor& tensor, std::uint64_t elements) {
  switch (tensor.type) {
    case OnnxType::kFloat:
      return {tensor.floats, elements};
    case OnnxType::kComplex64:
      return {tensor.floats, elements * 2};
    case OnnxType::kDouble:
      return {tensor.doubles, elements};
    case OnnxType::kComplex128:
      return {tensor.doubles, elements * 2};
    case OnnxType::kInt64:
      return {tensor.int64s, elements};
    case OnnxType::kUint32:
    case OnnxType::kUint64:
      return {tensor.uint64s, elements};
    case OnnxType::kString:
      return {tensor.strings, elements};
    case OnnxType::kUint4:
    case OnnxType::kInt4:
    case OnnxType::kFloat4E2M1:
      return {tensor.int32s, (elements + 1) / 2};
    case OnnxType::kUint2:
    case OnnxType::kInt2:
      return {tensor.int32s, (elements + 3) / 4};
    default:
      return {tensor.int32s, elements};
  }
}

// A location may only go down from the model's folder, without links but those of Hugging Face's cache, to an ordinary file with one name.
class ExternalFiles {
 public:
  explicit ExternalFiles(const std::optional<std::filesystem::path>& folder) : folder_(folder) {}

  Result<std::uint64_t> size_of(std::string_view location) {
    if (const auto known = sizes_.find(location); known != sizes_.end()) return known->second;
    TRY(check_spelling(location));
    if (!folder_) return fail(kOnnxExternalDataMissing, fmt::format("the external data '{}' is not in this file", shown(location)));
    auto path = *folder_;
    struct stat status{};
    for (const auto& part : std::filesystem::path(location)) {
      path /= part;
      if (::lstat(path.c_str(), &status) != 0)
        return fail(kOnnxExternalDataMissing, fmt::format("the external data '{}' is not there", shown(location)));
      if (!S_ISLNK(status.st_mode)) continue;
      if (::stat(path.c_str(), &status) != 0)
        return fail(kOnnxExternalDataMissing, fmt::format("the external data '{}' is a link to a file that is not there", shown(location)));
      if (!is_cache_link(path)) return forbidden(location, "is or passes through a link");
    }
    if (!S_ISREG(status.st_mode)) return forbidden(location, "is not a regular file");
    if (status.st_nlink > 1) return forbidden(location, "has a second name (a hard link)");
    return sizes_[std::string(location)] = static_cast<std::uint64_t>(status.st_size);
  }

  void add_to(OnnxWeights& weights) const {
    for (const auto& [location, size] : sizes_) {
      weights.external_files.push_back(location);
      weights.external_bytes += size;
    }
  }

 private:
  // Hugging Face's cache has each file once: MODEL/snapshots/REVISION/NAME is a link to MODEL/blobs/HASH.
  static bool is_cache_link(const std::filesystem::path& link) {
    std::error_code problem;
    const auto blob = std::filesystem::canonical(link, problem);
    if (problem) return false;
    const auto folder = std::filesystem::canonical(link.parent_path(), problem);
    if (problem || blob.parent_path().filename() != "blobs") return false;
    const auto below = folder.lexically_relative(blob.parent_path().parent_path() / "snapshots");
    return !below.empty() && *below.begin() != ".." && *below.begin() != ".";
  }

  static Result<> check_spelling(std::string_view location) {
    if (location.empty() || location.size() > kLocationBytesMax || !is_utf8(location)) return forbidden(location, "has no usable location");
    // A colon makes URLs, drive letters and alternate streams; a backslash is a separator elsewhere.
    // The library takes names with asterisks for addresses in memory.
    if (location.find_first_of(std::string_view(":\\*\0", 4)) != std::string_view::npos)
      return forbidden(location, "has a character that no file name may have");
    if (location.front() == '/') return forbidden(location, "is an absolute path");
    for (const auto& part : std::filesystem::path(location)) {
      if (part == ".." || part == "." || part.empty()) return forbidden(location, "does not simply name a file below the model");
    }
    return {};
  }

  const std::optional<std::filesystem::path>& folder_;
  std::map<std::string, std::uint64_t, std::less<>> sizes_;
};

class WeightsCheck {
 public:
  WeightsCheck(const std::optional<std::filesystem::path>& folder, const ReadLimits& limits) : files_(folder), limits_(limits) {}

  Result<> add(const OnnxGraph& graph) {
    for (const auto& tensor : graph.initialisers) TRY(add(tensor));
    for (const auto& sparse : graph.sparse_initialisers) TRY(add(sparse));
    return add(graph.nodes);
  }

  Result<> add(const std::vector<OnnxNode>& nodes) {
    for (const auto& node : nodes) TRY(add(node.attributes));
    return {};
  }

  Result<> add(const std::vector<OnnxAttribute>& attributes) {
    for (const auto& attribute : attributes) {
      for (const auto& tensor : attribute.tensors) TRY(add(tensor));
      for (const auto& sparse : attribute.sparse) TRY(add(sparse));
      for (const auto& graph : attribute.graphs) TRY(add(graph));
    }
    return {};
  }

  OnnxWeights finish() {
    files_.add_to(weights_);
    const auto most = std::ranges::max_element(elements_of_type_, {}, [](const auto& entry) { return entry.second; });
    if (most != elements_of_type_.end()) weights_.most_used_type = name_of(most->first);
    return std::move(weights_);
  }

 private:
  struct Size {
    std::uint64_t elements = 0;
    std::uint64_t bytes = 0;
  };
  Result<Size> check_bytes(const OnnxTensor& tensor) {
    TRY_ASSIGN(const auto elements, element_count(tensor.name, tensor.dimensions));
    if (!is_known(tensor.type)) {
      return fail(kOnnxTypeUnsupported,
                  fmt::format("the weight '{}' has the unknown data type {}", shown(tensor.name), static_cast<int>(tensor.type)));
    }
    const std::uint64_t bytes = tensor.type == OnnxType::kString ? tensor.typed_bytes : (elements * bits_of(tensor.type) + 7) / 8;
    if (tensor.is_external) {
      TRY(check_external(tensor, bytes));
    } else {
      TRY(check_inline(tensor, elements, bytes));
    }
    return Size{.elements = elements, .bytes = bytes};
  }

  Result<> add(const OnnxTensor& tensor) {
    TRY_ASSIGN(const auto size, check_bytes(tensor));
    weights_.parameters += size.elements;
    weights_.bytes += size.bytes;
    elements_of_type_[tensor.type] += size.elements;
    return {};
  }

  // The library holds it dense.
  Result<> add(const OnnxSparseTensor& sparse) {
    TRY(check_bytes(sparse.values));
    TRY(check_bytes(sparse.indices));
    TRY_ASSIGN(const auto elements, check_sparse(sparse, limits_.constant_bytes_max));
    weights_.parameters += elements;
    weights_.bytes += elements * bits_of(sparse.values.type) / 8;
    return {};
  }

  static Result<> check_inline(const OnnxTensor& tensor, std::uint64_t elements, std::uint64_t bytes) {
    const auto inconsistent = [&](std::uint64_t held, std::uint64_t wanted, std::string_view unit) {
      return fail(kOnnxInitialiserInconsistent,
                  fmt::format("the weight '{}' has {} {} where its shape needs {}", shown(tensor.name), held, unit, wanted));
    };
    if (tensor.raw && tensor.type == OnnxType::kString) {
      return fail(kOnnxInitialiserInconsistent, fmt::format("the weight '{}' has strings as raw bytes", shown(tensor.name)));
    }
    if (tensor.raw && !(tensor.raw->empty() && tensor.typed_bytes > 0)) {
      if (tensor.raw->size() != bytes || tensor.typed_bytes > 0) return inconsistent(tensor.raw->size(), bytes, "bytes");
      return {};
    }
    const auto field = typed_field(tensor, elements);
    if (field.held != field.wanted) return inconsistent(field.held, field.wanted, "values");
    const auto all = tensor.floats + tensor.int32s + tensor.int64s + tensor.doubles + tensor.uint64s + tensor.strings;
    if (all != field.held) return inconsistent(all, field.wanted, "values of several types");
    return {};
  }

  Result<> check_external(const OnnxTensor& tensor, std::uint64_t bytes) {
    if (tensor.raw || tensor.typed_bytes > 0 || tensor.type == OnnxType::kString) {
      return fail(kOnnxInitialiserInconsistent, fmt::format("the weight '{}' cannot be external", shown(tensor.name)));
    }
    const auto location = tensor.external.find("location");
    TRY_ASSIGN(const auto size, files_.size_of(location == tensor.external.end() ? std::string_view() : location->second));
    TRY_ASSIGN(const auto offset, number_of(tensor, "offset", 0));
    TRY_ASSIGN(const auto length, number_of(tensor, "length", bytes));
    if (length != bytes) {
      return fail(kOnnxInitialiserInconsistent,
                  fmt::format("the weight '{}' has {} external bytes where its shape needs {}", shown(tensor.name), length, bytes));
    }
    if (offset > size || length > size - offset) {
      return fail(kOnnxExternalDataOutOfBounds,
                  fmt::format("the weight '{}' needs {} bytes at {} of an external file of {}", shown(tensor.name), length, offset, size));
    }
    return {};
  }

  static Result<std::uint64_t> number_of(const OnnxTensor& tensor, std::string_view key, std::uint64_t otherwise) {
    const auto found = tensor.external.find(key);
    if (found == tensor.external.end()) return otherwise;
    std::uint64_t number = 0;
    const std::string_view digits = found->second;
    const auto [stop, problem] = std::from_chars(digits.begin(), digits.end(), number);
    if (problem != std::errc() || stop != digits.end()) {
      return fail(kOnnxExternalDataOutOfBounds,
                  fmt::format("the weight '{}' has the {} '{}'", shown(tensor.name), key, shown(found->second)));
    }
    return number;
  }

  ExternalFiles files_;
  const ReadLimits& limits_;
  OnnxWeights weights_;
  std::map<OnnxType, std::uint64_t> elements_of_type_;
};
}  // namespace

Result<std::uint64_t> element_count(std::string_view name, std::span<const std::int64_t> dimensions) {
  std::uint64_t elements = 1;
  bool is_empty = false;
  for (const auto dimension : dimensions) {
    if (dimension < 0) return fail(kOnnxDimensionInvalid, fmt::format("the weight '{}' has the dimension {}", shown(name), dimension));
    if (dimension == 0) {
      is_empty = true;
    } else if (static_cast<std::uint64_t>(dimension) > kElementsMax / elements) {
      return fail(kOnnxDimensionInvalid, fmt::format("the weight '{}' has more elements than can exist", shown(name)));
    } else {
      elements *= static_cast<std::uint64_t>(dimension);
    }
  }
  return is_empty ? 0 : elements;
}

Result<OnnxWeights> check_weights(const OnnxModel& model, const std::optional<std::filesystem::path>& folder, const ReadLimits& limits) {
  WeightsCheck check(folder, limits);
  TRY(check.add(*model.graph));
  for (const auto& function : model.functions) {
    TRY(check.add(function.nodes));
    TRY(check.add(function.defaults));
  }
  return check.finish();
}

}  // namespace forebay::formats
