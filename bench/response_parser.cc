#include "response_parser.h"

#include <algorithm>
#include <charconv>

namespace forebay::load {

namespace {
constexpr std::size_t kLineMax = 64 << 10;

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::ranges::equal(text.substr(0, prefix.size()), prefix, {},
                                                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

template <class Number>
bool read_number(std::string_view text, Number& number, int base = 10) {
  return std::from_chars(text.data(), text.data() + text.size(), number, base).ec == std::errc();
}
}  // namespace

std::size_t ResponseParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !done() && !broken()) {
    const std::string_view rest = bytes.substr(used);
    if (state_ == State::kBody || state_ == State::kChunk) {
      const std::size_t now = std::min<std::uint64_t>(left_, rest.size());
      take_body(rest.substr(0, now));
      left_ -= now;
      used += now;
      if (left_ == 0) state_ = state_ == State::kBody ? State::kDone : State::kChunkEnd;
    } else {
      used += feed_line(rest);
    }
  }
  if (done()) end_body_line();
  return used;
}

std::size_t ResponseParser::feed_line(std::string_view bytes) {
  const std::size_t newline = bytes.find('\n');
  line_ += bytes.substr(0, newline);
  if (line_.size() > kLineMax) state_ = State::kBroken;
  if (newline == std::string_view::npos) return bytes.size();
  if (line_.ends_with('\r')) line_.pop_back();
  end_line();
  line_.clear();
  return newline + 1;
}

void ResponseParser::end_line() {
  switch (state_) {
    case State::kHeaders:
      if (!line_.empty())
        read_header(line_);
      else if (chunked_)
        state_ = State::kChunkSize;
      else
        state_ = left_ == 0 ? State::kDone : State::kBody;
      break;
    case State::kChunkSize:
      read_chunk_size();
      break;
    case State::kChunkEnd:
      state_ = State::kChunkSize;
      break;
    case State::kTrailer:
      if (line_.empty()) state_ = State::kDone;
      break;
    default:
      state_ = State::kBroken;
  }
}

void ResponseParser::read_header(std::string_view line) {
  if (first_line_) {
    first_line_ = false;
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || !read_number(line.substr(9, 3), status_)) state_ = State::kBroken;
  } else if (starts_with_ignoring_case(line, "content-length:")) {
    const auto start = line.find_first_not_of(' ', 15);
    if (start == std::string_view::npos || !read_number(line.substr(start), left_)) state_ = State::kBroken;
  } else if (starts_with_ignoring_case(line, "transfer-encoding:") && line.find("chunked") != std::string_view::npos) {
    chunked_ = true;
  } else if (starts_with_ignoring_case(line, "connection:") && line.find("close") != std::string_view::npos) {
    keeps_alive_ = false;
  }
}

void ResponseParser::read_chunk_size() {
  if (!read_number(line_, left_, 16))
    state_ = State::kBroken;
  else
    state_ = left_ == 0 ? State::kTrailer : State::kChunk;
}

void ResponseParser::take_body(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view part = bytes.substr(0, newline);
    if (body_line_.size() < kLineMax) body_line_ += part.substr(0, kLineMax - body_line_.size());
    if (newline == std::string_view::npos) return;
    end_body_line();
    bytes.remove_prefix(newline + 1);
  }
}

void ResponseParser::end_body_line() {
  if (body_line_.starts_with("data:") && body_line_.find("[DONE]") == std::string::npos) ++events_;
  constexpr std::string_view kTokens = "\"completion_tokens\":";
  if (const auto at = body_line_.rfind(kTokens); at != std::string::npos) {
    const auto start = body_line_.find_first_not_of(' ', at + kTokens.size());
    if (start != std::string::npos) read_number(std::string_view(body_line_).substr(start), completion_tokens_);
  }
  body_line_.clear();
}

}  // namespace forebay::load
