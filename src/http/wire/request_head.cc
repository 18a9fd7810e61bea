#include "http/wire/request_head.h"

#include <algorithm>
#include <utility>

namespace forebay::http::wire {

std::string_view RequestHead::query() const {
  const auto mark = target().find('?');
  return mark == std::string_view::npos ? std::string_view() : target().substr(mark + 1);
}

std::string_view RequestHead::field(std::string_view lower_case_name) const {
  const auto found = std::ranges::find(fields_, lower_case_name, &Field::name);
  return found == fields_.end() ? std::string_view() : std::string_view(found->value);
}

std::size_t RequestHead::count(std::string_view lower_case_name) const {
  return static_cast<std::size_t>(std::ranges::count(fields_, lower_case_name, &Field::name));
}

void RequestHead::set_request_line(std::string_view method, std::string_view target, int minor_version) {
  method_ = method;
  target_ = target;
  minor_version_ = minor_version;
}

void RequestHead::add_field(std::string_view name, std::string_view value) {
  Field& field = fields_.emplace_back(Field{.name = std::string(name), .value = std::string(value)});
  for (char& c : field.name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
}

void RequestHead::set_framing(bool chunked, std::optional<std::uint64_t> content_length, bool keep_alive) {
  chunked_ = chunked;
  content_length_ = content_length;
  keep_alive_ = keep_alive;
}

}  // namespace forebay::http::wire
