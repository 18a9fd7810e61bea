// The events of one request's sequences, brought together in order: into one answer, or out as a stream. A stream's headers leave with its
// first event, so that what fails before still gets a status of its own, or with a comment when the first event is long in coming.
// Threads: confined to the request's loop, but for wake(). Owner: the exchange, through Generation. Not here: submitting, any dialect's
// JSON.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "scheduling/request.h"
#include "scheduling/token_channel.h"

namespace forebay::http {

// A finished sequence.
struct Choice {
  std::size_t sequence = 0;
  std::string text;
  struct Piece {
    std::string text;               // what became certain with this token
    std::uint32_t text_offset = 0;  // characters of the whole text before the token's own
    std::optional<scheduling::TokenLogprob> logprob;
    std::vector<scheduling::TokenLogprob> alternatives;
  };
  std::vector<Piece> pieces;  // when log probabilities were asked for
  scheduling::FinishReason finish_reason = scheduling::FinishReason::kStop;
  std::optional<std::string> stop_string;
  scheduling::GenerationUsage usage;
  std::uint32_t seed = 0;
};

// What a dialect makes of a stream; each returns the JSON of an event, or nothing.
struct StreamShape {
  std::function<std::optional<std::string>(std::size_t sequence)> opening;
  std::function<std::optional<std::string>(std::size_t sequence, const scheduling::TokenEvent& event)>
      token;                                                                 // kToken, and text of kFinished
  std::function<std::optional<std::string>(const Choice& choice)> finished;  // without its text
  std::function<std::optional<std::string>(const std::vector<Choice>& choices)> closing;
  bool ends_with_done = false;  // OpenAI's "[DONE]"
};

// Where the answer goes: the request's exchange in the server, a record in tests. Confined to the loop, but for on_loop().
class AnswerWire {
 public:
  virtual ~AnswerWire() = default;
  virtual bool ended() const = 0;    // nobody reads any more, or everything has been said
  virtual bool streams() const = 0;  // events may be sent
  // Sends a stream's headers; `ready` runs once events may follow: inside this call, or later. Never when the request is refused instead.
  virtual void begin_stream(std::function<void()> ready) = 0;
  virtual void event(const std::string& json) = 0;
  virtual void comment() = 0;
  virtual void end_stream(bool with_done) = 0;
  virtual void answer(std::string json) = 0;
  virtual void fail(const Error& error) = 0;  // an event of a stream, a status before it
  virtual void cancel_rest() = 0;
  virtual Error cancel_error() const = 0;
  // At once when called on the loop itself.
  virtual void on_loop(std::move_only_function<void()> work) = 0;
};

// What is to be made of the events: exactly one of the two is set.
struct Gathering {
  std::function<std::string(std::vector<Choice>)> to_json;
  std::optional<StreamShape> shape;
  bool wants_logprobs = false;
};

class TokenGatherer : public std::enable_shared_from_this<TokenGatherer> {
 public:
  using Channels = std::vector<std::shared_ptr<scheduling::TokenChannel>>;
  TokenGatherer(std::unique_ptr<AnswerWire> wire, Gathering gathering, Channels channels);
  // From now on the channels wake it, from any thread.
  void listen();
  // Nothing was sent for long: the headers leave with a comment. Only the first call of a stream does something.
  void begin_silently();

 private:
  void wake();
  void drain();
  void take_all();
  void take(std::size_t sequence, const scheduling::TokenEvent& event);
  void finish(Choice& choice, const scheduling::TokenEvent& event);
  void stream_event(std::size_t sequence, const scheduling::TokenEvent& event);
  void begin_stream(bool silently);
  void send(const std::optional<std::string>& json);
  void give_up(const Error& error);
  void all_finished();

  const std::unique_ptr<AnswerWire> wire_;
  const Gathering gathering_;
  const Channels channels_;
  std::vector<Choice> choices_;
  std::size_t finished_ = 0;
  std::atomic<bool> awake_{false};
  bool draining_ = false;
  bool stream_asked_ = false;
  std::vector<std::string> early_;  // of the event that made the stream begin
  bool all_early_ = false;          // … and ended it too
};

}  // namespace forebay::http
