#include "formats/read_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <vector>

#include "base/errors.h"
#include "base/mapped_file.h"
#include "formats/display_text.h"
#include "formats/encoder_folder.h"
#include "formats/errors.h"
#include "formats/gguf_reader.h"
#include "formats/image_processor.h"
#include "formats/onnx_reader.h"
#include "formats/recognise.h"
#include "formats/series_reader.h"
#include "formats/vision_reader.h"
#include "formats/vision_sidecar.h"

namespace forebay::formats {

namespace {
constexpr std::size_t kFolderEntriesMax = 10'000;

std::string extension_of(const std::filesystem::path& path) {
  auto extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return extension;
}

std::string usual_extension(Format format) { return fmt::format(".{}", name_of(format)); }

Format format_of_file(const std::filesystem::path& path) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(path, problem);
  if (problem) return Format::kUnknown;
  std::ifstream file(path, std::ios::binary);
  std::vector<char> start(kRecognitionBytes);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  return recognise(std::as_bytes(std::span(start).first(static_cast<std::size_t>(file.gcount()))), size);
}

// The only model file of a folder. Data files beside it may look like anything, so the usual extension decides where content does not.
Result<std::filesystem::path> model_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code problem;
  std::size_t entries = 0;
  for (std::filesystem::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
    if (++entries > kFolderEntriesMax)
      return fail(kFolderWithoutModel, fmt::format("the folder has more than {} entries", kFolderEntriesMax));
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && format_of_file(entry->path()) != Format::kUnknown) found.push_back(entry->path());
  }
  if (problem) return fail(kFileNotReadable, "the folder cannot be listed");
  const auto has_usual_extension = [](const auto& path) { return extension_of(path) == ".gguf" || extension_of(path) == ".onnx"; };
  if (found.size() > 1 && std::ranges::any_of(found, has_usual_extension)) std::erase_if(found, std::not_fn(has_usual_extension));
  if (found.empty()) return fail(kFolderWithoutModel, "the folder holds neither a GGUF nor an ONNX file");
  if (found.size() > 1) {
    std::ranges::sort(found);
    return fail(kFolderWithSeveralModels, fmt::format("the folder holds {} model files, '{}' and '{}' among them", found.size(),
                                                      as_utf8(found[0].filename().string()), as_utf8(found[1].filename().string())));
  }
  return found[0];
}

std::unexpected<Error> refuse_unknown(std::span<const std::byte> bytes) {
  const auto start = bytes.first(std::min(bytes.size(), kRecognitionBytes));
  if (is_git_lfs_pointer(start)) return fail(kGitLfsPointer, "the file is a Git LFS pointer");
  const auto foreign = recognise_foreign(start);
  if (foreign.name.empty()) return fail(kFormatNotRecognised, "the file is neither GGUF nor ONNX, nor anything else that is known");
  Error error(kFormatNotSupported, fmt::format("the file is {}", foreign.name));
  return fail(foreign.hint.empty() ? std::move(error) : std::move(error).with_hint(std::string(foreign.hint)));
}

Result<ModelDescription> read_bytes(std::span<const std::byte> bytes, const std::filesystem::path& path, const ReadLimits& limits) {
  if (bytes.empty()) return fail(kFileEmpty, "the file is empty");
  switch (recognise(bytes.first(std::min(bytes.size(), kRecognitionBytes)), bytes.size())) {
    case Format::kGguf:
      return read_gguf(bytes, limits, path);
    case Format::kOnnx:
      return read_onnx(bytes, limits, path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
    case Format::kUnknown:
    case Format::kPipeline:
      break;
  }
  return refuse_unknown(bytes);
}
std::filesystem::path sidecar_path(std::filesystem::path model) { return model.replace_extension(".forebay.json"); }

// NAME.forebay.json beside NAME.onnx, if there is one.
Result<std::optional<VisionSidecar>> sidecar_of(const std::filesystem::path& model) {
  const auto path = sidecar_path(model);
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return std::nullopt;
  TRY_ASSIGN(const auto file, MappedFile::open(path, kSidecarBytesMax));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  TRY_ASSIGN(auto sidecar, read_vision_sidecar(text), "reading " + path.filename().string());
  return sidecar;
}
}  // namespace

Result<std::filesystem::path> model_file_of(const std::filesystem::path& path) {
  std::error_code problem;
  if (!std::filesystem::is_directory(path, problem)) return path;
  return model_in(path);
}

Result<ModelDescription> read_model(const std::filesystem::path& path, const ReadLimits& limits) {
  TRY_ASSIGN(const auto file_path, model_file_of(path));
  TRY_ASSIGN(const auto file, MappedFile::open(file_path, limits.file_bytes_max));
  TRY_ASSIGN(auto description, read_bytes(file.bytes(), file_path, limits), "reading " + file_path.filename().string());
  if (description.format == Format::kOnnx) {
    describe_encoder(description, file_path);
    TRY_ASSIGN(const auto sidecar, sidecar_of(file_path));
    if (sidecar) description.rows_independent = sidecar->rows_independent;
    if (sidecar && (sidecar->series || sidecar->ranking)) {
      TRY(describe_series(description, *sidecar), "reading " + sidecar_path(file_path).filename().string());
    } else if (sidecar && !sidecar->only_batching) {
      TRY(describe_vision(description, sidecar), "reading " + sidecar_path(file_path).filename().string());
    } else {
      TRY(describe_vision_beside(description, file_path));
    }
  }
  const auto extension = extension_of(file_path);
  if (!extension.empty() && extension != usual_extension(description.format)) {
    description.warnings.push_back(
        {"extension_mismatch", fmt::format("the file is named '{}' and is {} inside", as_utf8(extension), name_of(description.format))});
  }
  return description;
}

}  // namespace forebay::formats
