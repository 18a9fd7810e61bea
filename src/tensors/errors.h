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

inline constexpr ErrorCode kArrayJsonSyntax{510, "array_json_syntax", ErrorKind::kInvalidArgument, "An array is not valid JSON.",
                                            "look at the byte the message names; numbers are written as RFC 8259 says"};
inline constexpr ErrorCode kArrayRagged{511, "array_ragged", ErrorKind::kInvalidArgument,
                                        "Nested arrays do not have the same length at the same depth.",
                                        "send rows of one length; pad them yourself if the model takes padding"};
inline constexpr ErrorCode kArrayNotFinite{512, "array_not_finite", ErrorKind::kInvalidArgument,
                                           "An array holds NaN, an infinity or null, which the model does not accept.",
                                           "send finite numbers"};
inline constexpr ErrorCode kArrayNotText{513, "array_not_text", ErrorKind::kUnprocessable,
                                         "An output has bytes that are not UTF-8, which JSON cannot carry.",
                                         "take it as bytes: POST /v2/models/NAME/infer with \"binary_data\": true for the output"};
inline constexpr ErrorCode kNpyInvalid{520, "npy_invalid", ErrorKind::kInvalidArgument, "The bytes are not a valid .npy file.",
                                       "write it with numpy.save"};
inline constexpr ErrorCode kNpyUnsupported{521, "npy_unsupported", ErrorKind::kUnsupported,
                                           "The .npy file holds a type that is not supported, such as objects or structures.",
                                           "save plain numbers, bools or strings; objects would need code to be run"};
inline constexpr ErrorCode kCsvInvalid{530, "csv_invalid", ErrorKind::kInvalidArgument,
                                       "The text is not a table of comma-separated values.",
                                       "give every row the same number of fields, and quote fields with commas, quotes or line ends"};
inline constexpr ErrorCode kImageUnsupported{540, "image_unsupported", ErrorKind::kUnsupported,
                                             "The bytes are not an image that is understood.", "send JPEG, PNG or WebP"};
inline constexpr ErrorCode kImageInvalid{541, "image_invalid", ErrorKind::kInvalidArgument, "The image is damaged and cannot be decoded.",
                                         "open it in a viewer, save it again and send that"};
inline constexpr ErrorCode kImageTooLarge{542, "image_too_large", ErrorKind::kTooLarge,
                                          "The image has more bytes or pixels than the limit allows.",
                                          "send it smaller; the model's input is small anyway"};
inline constexpr ErrorCode kPreprocessingInvalid{543, "preprocessing_invalid", ErrorKind::kInvalidArgument,
                                                 "The declared preprocessing cannot be applied.",
                                                 "compare width, height, mean and deviation with the model's input"};
inline constexpr ErrorCode kVisionOutput{
    544, "vision_output", ErrorKind::kUnprocessable, "The model's outputs are not what its task and head say.",
    "`forebay inspect FILE` shows what was assumed; a sidecar NAME.forebay.json beside the model corrects it"};
inline constexpr ErrorCode kScoreNotFinite{545, "score_not_finite", ErrorKind::kUnprocessable,
                                           "The model gave NaN or an infinity as a score, so nothing can be ranked.",
                                           "send other inputs; if all fail, the model's file is at fault"};

inline constexpr const ErrorCode* kTensorErrors[] = {
    &kTensorSizeMismatch,   &kTensorShapeInvalid, &kTensorValueOutOfRange, &kTensorTypeMismatch, &kTensorShapeMismatch,
    &kTensorRowsOutOfRange, &kTensorTooLarge,     &kArrayJsonSyntax,       &kArrayRagged,        &kArrayNotFinite,
    &kArrayNotText,         &kNpyInvalid,         &kNpyUnsupported,        &kCsvInvalid,         &kImageUnsupported,
    &kImageInvalid,         &kImageTooLarge,      &kPreprocessingInvalid,  &kVisionOutput,       &kScoreNotFinite};

}  // namespace forebay::tensors
