// Every room's error codes, composed: the source of `forebay explain` and of docs/errors.md.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace forebay::cli {

struct CatalogueSection {
  std::string_view room;
  std::string_view about;
  std::uint16_t first;  // the room's range of numbers; inference has the numbers that its codes had in http
  std::uint16_t last;
  ErrorCodes codes;
};

// In the order of the ranges; a section in the order of its numbers.
std::span<const CatalogueSection> error_catalogue();
// By "FB1042", "1042" or "gguf_tensor_out_of_bounds", in any case; null when there is none.
const ErrorCode* find_error(std::string_view word);
// Every id and name, for did-you-mean and completion.
std::vector<std::string> error_words();
// Configuration mistakes end with 78 and usage with 2; everything else as its kind says.
int exit_status_of(const ErrorCode& code);

// A paragraph for people; one JSON object; docs/errors.md.
std::string explanation_of(const ErrorCode& code);
std::string explanation_json(const ErrorCode& code);
std::string catalogue_markdown();

}  // namespace forebay::cli
