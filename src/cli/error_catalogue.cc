#include "cli/error_catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "accounts/errors.h"
#include "base/errors.h"
#include "cli/errors.h"
#include "cli/json_text.h"
#include "engines/errors.h"
#include "formats/errors.h"
#include "http/errors.h"
#include "inference/errors.h"
#include "models/errors.h"
#include "sandbox/errors.h"
#include "scheduling/errors.h"
#include "tensors/errors.h"
#include "text/errors.h"

namespace forebay::cli {

namespace {
constexpr std::array kSections = {
    CatalogueSection{"base", "What any room can meet", 1, 99, kBaseErrors},
    CatalogueSection{"sandbox", "How a child process can end", 100, 199, sandbox::kSandboxErrors},
    CatalogueSection{"tensors", "Tensors, and arrays, tables and images that become tensors", 500, 599, tensors::kTensorErrors},
    CatalogueSection{"formats", "What can be wrong with a model file", 1000, 1099, formats::kFormatsErrors},
    CatalogueSection{"text", "Templates, tokenizers and the text that goes through them", 2000, 2499, text::kTextErrors},
    CatalogueSection{"engines", "What the libraries that compute refuse", 3000, 3499, engines::kEngineErrors},
    CatalogueSection{"scheduling", "Admission, batches and generation", 4000, 4499, scheduling::kSchedulingErrors},
    CatalogueSection{"models", "Which models exist and which version answers", 5000, 5499, models::kModelsErrors},
    CatalogueSection{"accounts", "Who may do what", 6000, 6499, accounts::kAccountsErrors},
    CatalogueSection{"inference", "Parameters that do not fit the model", 7000, 7039, inference::kInferenceErrors},
    CatalogueSection{"http", "The wire", 7000, 7499, http::kHttpErrors},
    CatalogueSection{"cli", "The configuration and the command line", 8000, 8499, kCliErrors},
};
constexpr std::uint16_t kLastConfigurationCode = 8019;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}
}  // namespace

std::span<const CatalogueSection> error_catalogue() { return kSections; }

const ErrorCode* find_error(std::string_view word) {
  const std::string wanted = lower(word);
  std::string_view digits = wanted;
  if (digits.starts_with("fb")) digits.remove_prefix(2);
  unsigned number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size() && !digits.empty();
  for (const auto& section : kSections)
    for (const auto* code : section.codes)
      if (is_number ? code->number == number : code->name == wanted) return code;
  return nullptr;
}

std::vector<std::string> error_words() {
  std::vector<std::string> words;
  for (const auto& section : kSections) {
    for (const auto* code : section.codes) {
      words.push_back(code->id());
      words.emplace_back(code->name);
    }
  }
  return words;
}

int exit_status_of(const ErrorCode& code) {
  if (code == kUsage) return 2;
  if (code.number >= kConfigurationSyntax.number && code.number <= kLastConfigurationCode) return 78;
  return mapping_of(code.kind).exit_status;
}

std::string explanation_of(const ErrorCode& code) {
  const auto mapping = mapping_of(code.kind);
  return fmt::format("{} {}\n  {}\n  hint: {}\n  kind: {}  HTTP: {}  gRPC: {}  exit: {}\n", code.id(), code.name, code.meaning, code.hint,
                     name_of(code.kind), mapping.http_status, mapping.grpc_code, exit_status_of(code));
}

std::string explanation_json(const ErrorCode& code) {
  const auto mapping = mapping_of(code.kind);
  return fmt::format(
      R"({{"code": "{}", "name": "{}", "kind": "{}", "meaning": {}, "hint": {}, "http_status": {}, "grpc_code": {}, "exit_status": {}}})",
      code.id(), code.name, name_of(code.kind), json_string(code.meaning), json_string(code.hint), mapping.http_status, mapping.grpc_code,
      exit_status_of(code));
}

std::string catalogue_markdown() {
  std::string out =
      "# Errors\n\n"
      "Made by `forebay explain --markdown`; do not edit. Every error has a stable code and name, the same on the command line, in the log "
      "and in\n"
      "every protocol; `forebay explain CODE` shows one. The HTTP status, the gRPC code and the exit status follow from its kind.\n";
  for (const auto& section : kSections) {
    out += fmt::format(
        "\n## {} (FB{:04} to FB{:04})\n\n{}.\n\n| code | name | meaning | hint | HTTP | gRPC | exit |\n|---|---|---|---|---|---|---|\n",
        section.room, section.first, section.last, section.about);
    for (const auto* code : section.codes) {
      const auto mapping = mapping_of(code->kind);
      out += fmt::format("| {} | `{}` | {} | {} | {} | {} | {} |\n", code->id(), code->name, code->meaning, code->hint, mapping.http_status,
                         mapping.grpc_code, exit_status_of(*code));
    }
  }
  return out;
}

}  // namespace forebay::cli
