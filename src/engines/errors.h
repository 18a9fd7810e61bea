// Codes FB3000 to FB3499: what the libraries that compute can refuse, and what must not be given to them.
#pragma once

#include "base/error.h"

namespace forebay::engines {

// Loading.
inline constexpr ErrorCode kModelRefused{3000, "model_refused", ErrorKind::kUnprocessable,
                                         "The library that would run the model refuses it.",
                                         "the message is the library's; 'forebay inspect' shows what the file contains"};
inline constexpr ErrorCode kBackendUnavailable{3001, "backend_unavailable", ErrorKind::kUnprocessable,
                                               "None of the wanted backends can be used here.",
                                               "'forebay devices' lists what can; --backend auto takes the first that works"};
inline constexpr ErrorCode kWrongKindOfModel{3002, "wrong_kind_of_model", ErrorKind::kInvalidArgument,
                                             "The model does not do this kind of work.", "'forebay inspect' shows the model's task"};
inline constexpr ErrorCode kSessionRefused{3003, "session_refused", ErrorKind::kUnprocessable,
                                           "The model is loaded, but a session with these options cannot be opened.",
                                           "ask for less context or fewer sequences; the message is the library's"};
inline constexpr ErrorCode kNoWeights{3004, "no_weights", ErrorKind::kUnprocessable, "The file holds a vocabulary and no weights.",
                                      "use the model file itself; this one can only tokenise"};
inline constexpr ErrorCode kNoEngine{3005, "no_engine", ErrorKind::kUnsupported, "No engine runs files of this format.",
                                     "Forebay runs GGUF and ONNX files"};

// Tensors.
inline constexpr ErrorCode kInputMismatch{3010, "input_mismatch", ErrorKind::kInvalidArgument, "The inputs are not what the model takes.",
                                          "GET the model's description: it lists name, type and shape of each input"};
inline constexpr ErrorCode kRunFailed{3011, "run_failed", ErrorKind::kUnprocessable, "The library failed while it computed.",
                                      "the message is the library's; often two inputs do not fit each other"};
inline constexpr ErrorCode kOutputUnsupported{3012, "output_unsupported", ErrorKind::kNotImplemented,
                                              "The model answers with a type that Forebay cannot return.",
                                              "ask only for the outputs you need, or export the model without this output"};
inline constexpr ErrorCode kOutputUnknown{3013, "output_unknown", ErrorKind::kInvalidArgument, "The model has no output of this name.",
                                          "GET the model's description: it lists the outputs"};
inline constexpr ErrorCode kRunTooLong{3014, "run_too_long", ErrorKind::kDeadlineExceeded, "One run of the model took longer than it may.",
                                       "send less at once, or give models.tensors.run_time_max more time"};
inline constexpr ErrorCode kRunTooLarge{
    3015, "run_too_large", ErrorKind::kUnprocessable, "One run of the model needs more memory than it may have.",
    "send less at once, or raise models.tensors.run_bytes_max; memory.budget_bytes is the limit of all"};
inline constexpr ErrorCode kInputEmpty{3016, "input_empty", ErrorKind::kInvalidArgument,
                                       "An input has no elements, and the model does not say what it answers to that.",
                                       "send at least one element of every dimension"};
inline constexpr ErrorCode kOperandRefused{3017, "operand_refused", ErrorKind::kUnprocessable,
                                           "An operator of the model cannot compute with a value that it got.",
                                           "send other values: the message says which ones the operator cannot take"};

// Text.
inline constexpr ErrorCode kBadStep{3020, "bad_step", ErrorKind::kInternal, "A step was put together wrongly.",
                                    "report it: this is a fault of the scheduler"};
inline constexpr ErrorCode kStepFailed{3021, "step_failed", ErrorKind::kInternal, "The library failed while it computed a step.",
                                       "send the request again; if it fails again, report it with the log"};
inline constexpr ErrorCode kStateRefused{3022, "state_refused", ErrorKind::kInternal,
                                         "The state of a sequence cannot be saved or restored.", "the text is computed again instead"};
inline constexpr ErrorCode kShareRefused{3023, "share_refused", ErrorKind::kInternal,
                                         "A prefix of one sequence cannot be given to the other.", "the prefix is computed again instead"};
inline constexpr ErrorCode kEmbeddingFailed{3024, "embedding_failed", ErrorKind::kUnprocessable,
                                            "The library failed while it computed embeddings.", "the message is the library's"};
inline constexpr ErrorCode kNoPooling{3025, "no_pooling", ErrorKind::kUnprocessable, "The model gives one vector a token and none a text.",
                                      "choose a pooling: mean, cls or last"};
inline constexpr ErrorCode kAdapterRefused{3026, "adapter_refused", ErrorKind::kUnprocessable,
                                           "The low-rank adapter does not load or does not fit the model.",
                                           "an adapter must be made for exactly this base model, as GGUF"};

// Sampling.
inline constexpr ErrorCode kBadSampling{3030, "bad_sampling", ErrorKind::kInvalidArgument,
                                        "A sampling option is out of its range, or a grammar cannot be enforced.",
                                        "the message names the option and its range"};
inline constexpr ErrorCode kSamplingFailed{3031, "sampling_failed", ErrorKind::kUnprocessable,
                                           "No token can be chosen that the grammar allows.",
                                           "the grammar may contradict the model's vocabulary; try a wider one"};

// The model cache.
inline constexpr ErrorCode kModelCacheRefused{3040, "model_cache_refused", ErrorKind::kPermissionDenied,
                                              "The folder of the model cache cannot be used.",
                                              "give a folder that only the server's user may write to, or set models.cache.enabled=false"};

inline constexpr ErrorCode kFileChanged{
    3041, "file_changed", ErrorKind::kUnprocessable,
    "A model's file was overwritten after it was loaded, so that the model can no longer answer.",
    "start the server again to load the new file; replace a model file by renaming a new one over it (mv), not by writing into it (cp)"};

inline constexpr const ErrorCode* kEngineErrors[] = {
    &kModelRefused, &kBackendUnavailable, &kWrongKindOfModel,  &kSessionRefused, &kNoWeights,       &kNoEngine,   &kInputMismatch,
    &kRunFailed,    &kOutputUnsupported,  &kOutputUnknown,     &kRunTooLong,     &kRunTooLarge,     &kInputEmpty, &kOperandRefused,
    &kBadStep,      &kStepFailed,         &kStateRefused,      &kShareRefused,   &kEmbeddingFailed, &kNoPooling,  &kAdapterRefused,
    &kBadSampling,  &kSamplingFailed,     &kModelCacheRefused, &kFileChanged};

}  // namespace forebay::engines
