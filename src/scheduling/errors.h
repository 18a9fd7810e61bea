// Codes FB4000 to FB4499: admission, batching, generation.
#pragma once

#include "base/error.h"

namespace forebay::scheduling {

inline constexpr ErrorCode kOverloaded{
    4000, "overloaded", ErrorKind::kUnavailable, "More requests wait for this model than its queue takes.",
    "try again after the time in Retry-After; raise queue_requests_max or add workers if it happens often"};
inline constexpr ErrorCode kPromptTooLong{4001, "prompt_too_long", ErrorKind::kInvalidArgument,
                                          "The prompt leaves no room in the model's context for an answer.",
                                          "shorten the prompt, or serve the model with a larger context"};
inline constexpr ErrorCode kPromptEmpty{4002, "prompt_empty", ErrorKind::kInvalidArgument, "The prompt has no token.",
                                        "send at least one character, or a model whose tokenizer adds a start token"};
inline constexpr ErrorCode kPromptTokenInvalid{4003, "prompt_token_invalid", ErrorKind::kInvalidArgument,
                                               "A token id is not in the model's vocabulary.",
                                               "send ids from 0 up to the vocabulary's size"};
inline constexpr ErrorCode kTokenLimitsInvalid{4004, "token_limits_invalid", ErrorKind::kInvalidArgument,
                                               "The smallest number of tokens exceeds the largest.", "make min_tokens at most max_tokens"};
inline constexpr ErrorCode kStopInvalid{4005, "stop_invalid", ErrorKind::kInvalidArgument,
                                        "There are too many stop strings or tokens, or one is empty or too long.",
                                        "send at most 16 stop strings of at most 1024 bytes, none of them empty"};
inline constexpr ErrorCode kLogprobsInvalid{4006, "logprobs_invalid", ErrorKind::kInvalidArgument,
                                            "More alternatives a token are asked for than are given.", "ask for at most 20"};
inline constexpr ErrorCode kSlowReader{4007, "slow_reader", ErrorKind::kCancelled,
                                       "The client read the stream more slowly than the model wrote it, and too much piled up.",
                                       "read the stream without pauses, or raise channel_events_max"};
inline constexpr ErrorCode kContextFull{4008, "context_full", ErrorKind::kUnprocessable,
                                        "The prompt does not fit the cells that the model was opened with.",
                                        "shorten the prompt, or serve the model with a larger context"};
inline constexpr ErrorCode kBreakerOpen{4009, "breaker_open", ErrorKind::kUnavailable,
                                        "Too many of the model's last requests failed, so it is given none for a while.",
                                        "try again after the time in Retry-After; the log says what failed"};
inline constexpr ErrorCode kTextsEmpty{4010, "texts_empty", ErrorKind::kInvalidArgument,
                                       "There is no text to embed, or one of them is empty.",
                                       "send at least one text, each with at least one token"};
inline constexpr ErrorCode kTooManyTexts{4011, "too_many_texts", ErrorKind::kInvalidArgument,
                                         "One request carries more texts than the limit.", "split the request, or raise request_texts_max"};
inline constexpr ErrorCode kTextTooLongToEmbed{4012, "text_too_long_to_embed", ErrorKind::kInvalidArgument,
                                               "A text has more tokens than the model can embed at once.",
                                               "shorten the text, or split it into parts"};
inline constexpr ErrorCode kSchedulingOptionInvalid{4020, "scheduling_option_invalid", ErrorKind::kInvalidArgument,
                                                    "A scheduling setting is out of its range.",
                                                    "see the setting's range in the configuration reference"};
inline constexpr ErrorCode kModelHasNoTokenizer{4021, "model_has_no_tokenizer", ErrorKind::kUnprocessable,
                                                "The model was asked for text but its file has no tokenizer.",
                                                "serve a file that carries its tokenizer"};
inline constexpr ErrorCode kAnswerShapeWrong{4022, "answer_shape_wrong", ErrorKind::kInternal,
                                             "The engine answered with another number of rows or vectors than it was given.",
                                             "report it with the model's file and its description"};

inline constexpr ErrorCode kStateFolderRefused{4023, "state_folder_refused", ErrorKind::kPermissionDenied,
                                               "The folder for saved states cannot be used.",
                                               "give a folder that belongs to the user Forebay runs as and that nobody else may write"};
inline constexpr ErrorCode kStateFolderBusy{4025, "state_folder_busy", ErrorKind::kUnavailable,
                                            "The folder for saved states is in use by another server.",
                                            "give every server a folder of its own; until then this one keeps no states on disk"};
inline constexpr ErrorCode kStateFileRefused{4024, "state_file_refused", ErrorKind::kDataLoss,
                                             "A saved state is damaged, or was made by another model, version or setting.",
                                             "nothing to do: the file is removed and its text computed again"};

inline constexpr ErrorCode kAdapterUnknown{4026, "adapter_unknown", ErrorKind::kNotFound,
                                           "The model is served without an adapter of that name.",
                                           "name one of the adapters the server was started with, or leave it out"};
inline constexpr ErrorCode kStepInputMissing{4030, "step_input_missing", ErrorKind::kInvalidArgument, "An input of a pipeline is missing.",
                                             "GET /model/info shows the names, types and shapes"};
inline constexpr ErrorCode kStepOutputMissing{4031, "step_output_missing", ErrorKind::kInternal,
                                              "No step of a pipeline gave one of its outputs.",
                                              "end branches in a first_of step whose last choice is always computed"};

inline constexpr ErrorCode kVectorNotFinite{4032, "vector_not_finite", ErrorKind::kUnprocessable,
                                            "The model gave NaN or an infinity where a text's vector or score should be.",
                                            "send another text; if every text fails, the model's file or its precision (FP16) is at fault"};

inline constexpr const ErrorCode* kSchedulingErrors[] = {&kOverloaded,          &kPromptTooLong,
                                                         &kPromptEmpty,         &kPromptTokenInvalid,
                                                         &kTokenLimitsInvalid,  &kStopInvalid,
                                                         &kLogprobsInvalid,     &kSlowReader,
                                                         &kContextFull,         &kBreakerOpen,
                                                         &kTextsEmpty,          &kTooManyTexts,
                                                         &kTextTooLongToEmbed,  &kSchedulingOptionInvalid,
                                                         &kModelHasNoTokenizer, &kAnswerShapeWrong,
                                                         &kStateFolderRefused,  &kStateFileRefused,
                                                         &kStateFolderBusy,     &kAdapterUnknown,
                                                         &kStepInputMissing,    &kStepOutputMissing,
                                                         &kVectorNotFinite};

}  // namespace forebay::scheduling
