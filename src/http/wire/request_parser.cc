#include "http/wire/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>

#include "http/errors.h"
#include "http/wire/authority.h"

namespace forebay::http::wire {

namespace beast = boost::beast;
using BeastView = beast::string_view;
using BeastError = beast::error_code;

namespace {

std::string_view view(BeastView text) { return {text.data(), text.size()}; }

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

// The target in the request line that these bytes begin with, as far as it is there.
std::string_view target_in(std::string_view bytes) {
  while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  const std::string_view line = bytes.substr(0, bytes.find_first_of("\r\n"));
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return {};
  const std::string_view rest = line.substr(space + 1);
  return rest.substr(0, rest.find(' '));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Empty lines that some old clients send before a request; RFC 9112, section 2.2.
constexpr std::size_t kEmptyLineBytesMax = 8;

Error error_of(const BeastError& code, std::uint32_t head_bytes_max) {
  using beast::http::error;
  const auto is = [&](error one) { return code == one; };
  if (is(error::header_limit)) return Error(kHeaderTooLarge, fmt::format("the head is larger than {} bytes", head_bytes_max));
  if (is(error::bad_content_length) || is(error::multiple_content_length) || is(error::bad_transfer_encoding))
    return Error(kAmbiguousLength, "the fields that state the body's length contradict each other or are not valid");
  if (is(error::bad_chunk) || is(error::bad_chunk_extension)) return Error(kAmbiguousLength, "the chunked body is not valid");
  if (is(error::bad_field)) return Error(kBadRequest, "the name of a header field is not valid");
  if (is(error::bad_value)) return Error(kBadRequest, "the value of a header field is not valid");
  if (is(error::bad_target)) return Error(kBadRequest, "the request target is not a URL");
  return Error(kBadRequest, "the bytes are not an HTTP/1.1 request");
}

}  // namespace

// One request. Beast's parser reads one message and cannot be used again.
class RequestParser::Message final : public beast::http::basic_parser<true> {
 public:
  explicit Message(const Limits& limits) : limits_(limits) {
    header_limit(limits.head_bytes_max);
    body_limit(boost::none);  // the receiver of the body holds the limit, and can say so
  }

  Result<Found> read(std::string_view bytes) {
    piece_ = {};
    consumed_ = got_some() ? 0 : skip_empty_lines(bytes);
    while (true) {
      if (got_some() && is_header_done() && !std::exchange(head_reported_, true)) return Found::kHead;
      if (head_reported_ && is_done()) return Found::kEnd;
      given_ = bytes.substr(consumed_);
      if (given_.empty()) return Found::kNothing;
      BeastError code;
      consumed_ += put(boost::asio::const_buffer(given_.data(), given_.size()), code);
      if (refused_) return fail(*std::move(refused_));
      if (code == beast::http::error::need_more) return Found::kNothing;
      if (code) return fail(error_of(code, limits_.head_bytes_max));
      if (!piece_.empty()) return Found::kBody;
    }
  }

  bool inside() const { return got_some() && !is_done(); }
  std::size_t consumed() const { return consumed_; }
  std::string_view target() const { return head_ == nullptr ? finished_head_->target() : head_->target(); }
  const std::shared_ptr<const RequestHead>& head() const { return finished_head_; }
  std::string_view body() const { return piece_; }

 private:
  std::size_t skip_empty_lines(std::string_view bytes) {
    std::size_t at = 0;
    while (bytes.substr(at).starts_with("\r\n") && empty_line_bytes_ < kEmptyLineBytesMax) {
      at += 2;
      empty_line_bytes_ += 2;
    }
    return at;
  }
  void refuse(Error error, BeastError& code) {
    refused_ = std::move(error);
    code = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb /*known*/, BeastView method, BeastView target, int version, BeastError& /*code*/) override {
    head_->set_request_line(view(method), view(target), version - 10);
  }
  void on_response_impl(int, BeastView, int, BeastError&) override {}

  // Requires: `name` and `value` lie in the bytes given to put(), unless the value was folded over several lines.
  void on_field_impl(beast::http::field known, BeastView name, BeastView value, BeastError& code) override {
    const std::string_view text = view(value);
    const char* const from = name.data() + name.size();
    const bool elsewhere = text.data() < from || text.data() + text.size() > given_.data() + given_.size();
    if (elsewhere || std::string_view(from, static_cast<std::size_t>(text.data() - from)).contains('\r'))
      return refuse(Error(kBadRequest, "a header field goes over several lines"), code);
    if (known == beast::http::field::content_length && !all_digits(text))
      return refuse(Error(kAmbiguousLength, "Content-Length is not a number"), code);
    if (known == beast::http::field::transfer_encoding && !equal_ignoring_case(text, "chunked"))
      return refuse(Error(kContentEncoding, fmt::format("'Transfer-Encoding: {}' is not taken", text.substr(0, 40)))
                        .with_hint("send the body chunked, or with Content-Length"),
                    code);
    head_->add_field(view(name), text);
  }
  void on_trailer_field_impl(beast::http::field, BeastView, BeastView, BeastError&) override {}

  void on_header_impl(BeastError& code) override {
    for (const std::string_view name : {"content-length", "transfer-encoding", "host"}) {
      if (head_->count(name) > 1)
        return refuse(Error(name == "host" ? kBadRequest : kAmbiguousLength, fmt::format("the request has two fields {}", name)), code);
    }
    if (auto target = settle_target(*head_); !target) return refuse(std::move(target).error(), code);
    if (const auto expected = head_->field("expect"); !expected.empty()) {
      if (!equal_ignoring_case(expected, "100-continue"))
        return refuse(Error(kBadRequest, fmt::format("'Expect: {}' is not known here", expected.substr(0, 40)))
                          .with_hint("leave Expect out, or send 100-continue"),
                      code);
      if (head_->minor_version() > 0) head_->set_expects_continue();
    }
    std::optional<std::uint64_t> length;
    if (const auto stated = content_length()) length = *stated;
    head_->set_framing(chunked(), length, keep_alive());
    finished_head_ = std::move(head_);
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastView bytes, BeastError&) override {
    piece_ = view(bytes);
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, BeastView /*extensions*/, BeastError& code) override {
    if (size > limits_.body_bytes_max - chunk_bytes_)
      return refuse(Error(kBodyTooLarge, fmt::format("the body is larger than the {} bytes that are allowed", limits_.body_bytes_max)),
                    code);
    chunk_bytes_ += size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView bytes, BeastError&) override {
    piece_ = view(bytes);
    return bytes.size();
  }
  void on_finish_impl(BeastError&) override {}

  const Limits limits_;
  std::uint64_t chunk_bytes_ = 0;  // that chunks have stated
  std::shared_ptr<RequestHead> head_ = std::make_shared<RequestHead>();
  std::shared_ptr<const RequestHead> finished_head_;
  std::string_view given_;
  std::string_view piece_;
  std::size_t consumed_ = 0;
  std::size_t empty_line_bytes_ = 0;
  bool head_reported_ = false;
  std::optional<Error> refused_;
};

RequestParser::RequestParser(const Limits& limits) : limits_(limits) { next(); }
RequestParser::~RequestParser() = default;

Result<RequestParser::Found> RequestParser::read(std::string_view bytes) { return message_->read(bytes); }
std::size_t RequestParser::consumed() const { return message_->consumed(); }
const std::shared_ptr<const RequestHead>& RequestParser::head() const { return message_->head(); }
std::string_view RequestParser::body() const { return message_->body(); }
std::string_view RequestParser::target(std::string_view unread) const {
  const std::string_view target = message_->target().empty() ? target_in(unread) : message_->target();
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view() : target.substr(slash);
}
bool RequestParser::inside() const { return message_->inside(); }
void RequestParser::next() { message_ = std::make_unique<Message>(limits_); }

}  // namespace forebay::http::wire
