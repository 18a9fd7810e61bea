// Codes FB7000 to FB7039, shared with http: parameters of a call that do not fit the model.
#pragma once

#include "base/error.h"

namespace forebay::inference {

inline constexpr ErrorCode kFieldRange{7007, "field_range", ErrorKind::kInvalidArgument, "A field's value is outside its range.",
                                       "send a value within the range"};
inline constexpr ErrorCode kFieldNotSupported{7008, "field_not_supported", ErrorKind::kInvalidArgument,
                                              "The field is known, but not supported here.",
                                              "leave the field out; ignoring it would change the answer silently"};
inline constexpr ErrorCode kFieldConflict{7009, "field_conflict", ErrorKind::kInvalidArgument, "Two fields contradict each other.",
                                          "send one of them"};
inline constexpr ErrorCode kTooManyItems{7010, "too_many_items", ErrorKind::kInvalidArgument,
                                         "The request asks for more items than allowed at once.",
                                         "split the request, or raise the limit in the configuration"};
inline constexpr ErrorCode kTokenOutOfRange{7011, "token_out_of_range", ErrorKind::kInvalidArgument,
                                            "A token id is not in the model's vocabulary.", "use ids from this model's own tokenizer"};

// Tensors.
inline constexpr ErrorCode kInputUnknown{7020, "input_unknown", ErrorKind::kInvalidArgument,
                                         "The model has no input or output of that name.",
                                         "GET /model/info shows the names, types and shapes"};
inline constexpr ErrorCode kInputMissing{7021, "input_missing", ErrorKind::kInvalidArgument, "An input that the model needs is missing.",
                                         "GET /model/info shows the names, types and shapes"};
inline constexpr ErrorCode kInputMismatch{7022, "request_input_mismatch", ErrorKind::kInvalidArgument,
                                          "An input's type or shape does not fit the model.",
                                          "GET /model/info shows the names, types and shapes"};
inline constexpr ErrorCode kImageNotWanted{7024, "image_not_wanted", ErrorKind::kUnprocessable,
                                           "The model has no input that looks like an image.", "send the input as JSON"};

inline constexpr const ErrorCode* kInferenceErrors[] = {&kFieldRange,   &kFieldNotSupported, &kFieldConflict,
                                                        &kTooManyItems, &kTokenOutOfRange,   &kInputUnknown,
                                                        &kInputMissing, &kInputMismatch,     &kImageNotWanted};

}  // namespace forebay::inference
