#include "engines/onnx/kept_findings.h"

#include <gtest/gtest.h>

namespace forebay::engines {
namespace {

TEST(KeptFindings, ThatCannotBeTrueAreNotBelieved) {
  EXPECT_TRUE(findings_in<GraphFindings>(R"({"plain_ms":57.2,"kept_ms":24,"gains":true,"reason":""})"));
  EXPECT_TRUE(findings_in<RunFindings>(R"({"threads":2,"one_ms":1,"all_ms":0.5,"rows":[{"rows":1,"ms":1},{"rows":2,"ms":1.5}]})"));
  for (const char* text : {"", "{", "[]", R"({"plain_ms":-1})", R"({"kept_ms":1e30})", R"({"plain_ms":"x"})", R"({"unknown":1})"})
    EXPECT_FALSE(findings_in<GraphFindings>(text)) << text;
  for (const char* text : {R"({"rows":[{"rows":0,"ms":1}]})", R"({"rows":[{"rows":2,"ms":1},{"rows":1,"ms":1}]})", R"({"threads":-1})",
                           R"({"rows":[{"rows":1,"ms":-1}]})"})
    EXPECT_FALSE(findings_in<RunFindings>(text)) << text;
  std::string many = R"({"rows":[)";
  for (int i = 1; i <= 65; ++i) many += (i == 1 ? "" : ",") + (R"({"rows":)" + std::to_string(i)) + R"(,"ms":1})";
  EXPECT_FALSE(findings_in<RunFindings>(many + "]}"));
}

}  // namespace
}  // namespace forebay::engines
