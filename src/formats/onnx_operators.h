// The operators of the standard ONNX domains, and the domains that ONNX Runtime brings.
// Threads: immutable. Owner: static storage.
#pragma once

#include <cstdint>
#include <string_view>

namespace forebay::formats {

// The newest versions that ONNX 1.20, the library below the engine, defines.
inline constexpr std::int64_t kOnnxIrVersionMax = 13;
inline constexpr std::int64_t kOnnxOpsetMax = 25;
inline constexpr std::int64_t kOnnxMlOpsetMax = 5;

// Whether the domain ("" is ai.onnx) is one of the two whose operators are listed here.
bool is_listed_domain(std::string_view domain);
bool is_standard_operator(std::string_view domain, std::string_view op_type);
// Whether the first output of an operator of ai.onnx has the element type of its first input.
bool keeps_element_type(std::string_view op_type);
// Whether ONNX Runtime has operators of this domain; any other is custom.
bool is_engine_domain(std::string_view domain);

}  // namespace forebay::formats
