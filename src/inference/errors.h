// Codes FB7000 to FB7039, shared with http: parameters of a call that do not fit the model.
#pragma once

#include "base/error.h"

namespace forebay::inference {

inline constexpr ErrorCode kFieldRange{7007, "field_range", ErrorKind::kInvalidArgument, "A field's value is outside its range.",
                                       "send a value within the range"};
inline constexpr ErrorCode kFieldNotSupported{7008, "field_not_supported", ErrorKind::kInvalidArgument,
                                              "The field is known, but not supported here.",
                                              "leave the field out; ignoring it would change the answer silently"};
inline constexpr ErrorCode kTokenOutOfRange{7011, "token_out_of_range", ErrorKind::kInvalidArgument,
                                            "A token id is not in the model's vocabulary.", "use ids from this model's own tokenizer"};

inline constexpr const ErrorCode* kInferenceErrors[] = {&kFieldRange, &kFieldNotSupported, &kTokenOutOfRange};

}  // namespace forebay::inference
