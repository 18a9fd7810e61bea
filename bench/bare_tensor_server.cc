// The least a C++ program can do: Beast, glaze and ONNX Runtime, nothing else. It shows what is left to gain.
// Serves POST /predict {"input": [[…]]} for a model with one float input and one first float output; no checks, no batching, no metrics.
#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstdlib>
#include <glaze/glaze.hpp>
#include <memory>
#include <numeric>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

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
namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, BareModel& model) : socket_(std::move(socket)), model_(model) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(std::size_t{64} << 20U);
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](const Code& code, std::size_t) {
      if (!code) self->respond();
    });
  }

 private:
  void respond() {
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.keep_alive(request.keep_alive());
    if (request.method() == http::verb::post) {
      response_.set(http::field::content_type, "application/json");
      response_.body() = model_.answer(request.body());
    }
    response_.prepare_payload();
    http::async_write(socket_, response_, [self = shared_from_this()](const Code& code, std::size_t) {
      if (!code && self->response_.keep_alive()) self->read();
    });
  }

  Tcp::socket socket_;
  BareModel& model_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

// Accepts for one thread; both listen on the port, and the system spreads the connections.
class Acceptor {
 public:
  Acceptor(std::uint16_t port, BareModel& model) : acceptor_(context_), model_(model) {
    const Tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(Tcp::acceptor::reuse_address(true));
    const int yes = 1;
    ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    acceptor_.bind(endpoint);
    acceptor_.listen();
    accept();
  }
  void run() { context_.run(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const Code& code, Tcp::socket socket) {
      if (!code) {
        Code ignored;
        socket.set_option(Tcp::no_delay(true), ignored);
        std::make_shared<Session>(std::move(socket), model_)->read();
      }
      accept();
    });
  }
  asio::io_context context_{1};
  Tcp::acceptor acceptor_;
  BareModel& model_;
};
}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  if (argc != 3 || std::from_chars(argv[2], argv[2] + std::string_view(argv[2]).size(), port).ec != std::errc()) return 2;
  ::setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  BareModel model(argv[1]);
  Acceptor first(port, model);
  Acceptor second(port, model);
  const std::jthread other([&second] { second.run(); });
  first.run();
}
