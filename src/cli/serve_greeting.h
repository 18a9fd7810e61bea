// What to try once the server answers: three things to paste into a terminal, made for the models that are served.
// Threads: no state.
#pragma once

#include <span>
#include <string>

#include "http/http_options.h"
#include "models/repository.h"

namespace forebay::cli {

// What to say when an address that others can reach is open to all of them.
std::string open_server_warning(const std::string& host);
// Reads the files' descriptions (headers only); what cannot be read is left out.
std::string things_to_try(std::span<const models::ModelSource> sources, const std::string& url, bool needs_key);
// "http://127.0.0.1:8080"; an address for everyone becomes this machine's own, and IPv6 gets its brackets.
std::string url_of(const http::HttpOptions& options, std::uint16_t port);

}  // namespace forebay::cli
