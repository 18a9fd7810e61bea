// Codes FB5000 to FB5499.
#pragma once

#include "base/error.h"

namespace forebay::models {

inline constexpr ErrorCode kModelNotFound{5000, "model_not_found", ErrorKind::kNotFound, "No model of that name is served.",
                                          "GET /v1/models lists the names"};
inline constexpr ErrorCode kVersionNotFound{5001, "version_not_found", ErrorKind::kNotFound, "The model exists, but not in that version.",
                                            "leave the version out for the latest, or see GET /v1/models"};
inline constexpr ErrorCode kModelNotReady{5002, "model_not_ready", ErrorKind::kUnavailable, "The model is still loading.",
                                          "GET /readyz answers 200 once every model is loaded and warm"};
inline constexpr ErrorCode kModelLoadFailed{5003, "model_load_failed", ErrorKind::kUnprocessable,
                                            "The model could not be loaded, and will not be until the server starts again.",
                                            "GET /v1/models shows the error; `forebay inspect FILE` says what is wrong with the file"};
inline constexpr ErrorCode kModelNameNeeded{5004, "model_name_needed", ErrorKind::kInvalidArgument,
                                            "Several models are served and the request names none.",
                                            "set \"model\" to one of the names of GET /v1/models"};
inline constexpr ErrorCode kWrongTask{5005, "wrong_task", ErrorKind::kUnprocessable, "The model does another kind of work than this route.",
                                      "GET /v1/models shows each model's task"};
inline constexpr ErrorCode kDuplicateModel{5006, "duplicate_model", ErrorKind::kConflict, "Two files have the same model name and version.",
                                           "give one of them another name: --model NAME=FILE"};
inline constexpr ErrorCode kBadModelName{
    5007, "bad_model_name", ErrorKind::kInvalidArgument, "The name is not usable as a model name.",
    "use 1 to 255 bytes of UTF-8 without control characters and blanks at the ends; no part between '/' may be empty, . or .."};
inline constexpr ErrorCode kRepositoryEmpty{5008, "repository_empty", ErrorKind::kNotFound, "The folder has no model file.",
                                            "put NAME.gguf, NAME.onnx, NAME/model.onnx or NAME/1/model.onnx into it"};
inline constexpr ErrorCode kTooManyModels{5009, "too_many_models", ErrorKind::kTooLarge, "There are more models than models.models_max.",
                                          "raise models.models_max"};

inline constexpr ErrorCode kNoEngine{5010, "engine_not_in_build", ErrorKind::kNotImplemented,
                                     "The file was read, but no engine of this build runs it.", "`forebay devices` lists the engines"};
inline constexpr ErrorCode kModelHasNoWeights{5011, "model_has_no_weights", ErrorKind::kUnprocessable,
                                              "The file holds a tokenizer only and cannot be served.", "use the full model file"};
inline constexpr ErrorCode kAdapterSettingInvalid{5012, "adapter_setting_invalid", ErrorKind::kInvalidArgument,
                                                  "An entry of models.adapters cannot be read.", "write MODEL/ADAPTER=FILE"};
inline constexpr ErrorCode kAffinitySettingInvalid{5013, "affinity_setting_invalid", ErrorKind::kInvalidArgument,
                                                   "An entry of models.cpu_affinity cannot be used.",
                                                   "write numbers and ranges such as 0-3 of processors that this process may use"};

inline constexpr ErrorCode kProbeFailed{5014, "probe_failed", ErrorKind::kUnprocessable,
                                        "The file was tried in a process of its own, which did not survive it.",
                                        "the file is damaged or made to do harm; download it again or convert the model again"};

inline constexpr ErrorCode kPipelineInvalid{5020, "pipeline_invalid", ErrorKind::kUnprocessable,
                                            "A pipeline file is wrong or does not fit its models.",
                                            "correct the place that the message names; docs/guides/build_a_pipeline.md shows the format"};
inline constexpr ErrorCode kPipelineTooLarge{5021, "pipeline_too_large", ErrorKind::kTooLarge,
                                             "A pipeline has more steps, or more in a row, than allowed.",
                                             "raise models.pipelines.steps_max or models.pipelines.depth_max"};

inline constexpr const ErrorCode* kModelsErrors[] = {
    &kModelNotFound,         &kVersionNotFound,        &kModelNotReady,   &kModelLoadFailed, &kModelNameNeeded, &kWrongTask,
    &kDuplicateModel,        &kBadModelName,           &kRepositoryEmpty, &kTooManyModels,   &kNoEngine,        &kModelHasNoWeights,
    &kAdapterSettingInvalid, &kAffinitySettingInvalid, &kProbeFailed,     &kPipelineInvalid, &kPipelineTooLarge};

}  // namespace forebay::models
