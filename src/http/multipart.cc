#include "http/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "http/errors.h"

namespace forebay::http {

namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lowered;
}

// Reads `; name=value` and `; name="quoted \" value"` of a header. Names are compared in any case.
std::optional<std::string> parameter_of(std::string_view header, std::string_view name) {
  const std::string lowered = lower(header);
  for (auto at = header.find(';'); at != std::string_view::npos; at = header.find(';', at)) {
    at = std::min(header.find_first_not_of(" \t", at + 1), header.size());
    const auto equals = header.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const bool wanted = std::string_view(lowered).substr(at, equals - at) == name;
    at = equals + 1;
    std::string value;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        if (header[at] == '\\' && at + 1 < header.size()) ++at;
        value += header[at];
      }
      if (at == header.size()) return std::nullopt;
    } else {
      const auto end = std::min(header.find_first_of("; \t", at), header.size());
      value = header.substr(at, end - at);
      at = end;
    }
    if (wanted) return value;
  }
  return std::nullopt;
}

Result<FormPart> read_part(std::string_view part) {
  FormPart read;
  bool named = false;
  while (!part.starts_with("\r\n")) {
    const auto end = part.find("\r\n");
    if (end == std::string_view::npos) return fail(kFormInvalid, "a part of the form has no end of its headers");
    const std::string_view line = part.substr(0, end);
    part.remove_prefix(end + 2);
    if (!lower(line.substr(0, line.find(':'))).starts_with("content-disposition")) continue;
    auto name = parameter_of(line, "name");
    if (!name) return fail(kFormInvalid, "a part of the form has no name");
    read.name = *std::move(name);
    read.is_file = parameter_of(line, "filename").has_value();
    named = true;
  }
  if (!named) return fail(kFormInvalid, "a part of the form has no Content-Disposition");
  read.content = part.substr(2);
  return read;
}

}  // namespace

Result<std::vector<FormPart>> read_form(std::string_view content_type, std::string_view body) {
  const auto boundary = parameter_of(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70)  // RFC 2046, section 5.1.1
    return fail(kFormInvalid, "Content-Type states no boundary of the form");
  const std::string delimiter = "\r\n--" + *boundary;
  const std::string_view first = std::string_view(delimiter).substr(2);
  if (!body.starts_with(first)) {
    const auto found = body.find(delimiter);
    if (found == std::string_view::npos) return fail(kFormInvalid, "the body is no multipart/form-data with the boundary of Content-Type");
    body.remove_prefix(found + 2);
  }
  body.remove_prefix(first.size());
  std::vector<FormPart> parts;
  while (!body.starts_with("--")) {
    body.remove_prefix(std::min(body.find_first_not_of(" \t"), body.size()));
    const auto end = body.find(delimiter);
    if (!body.starts_with("\r\n") || end == std::string_view::npos)
      return fail(kFormInvalid, "the form does not end with the boundary of Content-Type");
    if (parts.size() == kFormPartsMax) return fail(kFormInvalid, fmt::format("the form has more than {} parts", kFormPartsMax));
    TRY_ASSIGN(auto part, read_part(body.substr(2, end - 2)));
    parts.push_back(std::move(part));
    body.remove_prefix(end + delimiter.size());
  }
  return parts;
}

}  // namespace forebay::http
