#include "engines/onnx/cerr_filter.h"

namespace forebay::engines {

CerrFilter::CerrFilter(std::function<bool(std::string_view)> drops) : drops_(std::move(drops)), original_(std::cerr.rdbuf(this)) {}

CerrFilter::~CerrFilter() {
  std::cerr.rdbuf(original_);
  auto line = line_.lock();
  original_->sputn((*line).data(), static_cast<std::streamsize>((*line).size()));
  original_->pubsync();
}

void CerrFilter::take(std::string& line, char c) {
  line += c;
  if (c != '\n') return;
  if (!drops_(std::string_view(line).substr(0, line.size() - 1))) original_->sputn(line.data(), static_cast<std::streamsize>(line.size()));
  line.clear();
}

CerrFilter::int_type CerrFilter::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  auto line = line_.lock();
  take(*line, traits_type::to_char_type(c));
  return c;
}

std::streamsize CerrFilter::xsputn(const char* bytes, std::streamsize count) {
  auto line = line_.lock();
  for (std::streamsize i = 0; i < count; ++i) take(*line, bytes[i]);
  return count;
}

int CerrFilter::sync() {
  const auto line = line_.lock();
  return original_->pubsync();
}

}  // namespace forebay::engines
