#include "http/sent_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "http/errors.h"
#include "http/json_check.h"

namespace forebay::http {

namespace {

struct Kind {
  std::string_view name;  // empty: not known
  std::string_view hint;
};

constexpr std::string_view kJsonHint = "send a JSON object with Content-Type: application/json";
constexpr std::string_view kImageHint =
    "send a JSON object, or the image alone to POST /predict: curl --data-binary @FILE -H 'Content-Type: image/png' (or image/jpeg, "
    "image/webp)";
constexpr std::string_view kUnicodeHint = "encode the JSON as UTF-8";

struct Signature {
  std::string_view bytes;
  Kind kind;
};
constexpr Signature kSignatures[] = {
    {"\x89PNG", {"a PNG image", kImageHint}},
    {"\xff\xd8\xff", {"a JPEG image", kImageHint}},
    {"\x1f\x8b", {"gzip", "add Content-Encoding: gzip"}},
    {"\xff\xfe", {"UTF-16", kUnicodeHint}},
    {"\xfe\xff", {"UTF-16", kUnicodeHint}},
    {"%PDF", {"a PDF file", kJsonHint}},
    {"<", {"XML or HTML", kJsonHint}},
    {"--", {"a form in parts", "send it with Content-Type: multipart/form-data and its boundary, as curl -F image=@FILE does"}},
};

Kind kind_of(std::string_view body) {
  for (const auto& signature : kSignatures) {
    if (body.starts_with(signature.bytes)) return signature.kind;
  }
  if (body.starts_with("RIFF") && body.substr(std::min<std::size_t>(8, body.size())).starts_with("WEBP"))
    return {"a WebP image", kImageHint};
  // Text of one byte a character has no zero bytes.
  if (body.size() > 1 && (body[0] == '\0') != (body[1] == '\0')) return {"UTF-16 or UTF-32", kUnicodeHint};
  return {};
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string shown(text.substr(0, kMost));
  std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

}  // namespace

bool is_about_body(const Error& error) {
  const auto& code = error.code();
  return error.field().empty() && (code == kJsonSyntax || code == kJsonNotUtf8 || code == kBodyMissing);
}

Error with_what_was_sent(const Error& error, std::string_view body, std::string_view content_type) {
  if (!is_about_body(error)) return error;
  const auto& code = error.code();
  const std::string_view text = without_mark(body);
  const auto first = std::ranges::find_if_not(text, is_json_space);
  const Kind kind = kind_of(body);
  const bool begins_as_json = first == text.end() || *first == '{' || *first == '[';
  if (code != kBodyMissing && kind.name.empty() && begins_as_json) return error;
  const std::string sent = content_type.empty() ? "without a Content-Type" : fmt::format("with Content-Type '{}'", printable(content_type));
  if (code == kBodyMissing) return Error(code, fmt::format("the body is empty, sent {}", sent)).with_hint(std::string(kJsonHint));
  const std::string looks = kind.name.empty() ? error.message() : fmt::format("it looks like {}", kind.name);
  return Error(code, fmt::format("the body, sent {}, is not JSON: {}", sent, looks))
      .with_hint(std::string(kind.name.empty() ? kJsonHint : kind.hint));
}

}  // namespace forebay::http
