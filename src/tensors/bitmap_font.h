// A font of 5x7 dots for labels on pictures: capital letters (small ones look the same), digits and a few signs.
// Threads: immutable. Owner: vision_drawing; nobody above includes it.
#pragma once

#include <array>
#include <cstdint>

namespace forebay::tensors {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 7;
// Rows from the top; the highest of five bits is the left dot. Characters that have none get '?'.
using Glyph = std::array<std::uint8_t, kGlyphHeight>;
const Glyph& glyph_of(char character);

}  // namespace forebay::tensors
