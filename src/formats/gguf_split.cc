#include "formats/gguf_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/errors.h"
#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/recognise.h"

namespace forebay::formats {

namespace {
constexpr std::string_view kEnding = ".gguf";
constexpr std::size_t kDigits = 5;  // "-00001-of-00003"

// The number at the end of `text`, which is shortened by it.
std::optional<std::uint32_t> take_number(std::string_view& text) {
  if (text.size() < kDigits) return std::nullopt;
  const auto digits = text.substr(text.size() - kDigits);
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || number == 0) return std::nullopt;
  text.remove_suffix(kDigits);
  return number;
}

bool take_ending(std::string_view& text, std::string_view ending) {
  if (!text.ends_with(ending)) return false;
  text.remove_suffix(ending.size());
  return true;
}

std::optional<std::int64_t> integer_at(const GgufFile& file, std::string_view key) {
  const auto* value = file.find(key);
  return value == nullptr ? std::nullopt : value->as_integer();
}

class PartReader {
 public:
  PartReader(GgufFile& first, const std::filesystem::path& path, const ReadLimits& limits) : first_(first), path_(path), limits_(limits) {}

  Result<GgufParts> read() {
    const std::uint32_t count = gguf_part_count(first_);
    if (count > kGgufPartsMax)
      return fail(kGgufLimitExceeded, fmt::format("the model has {} parts; at most {} are allowed", count, kGgufPartsMax));
    const auto name = gguf_part_name_of(path_.filename().string());
    if (!name || name->count != count) {
      return fail(kGgufSplit, fmt::format("the file is one of {0} parts and must be named like one: NAME-00001-of-{0:05}.gguf", count));
    }
    const auto number = integer_at(first_, "split.no").value_or(0);
    if (number != 0 || name->number != 1) {
      const auto wanted = GgufPartName{name->model, 1, count}.file_name();
      return fail(kGgufSplit, fmt::format("the file is part {} of {}; the model begins with '{}'", number + 1, count, as_utf8(wanted)));
    }
    GgufParts parts;
    for (std::uint32_t part = 2; part <= count; ++part) TRY(add(parts, {name->model, part, count}));
    const auto tensors = integer_at(first_, "split.tensors.count");
    if (tensors && *tensors != std::ssize(first_.tensors)) {
      return fail(kGgufPartForeign,
                  fmt::format("the parts have {} tensors together, and the first says {}", first_.tensors.size(), *tensors));
    }
    return parts;
  }

 private:
  Result<> add(GgufParts& parts, const GgufPartName& wanted) {
    const std::string name = wanted.file_name();
    auto mapped = MappedFile::open(path_.parent_path() / name, limits_.file_bytes_max);
    if (!mapped && mapped.error().code() == kFileNotFound)
      return fail(kGgufPartMissing, fmt::format("the part '{}' is missing", as_utf8(name)));
    if (!mapped) return std::unexpected(std::move(mapped).error());
    const auto bytes = mapped->bytes();
    if (recognise(bytes.first(std::min(bytes.size(), kRecognitionBytes)), bytes.size()) != Format::kGguf)
      return fail(kGgufPartForeign, fmt::format("the part '{}' is no GGUF file", as_utf8(name)));
    auto part = parse_gguf(bytes, limits_);
    if (!part) return fail(Error(part.error().code(), fmt::format("in the part '{}': {}", as_utf8(name), part.error().message())));
    TRY(check(*part, wanted));
    TRY(merge(*part, name));
    parts.bytes += bytes.size();
    parts.files.push_back(*std::move(mapped));
    parts.names.push_back(name);
    return {};
  }

  Result<> check(const GgufFile& part, const GgufPartName& wanted) const {
    const bool fits = gguf_part_count(part) == wanted.count && integer_at(part, "split.no") == std::int64_t{wanted.number} - 1 &&
                      integer_at(part, "split.tensors.count") == integer_at(first_, "split.tensors.count");
    if (fits) return {};
    return fail(kGgufPartForeign, fmt::format("the file '{}' is not part {} of this model", as_utf8(wanted.file_name()), wanted.number));
  }

  Result<> merge(const GgufFile& part, std::string_view name) {
    if (part.tensors.size() > limits_.tensors_max - std::min<std::uint64_t>(first_.tensors.size(), limits_.tensors_max))
      return fail(kGgufLimitExceeded, fmt::format("the parts have more than {} tensors together", limits_.tensors_max));
    for (const auto& tensor : part.tensors) {
      if (!first_.tensor_index.emplace(tensor.name, first_.tensors.size()).second) {
        return fail(kGgufPartForeign,
                    fmt::format("the part '{}' has the tensor '{}', which another part has too", as_utf8(name), tensor.name));
      }
      first_.tensors.push_back(tensor);
    }
    return {};
  }

  GgufFile& first_;
  const std::filesystem::path& path_;
  const ReadLimits& limits_;
};
}  // namespace

std::string GgufPartName::file_name() const { return fmt::format("{}-{:05}-of-{:05}{}", model, number, count, kEnding); }

std::optional<GgufPartName> gguf_part_name_of(std::string_view file_name) {
  if (!take_ending(file_name, kEnding)) return std::nullopt;
  const auto count = take_number(file_name);
  if (!count || !take_ending(file_name, "-of-")) return std::nullopt;
  const auto number = take_number(file_name);
  if (!number || !take_ending(file_name, "-") || file_name.empty() || *number > *count) return std::nullopt;
  return GgufPartName{.model = std::string(file_name), .number = *number, .count = *count};
}

std::uint32_t gguf_part_count(const GgufFile& file) {
  const auto count = integer_at(file, "split.count");
  // What is no number of parts is more than there may be.
  if (file.find("split.count") != nullptr && (!count || *count < 0 || *count > kGgufPartsMax)) return kGgufPartsMax + 1;
  return count && *count > 1 ? static_cast<std::uint32_t>(*count) : 1;
}

Result<GgufParts> read_gguf_parts(GgufFile& first, const std::filesystem::path& path, const ReadLimits& limits) {
  if (gguf_part_count(first) == 1) return GgufParts{};
  return PartReader(first, path, limits).read();
}

}  // namespace forebay::formats
