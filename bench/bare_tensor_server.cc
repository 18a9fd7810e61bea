// The least a C++ program can do: Drogon, glaze and ONNX Runtime, nothing else. It shows what is left to gain.
// Serves POST /predict {"input": [[…]]} for a model with one float input and one first float output; no checks, no batching, no metrics.
#include <drogon/drogon.h>
#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <glaze/glaze.hpp>
#include <numeric>
#include <string_view>

// Outside the unnamed namespace, because glaze looks at its linkage.
struct Request {
  std::vector<float> input;
};

namespace {
class BareModel {
 public:
  explicit BareModel(const char* path) : session_(environment_, path, options()) {
    Ort::AllocatorWithDefaultOptions allocator;
    input_ = session_.GetInputNameAllocated(0, allocator).get();
    output_ = session_.GetOutputNameAllocated(0, allocator).get();
    shape_ = session_.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
    for (auto& dimension : shape_) dimension = dimension < 0 ? 1 : dimension;
  }

  std::string answer(std::string_view body) {
    Request request;
    if (glz::read_json(request, body)) return {};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto input = Ort::Value::CreateTensor<float>(memory, request.input.data(), request.input.size(), shape_.data(), shape_.size());
    const char* input_names[] = {input_.c_str()};
    const char* output_names[] = {output_.c_str()};
    const auto outputs = session_.Run(Ort::RunOptions{nullptr}, input_names, &input, 1, output_names, 1);
    const float* values = outputs[0].GetTensorData<float>();
    const std::vector<float> output(values, values + outputs[0].GetTensorTypeAndShapeInfo().GetElementCount());
    return fmt::format("{{\"output\":{}}}", glz::write_json(output).value_or("[]"));
  }

 private:
  static Ort::SessionOptions options() {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    return options;
  }
  Ort::Env environment_{ORT_LOGGING_LEVEL_ERROR};
  Ort::Session session_;
  std::string input_;
  std::string output_;
  std::vector<std::int64_t> shape_;
};
}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  if (argc != 3 || std::from_chars(argv[2], argv[2] + std::string_view(argv[2]).size(), port).ec != std::errc()) return 2;
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  BareModel model(argv[1]);
  drogon::app()
      .registerHandler("/predict",
                       [&model](const drogon::HttpRequestPtr& request, std::function<void(const drogon::HttpResponsePtr&)>&& reply) {
                         auto response = drogon::HttpResponse::newHttpResponse();
                         response->setContentTypeCode(drogon::CT_APPLICATION_JSON);
                         response->setBody(model.answer(request->body()));
                         reply(response);
                       },
                       {drogon::Post})
      .registerHandler("/healthz",
                       [](const drogon::HttpRequestPtr&, std::function<void(const drogon::HttpResponsePtr&)>&& reply) {
                         reply(drogon::HttpResponse::newHttpResponse());
                       })
      .addListener("127.0.0.1", port)
      .setClientMaxBodySize(std::size_t{64} << 20U)
      .setClientMaxMemoryBodySize(std::size_t{64} << 20U)
      .setUploadPath((std::filesystem::temp_directory_path() / "bare_tensor_server").string())
      .setThreadNum(2)
      .setLogLevel(trantor::Logger::kError)
      .run();
}
