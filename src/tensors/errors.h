// Codes FB0500 to FB0599: tensors, and arrays, tables and images that become tensors.
#pragma once

#include "base/error.h"

namespace forebay::tensors {

inline constexpr ErrorCode kTensorSizeMismatch{500, "tensor_size_mismatch", ErrorKind::kInvalidArgument,
                                               "The number of values or bytes does not fit the tensor's shape and type.",
                                               "send exactly as many values as the product of the shape's dimensions"};
inline constexpr ErrorCode kTensorShapeInvalid{501, "tensor_shape_invalid", ErrorKind::kInvalidArgument,
                                               "A shape has a negative dimension, or more elements than a computer can hold.",
                                               "use dimensions that are zero or positive"};
inline constexpr ErrorCode kTensorValueOutOfRange{502, "tensor_value_out_of_range", ErrorKind::kInvalidArgument,
                                                  "A value cannot be represented in the tensor's type.",
                                                  "send values within the range of the type that the model's description states"};
inline constexpr ErrorCode kTensorTypeMismatch{503, "tensor_type_mismatch", ErrorKind::kInvalidArgument,
                                               "A value or tensor has another type than the one that is wanted.",
                                               "send the type that the model's description states"};
inline constexpr ErrorCode kTensorShapeMismatch{504, "tensor_shape_mismatch", ErrorKind::kInvalidArgument,
                                                "A tensor's shape does not fit the one that is wanted.",
                                                "compare the shape with the model's description; every free dimension is shown as '?'"};
inline constexpr ErrorCode kTensorRowsOutOfRange{505, "tensor_rows_out_of_range", ErrorKind::kInvalidArgument,
                                                 "The rows asked for are not all there.", "ask for rows within the first dimension"};
inline constexpr ErrorCode kTensorTooLarge{506, "tensor_too_large", ErrorKind::kTooLarge,
                                           "There are more elements, bytes or levels than the limit allows.",
                                           "send fewer at once, or raise the limit in the configuration"};

inline constexpr const ErrorCode* kTensorErrors[] = {&kTensorSizeMismatch,  &kTensorShapeInvalid,   &kTensorValueOutOfRange, &kTensorTypeMismatch,
                                                     &kTensorShapeMismatch, &kTensorRowsOutOfRange, &kTensorTooLarge};

}  // namespace forebay::tensors
