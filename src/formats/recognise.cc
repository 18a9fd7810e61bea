#include "formats/recognise.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "formats/byte_reader.h"
#include "formats/protobuf_wire.h"
#include "formats/read_model.h"

namespace forebay::formats {

using namespace std::string_view_literals;

namespace {
constexpr std::uint64_t kSafetensorsHeaderBytesMax = 100'000'000;
constexpr std::uint64_t kIrVersionPlausible = 1000;

struct Signature {
  std::string_view bytes;
  std::size_t offset;
  ForeignFormat format;
};

constexpr std::string_view kExportTorch = "export the model with torch.onnx.export(model, inputs, 'model.onnx', dynamo=True)";
constexpr std::string_view kExportKeras = "export the model with model.export('model.onnx', format='onnx')";
constexpr std::string_view kExportTrees = "convert the model to ONNX with onnxmltools or skl2onnx";
constexpr std::string_view kUnpack = "unpack it and give the model file inside";

constexpr Signature kSignatures[] = {
    {"PK\x03\x04"sv, 0, {"a ZIP archive (PyTorch, Keras 3, skops or NumPy save so)", kExportTorch}},
    {"PK\x05\x06"sv, 0, {"an empty ZIP archive", ""}},
    {"\x89HDF\r\n\x1a\n"sv, 0, {"an HDF5 file (Keras)", kExportKeras}},
    {"\x80\x02"sv, 0, {"a Python pickle", kExportTrees}},
    {"\x80\x03"sv, 0, {"a Python pickle", kExportTrees}},
    {"\x80\x04"sv, 0, {"a Python pickle", kExportTrees}},
    {"\x80\x05"sv, 0, {"a Python pickle", kExportTrees}},
    {"\x1f\x8b"sv, 0, {"a gzip file", kUnpack}},
    {"BZh"sv, 0, {"a bzip2 file", kUnpack}},
    {"\xfd"
     "7zXZ\0"sv,
     0,
     {"an xz file", kUnpack}},
    {"\x28\xb5\x2f\xfd"sv, 0, {"a Zstandard file", kUnpack}},
    {"\x04\x22\x4d\x18"sv, 0, {"an LZ4 file", kUnpack}},
    {"ustar"sv, 257, {"a tar archive", kUnpack}},
    {"7z\xbc\xaf\x27\x1c"sv, 0, {"a 7-Zip archive", kUnpack}},
    {"{L\0\0\0\0\0\0\0\x07learner"sv, 0, {"an XGBoost model (UBJSON)", kExportTrees}},
    {"binf"sv, 0, {"a legacy binary XGBoost model", "save it again with save_model('model.json') and convert that to ONNX"}},
    {"tree\nversion="sv, 0, {"a LightGBM model", kExportTrees}},
    {"\x82\xa8metadata"sv, 0, {"a Burn record (MessagePack)", "serve the ONNX file the model was imported from"}},
    {"\x83\xa8metadata"sv, 0, {"a Burn record (MessagePack)", "serve the ONNX file the model was imported from"}},
    {"NRUB"sv, 0, {"a Burn pack", "serve the ONNX file the model was imported from"}},
    {"TFL3"sv, 4, {"a TensorFlow Lite model", "convert it to ONNX with tf2onnx --tflite"}},
    {"\x93NUMPY"sv, 0, {"a NumPy array", "this is an input, not a model"}},
    {"ggml"sv, 0, {"a GGML file from before GGUF", "convert the model again with a current converter"}},
    {"lmgg"sv, 0, {"a GGML file from before GGUF", "convert the model again with a current converter"}},
    {"tjgg"sv, 0, {"a GGML file from before GGUF", "convert the model again with a current converter"}},
    {"fmgg"sv, 0, {"a GGML file from before GGUF", "convert the model again with a current converter"}},
    {"ORTM"sv, 4, {"an ONNX Runtime flatbuffer (.ort)", "serve the ONNX file it was made from"}},
    {"\x89PNG\r\n\x1a\n"sv, 0, {"a PNG image", "this is an input, not a model"}},
    {"\xff\xd8\xff"sv, 0, {"a JPEG image", "this is an input, not a model"}},
    {"GIF8"sv, 0, {"a GIF image", "this is an input, not a model"}},
    {"WEBP"sv, 8, {"a WebP image", "this is an input, not a model"}},
    {"%PDF-"sv, 0, {"a PDF document", "give the path of the model file"}},
    {"SQLite format 3\0"sv, 0, {"an SQLite database", "give the path of the model file"}},
    {"\x7f"
     "ELF"sv,
     0,
     {"a program or library (ELF)", "give the path of the model file"}},
    {"MZ"sv, 0, {"a Windows program", "give the path of the model file"}},
    {"#!"sv, 0, {"a script", "give the path of the model file"}},
};

std::string_view as_text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::ranges::equal(text.substr(0, lower.size()), lower, {}, [](char c) {
           return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
         });
}

bool is_html(std::string_view text) { return starts_with_ignoring_case(text, "<!doctype") || starts_with_ignoring_case(text, "<html"); }

bool is_safetensors(std::span<const std::byte> start) {
  ByteReader reader(start);
  const auto header_bytes = reader.number<std::uint64_t>();
  return reader.take_text(1) == "{" && header_bytes >= 2 && header_bytes <= kSafetensorsHeaderBytesMax;
}

// Protocols 0 and 1 have no magic; the most telling start is a global: "c", a module, a line end, a name, a line end.
bool is_text_pickle(std::string_view text) {
  if (text.starts_with("(dp") || text.starts_with("(lp")) return true;
  if (!text.starts_with('c') && !text.starts_with("}q")) return false;
  const auto module_end = text.find('\n');
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; };
  return module_end != std::string_view::npos && module_end > 1 && text.find('\n', module_end + 1) != std::string_view::npos &&
         std::ranges::all_of(text.substr(1, module_end - 1), is_word);
}

// Whether these bytes begin like a ModelProto: known fields of the right wire type, and a plausible version or a graph.
bool is_onnx(std::span<const std::byte> start, std::uint64_t file_bytes) {
  constexpr std::uint32_t kIrVersion = 1;
  constexpr std::uint32_t kModelVersion = 5;
  constexpr std::uint32_t kGraph = 7;
  constexpr std::uint32_t kTextsAndMessages[] = {2, 3, 4, 6, 7, 8, 14, 20, 25, 26};
  ByteReader reader(start);
  std::uint64_t position = 0;  // of the whole file, where a field may reach past `start`
  bool is_telling = false;
  while (!reader.at_end()) {
    const auto tag = read_varint(reader);
    const auto field = tag >> 3;
    const auto type = static_cast<WireType>(tag & 7);
    const auto value = read_varint(reader);
    if (reader.failed()) return is_telling;  // Cut off by the end of `start`, or damaged: parsing will tell.
    position = reader.offset();
    if (field == kIrVersion && type == WireType::kVarint) {
      if (value == 0 || value > kIrVersionPlausible) return false;
      is_telling = true;
    } else if (field == kModelVersion && type == WireType::kVarint) {
      continue;
    } else if (type == WireType::kLengthDelimited && std::ranges::contains(kTextsAndMessages, field)) {
      if (value > file_bytes - std::min(position, file_bytes)) return is_telling;  // Truncated, or no ONNX at all.
      if (field == kGraph && value > 0) is_telling = true;
      if (value >= reader.remaining()) return is_telling;
      reader.take(value);
    } else {
      return false;
    }
  }
  return is_telling;
}
}  // namespace

bool is_git_lfs_pointer(std::span<const std::byte> start) { return as_text(start).starts_with("version https://git-lfs"); }

Format recognise(std::span<const std::byte> start, std::uint64_t file_bytes) {
  if (as_text(start).starts_with("GGUF")) return Format::kGguf;
  if (!recognise_foreign(start).name.empty() || is_git_lfs_pointer(start)) return Format::kUnknown;
  return is_onnx(start, file_bytes) ? Format::kOnnx : Format::kUnknown;
}

ForeignFormat recognise_foreign(std::span<const std::byte> start) {
  const auto text = as_text(start);
  for (const auto& signature : kSignatures) {
    if (text.size() >= signature.offset && text.substr(signature.offset).starts_with(signature.bytes)) return signature.format;
  }
  if (is_safetensors(start)) return {"a safetensors file: weights without a graph", "export the model to ONNX or GGUF"};
  const auto content = trimmed(text);
  if (is_html(content)) return {"an HTML page", "the download was answered by a web page, often a login; download the file itself"};
  if (content.starts_with('{') && content.contains("\"learner\"")) return {"an XGBoost model (JSON)", kExportTrees};
  if (content.starts_with("{\"") || content.starts_with("{ \"") || content.starts_with("{\n") || content.starts_with("[")) {
    if (text.size() < 2 || !is_onnx(start, start.size())) return {"a JSON document", "give the path of the model file"};
  }
  if (is_text_pickle(text)) return {"a Python pickle", kExportTrees};
  return {};
}

}  // namespace forebay::formats
