// Refuses requests that a web page of another site made a browser send: by their Host (DNS rebinding) and their Origin (cross-site
// requests). Threads: immutable. Owner: Server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::http {

class CallerCheck {
 public:
  struct Options {
    std::vector<std::string> allowed_hosts;  // names; "*": any
    std::vector<std::string> cors_origins;   // "https://app.example"; "*": any
    std::string listen_host;
    bool has_keys = false;  // a page of another site does not know a key
  };
  explicit CallerCheck(Options options);

  // `host` is the request's, with its port; empty for HTTP/1.0. Without allowed_hosts these are allowed: addresses, loopback names, this
  // machine's name, and any host if keys are needed. kHostNotAllowed.
  Result<> check_host(std::string_view host) const;
  // `origin` is the field Origin, empty if there is none. Allowed are the server's own pages and cors_origins. kOriginNotAllowed.
  Result<> check_origin(std::string_view origin, std::string_view host) const;
  // True if Access-Control-Allow-Origin may name it.
  bool has_cors(std::string_view origin) const;
  bool any_origin() const { return any_origin_; }

 private:
  Options options_;
  std::string machine_name_;
  bool any_origin_ = false;
};

}  // namespace forebay::http
