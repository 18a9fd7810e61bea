// Operators of our own that check a value before an operator of the library takes it. The library traps on an integer division by zero and
// writes where an index says; these end the run with an error instead. guarded_graph.h puts them into graphs.
// Threads: immutable. Owner: the process.
#pragma once

#include <string_view>

#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

inline constexpr std::string_view kGuardDomain = "forebay.guard";

// Each returns one of its inputs, as it came unless it says otherwise.
inline constexpr std::string_view kCheckDivision = "CheckDivision";    // (dividend, divisor): the divisor; floats pass
inline constexpr std::string_view kCheckDiagonal = "CheckDiagonal";    // (k): clamped to what a matrix can have
inline constexpr std::string_view kCheckAxis = "CheckAxis";            // (tensor, axis): the axis, which the tensor has
inline constexpr std::string_view kCheckTransform = "CheckTransform";  // (tensor), attribute "axis": the tensor, which has the axis
inline constexpr std::string_view kCheckLength = "CheckLength";        // (length): positive
inline constexpr std::string_view kCheckBlocks = "CheckBlocks";        // (columns, image shape, block shape): the block shape
inline constexpr std::string_view kCheckUnpooling = "CheckUnpooling";  // as MaxUnpool, with its attributes: the indices
inline constexpr std::string_view kCheckRepeats = "CheckRepeats";      // (tensor, repeats of Tile): the repeats, whose product has a size
inline constexpr std::string_view kCheckRegions =
    "CheckRegions";  // (tensor, regions, batch indices), as RoiAlign: the indices, which the tensor has
inline constexpr std::string_view kCheckSizes = "CheckSizes";  // (sizes): none negative or beyond 32 bits
inline constexpr std::string_view kCheckRange =
    "CheckRange";  // (start, limit, delta of Range): the limit; what lies between can be counted
// (tensor, pads, axes), as Pad: the pads, which find what they repeat. Attribute "axis": the axes are not known.
inline constexpr std::string_view kCheckPads = "CheckPads";
inline constexpr std::string_view kCheckPadding = "CheckPadding";  // (tensor), with Pad's attributes: the tensor, which the pads fit
inline constexpr std::string_view kCheckAffine = "CheckAffine";    // (theta, size of AffineGrid): the size, which theta fits
inline constexpr std::string_view kCheckPlaces = "CheckPlaces";    // (grid of GridSample): places that can be reflected
inline constexpr std::string_view kCheckColumns = "CheckColumns";  // (tensor, columns): the columns, which the tensor has

// For every session of a guarded graph.
OrtCustomOpDomain* guard_domain();

}  // namespace forebay::engines
