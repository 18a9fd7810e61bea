// Reads one HTTP/1.1 response after another from a stream of bytes: status, length or chunks, server-sent events.
// Threads: confined. Owner: a connection of the load generator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace forebay::load {

class ResponseParser {
 public:
  enum class State : std::uint8_t { kHeaders, kBody, kChunkSize, kChunk, kChunkEnd, kTrailer, kDone, kBroken };

  // Takes what it can of `bytes`; returns how many were used. Stops at the end of a response.
  std::size_t feed(std::string_view bytes);
  bool done() const { return state_ == State::kDone; }
  bool broken() const { return state_ == State::kBroken; }
  int status() const { return status_; }
  bool keeps_alive() const { return keeps_alive_; }
  // "data:" lines seen in the body so far, "[DONE]" left out.
  std::uint64_t events() const { return events_; }
  // The last "completion_tokens" number in the body, or 0.
  std::uint64_t completion_tokens() const { return completion_tokens_; }
  void reset() { *this = ResponseParser(); }

 private:
  std::size_t feed_line(std::string_view bytes);
  void end_line();
  void read_header(std::string_view line);
  void read_chunk_size();
  void take_body(std::string_view bytes);
  void end_body_line();

  State state_ = State::kHeaders;
  std::string line_;
  bool first_line_ = true;
  int status_ = 0;
  bool chunked_ = false;
  bool keeps_alive_ = true;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::string body_line_;   // the current line of the body, cut at 64 KiB
  std::uint64_t events_ = 0;
  std::uint64_t completion_tokens_ = 0;
};

}  // namespace forebay::load
