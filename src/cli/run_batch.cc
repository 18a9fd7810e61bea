#include "cli/run_batch.h"

#include <fmt/format.h>

#include <deque>
#include <future>
#include <memory>
#include <ostream>
#include <ranges>
#include <sstream>

#include "base/mapped_file.h"
#include "cli/answer_sink.h"
#include "cli/errors.h"
#include "cli/json_text.h"
#include "cli/run_inputs.h"
#include "cli/run_tasks.h"

namespace forebay::cli {

namespace {

constexpr std::size_t kAtOnce = 8;  // enough to fill a batch, and few enough for large pictures to lie in memory

std::string error_json(std::size_t line, const Error& error) {
  return fmt::format(R"({{"line":{},"error":{{"code":"{}","name":"{}","message":{},"hint":{}}}}})", line, error.code().id(),
                     error.code().name, json_string(error.message()), json_string(error.hint()));
}

class Batch {
 public:
  Batch(Console& console, models::ServedModel& model, const RunOptions& options, std::ostream& out)
      : console_(console), model_(model), options_(options), out_(out) {}

  void add(std::size_t line, const std::string& text) {
    if (waiting_.size() == kAtOnce) write_first();
    waiting_.push_back({.line = line, .read = {}, .answer = {}});
    waiting_.back().answer = start(text, waiting_.back().read);
  }
  Result<> finish() {
    while (!waiting_.empty()) write_first();
    out_.flush();
    if (failed_ == 0) return {};
    return fail(kBatchIncomplete, fmt::format("{} of {} inputs failed", failed_, failed_ + succeeded_));
  }

 private:
  using Answer = std::future<Result<scheduling::TensorAnswer>>;
  struct Waiting {
    std::size_t line = 0;
    ReadInputs read;
    Result<Answer> answer;
  };

  Result<Answer> start(const std::string& text, ReadInputs& read) {
    if (text == "-") return fail(kInputNotUnderstood, "standard input is no input of a batch");
    TRY_ASSIGN(read, read_inputs(model_.description, {.positional = {text}, .stride = options_.stride}, console_.in));
    scheduling::TensorRequest request;
    request.ticket.request_id = "run";
    request.inputs = read.tensors;
    request.outputs = options_.outputs;
    const auto promise = std::make_shared<std::promise<Result<scheduling::TensorAnswer>>>();
    auto answer = promise->get_future();
    TRY(model_.tensors->submit(std::move(request),
                               [promise](Result<scheduling::TensorAnswer> result) { promise->set_value(std::move(result)); }));
    return answer;
  }

  Result<std::string> rendered(Waiting& one) const {
    if (!one.answer) return fail(one.answer.error());
    TRY_ASSIGN(const auto answer, one.answer->get());
    return render_answer(one.read, answer.outputs, model_.description, options_, OutputForm::kJson);
  }

  void write_first() {
    auto& one = waiting_.front();
    auto json = rendered(one);
    ++(json ? succeeded_ : failed_);
    std::string text = json ? *std::move(json) : error_json(one.line, json.error());
    text.erase(text.find_last_not_of('\n') + 1);
    out_ << text << '\n';
    waiting_.pop_front();
  }

  Console& console_;
  models::ServedModel& model_;
  const RunOptions& options_;
  std::ostream& out_;
  std::deque<Waiting> waiting_;
  std::size_t succeeded_ = 0;
  std::size_t failed_ = 0;
};

Result<> check(const models::ServedModel& model, const RunOptions& options) {
  if (!model.tensors) return fail(kOptionOutOfPlace, "--batch is for tensor models");
  if (!options.inputs.empty() || !options.named_inputs.empty() || options.series)
    return fail(kUsage, "--batch has all inputs: leave the others out");
  if (options.form != OutputForm::kText && options.form != OutputForm::kJson)
    return fail(kOptionOutOfPlace, "--batch writes a line of JSON for each input");
  return {};
}

}  // namespace

Result<> run_batch(Console& console, models::ServedModel& model, const RunOptions& options) {
  TRY(check(model, options));
  const InputLimits limits;
  std::string text;
  if (options.batch_file == "-") {
    TRY_ASSIGN(text, read_all(console, limits.file_bytes_max));
  } else {
    TRY_ASSIGN(text, read_text_file(options.batch_file, limits.file_bytes_max), "reading the batch");
  }
  std::ostringstream kept;  // buffered, so that the file is written atomically
  Batch batch(console, model, options, options.out_file.empty() ? console.out : kept);
  std::size_t number = 0;
  for (const auto part : std::views::split(text, '\n')) {
    std::string line(std::string_view(part.begin(), part.end()));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    ++number;
    if (!line.empty()) batch.add(number, line);
  }
  auto done = batch.finish();
  if (!options.out_file.empty()) TRY(write_answer(console, options.out_file, kept.str(), AnswerKind::kText));
  return done;
}

}  // namespace forebay::cli
