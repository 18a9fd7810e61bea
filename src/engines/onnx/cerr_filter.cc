#include "engines/onnx/cerr_filter.h"

namespace forebay::engines {

CerrFilter::CerrFilter(std::function<bool(std::string_view)> drops) : drops_(std::move(drops)), original_(std::cerr.rdbuf(this)) {}

CerrFilter::~CerrFilter() {
  std::cerr.rdbuf(original_);
  std::lock_guard guard(mutex_);
  original_->sputn(line_.data(), static_cast<std::streamsize>(line_.size()));
  original_->pubsync();
}

void CerrFilter::take(char c) {
  line_ += c;
  if (c != '\n') return;
  if (!drops_(std::string_view(line_).substr(0, line_.size() - 1))) original_->sputn(line_.data(), static_cast<std::streamsize>(line_.size()));
  line_.clear();
}

CerrFilter::int_type CerrFilter::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  std::lock_guard guard(mutex_);
  take(traits_type::to_char_type(c));
  return c;
}

std::streamsize CerrFilter::xsputn(const char* bytes, std::streamsize count) {
  std::lock_guard guard(mutex_);
  for (std::streamsize i = 0; i < count; ++i) take(bytes[i]);
  return count;
}

int CerrFilter::sync() {
  std::lock_guard guard(mutex_);
  return original_->pubsync();
}

}  // namespace forebay::engines
