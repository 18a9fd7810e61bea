// Drops chosen lines from std::cerr while it lives; every other byte goes through in order.
// Threads: one at a time exists; other threads may write to std::cerr meanwhile. Owner: onnx_environment.
#pragma once

#include <functional>
#include <iostream>
#include <streambuf>
#include <string>
#include <string_view>

#include "base/synchronized.h"

namespace forebay::engines {

class CerrFilter final : private std::streambuf {
 public:
  // `drops` is asked once for every complete line, without its line break.
  explicit CerrFilter(std::function<bool(std::string_view line)> drops);
  // Passes an unfinished line on and gives std::cerr its own buffer back.
  ~CerrFilter() override;
  CerrFilter(const CerrFilter&) = delete;
  CerrFilter& operator=(const CerrFilter&) = delete;

 private:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* bytes, std::streamsize count) override;
  int sync() override;
  void take(std::string& line, char c);

  std::function<bool(std::string_view)> drops_;
  Synchronized<std::string> line_;  // unfinished
  std::streambuf* original_;
};

}  // namespace forebay::engines
