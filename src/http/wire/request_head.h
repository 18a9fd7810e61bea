// The head of one HTTP/1 request: request line, fields, and what they say about the connection and the body.
// Threads: immutable once parsed. Owner: shared by the connection and the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace forebay::http::wire {

class RequestHead {
 public:
  std::string_view method() const { return method_; }
  // As received: "/v1/models?limit=1". An absolute target has lost its scheme and authority.
  std::string_view target() const { return target_; }
  std::string_view path() const { return target().substr(0, target().find('?')); }
  std::string_view query() const;  // after the "?", still escaped
  std::string_view host() const { return host_; }
  int minor_version() const { return minor_version_; }

  // Returns the first field of that name (lower case), empty if there is none.
  std::string_view field(std::string_view lower_case_name) const;
  std::size_t count(std::string_view lower_case_name) const;

  // RFC 9112, section 9.3: the connection may carry another request.
  bool keep_alive() const { return keep_alive_; }
  bool expects_continue() const { return expects_continue_; }
  bool chunked() const { return chunked_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  bool has_body() const { return chunked_ || content_length_.value_or(0) > 0; }

  // --- for the parser
  struct Field {
    std::string name;  // lower case
    std::string value;
  };
  void set_request_line(std::string_view method, std::string_view target, int minor_version);
  void add_field(std::string_view name, std::string_view value);
  void set_target(std::string target) { target_ = std::move(target); }
  void set_host(std::string host) { host_ = std::move(host); }
  void set_framing(bool chunked, std::optional<std::uint64_t> content_length, bool keep_alive);
  void set_expects_continue() { expects_continue_ = true; }

 private:
  std::string method_;
  std::string target_;
  std::string host_;
  std::vector<Field> fields_;
  std::optional<std::uint64_t> content_length_;
  int minor_version_ = 1;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool chunked_ = false;
};

}  // namespace forebay::http::wire
