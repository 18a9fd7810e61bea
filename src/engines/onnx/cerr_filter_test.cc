#include "engines/onnx/cerr_filter.h"

#include <gtest/gtest.h>

#include <iostream>
#include <sstream>

#include "engines/onnx/onnx_environment.h"

namespace forebay::engines {
namespace {

// Stands in for the terminal while it lives.
class CapturedCerr {
 public:
  CapturedCerr() : original_(std::cerr.rdbuf(text_.rdbuf())) {}
  ~CapturedCerr() { std::cerr.rdbuf(original_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* original_;
};

TEST(CerrFilter, DropsChosenLinesAndKeepsEveryOtherByteInOrder) {
  const CapturedCerr captured;
  {
    const CerrFilter filter([](std::string_view line) { return line == "noise"; });
    std::cerr << "a\nnoise\n" << 'b' << "\nnoise and more\nno" << "ise\nunfinished";
  }
  std::cerr << " line\nnoise\n";
  EXPECT_EQ(captured.text(), "a\nb\nnoise and more\nunfinished line\nnoise\n");
}

TEST(SchemaNoise, IsTheDoubleRegistrationAndItsEmptyLineOnly) {
  SchemaNoise noise;
  EXPECT_FALSE(noise.drops(""));
  EXPECT_TRUE(
      noise.drops("Schema error: Trying to register schema with name Abs (domain:  version: 1) from file x line 1, but it is already "
                  "registered from file x line 1"));
  EXPECT_TRUE(noise.drops(""));
  EXPECT_FALSE(noise.drops(""));
  EXPECT_FALSE(
      noise.drops("Schema error: Trying to register schema with name Abs (domain:  version: 1) from file x line 1, but it its ONNX "
                  "operator set domain is not known"));
  EXPECT_FALSE(noise.drops("Another error"));
  EXPECT_EQ(noise.dropped(), 1U);
}

TEST(OnnxEnvironment, StartsWithoutAWordAndWithTelemetryOff) {
  const CapturedCerr captured;
  onnx_environment();
  EXPECT_EQ(captured.text(), "");
  EXPECT_STREQ(std::getenv("ORT_DISABLE_TELEMETRY"), "1");
  EXPECT_STREQ(std::getenv("ORT_TELEMETRY_DISABLED"), "1");
}

}  // namespace
}  // namespace forebay::engines
