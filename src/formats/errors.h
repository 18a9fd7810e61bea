// Codes FB1000 to FB1099: what can be wrong with a model file.
#pragma once

#include "base/error.h"

namespace forebay::formats {

// Which file it is.
inline constexpr ErrorCode kFileEmpty{1000, "file_empty", ErrorKind::kDataLoss, "The file has no bytes.", "copy or download it again"};
inline constexpr ErrorCode kFormatNotRecognised{1001, "format_not_recognised", ErrorKind::kUnsupported,
                                                "The first bytes are those of no format Forebay knows.",
                                                "check that this is the model file itself; Forebay reads GGUF and ONNX"};
inline constexpr ErrorCode kFormatNotSupported{1002, "format_not_supported", ErrorKind::kUnsupported,
                                               "The file is of a known kind that Forebay does not serve.",
                                               "export the model to ONNX or GGUF"};
inline constexpr ErrorCode kGitLfsPointer{1003, "git_lfs_pointer", ErrorKind::kUnsupported,
                                          "The file is a Git LFS pointer, not the model it stands for.",
                                          "run 'git lfs pull' in the repository it came from, or download the file itself"};
inline constexpr ErrorCode kFolderWithoutModel{1004, "folder_without_model", ErrorKind::kNotFound, "The folder holds no model file.",
                                               "give the path of the model file"};
inline constexpr ErrorCode kFolderWithSeveralModels{1005, "folder_with_several_models", ErrorKind::kInvalidArgument,
                                                    "The folder holds more than one model file.", "give the path of one of them"};
inline constexpr ErrorCode kDescriptionMalformed{1006, "description_malformed", ErrorKind::kInvalidArgument,
                                                 "The JSON is not a model description.",
                                                 "pass the output of 'forebay inspect --output json' of the same version"};

// GGUF: header and metadata.
inline constexpr ErrorCode kGgufTruncated{1010, "gguf_truncated", ErrorKind::kDataLoss,
                                          "The GGUF file ends inside its header, metadata or tensor list, or a length in it lies.",
                                          "compare the file's size and checksum with its source and download it again"};
inline constexpr ErrorCode kGgufVersionOne{1011, "gguf_version_one", ErrorKind::kUnsupported,
                                           "The file is GGUF version 1, which has 32-bit lengths.",
                                           "convert the model again with a current converter"};
inline constexpr ErrorCode kGgufBigEndian{1012, "gguf_big_endian", ErrorKind::kUnsupported, "The file is GGUF for big-endian machines.",
                                          "download the little-endian file, or convert it with gguf_convert_endian.py"};
inline constexpr ErrorCode kGgufVersionUnsupported{1013, "gguf_version_unsupported", ErrorKind::kUnsupported,
                                                   "The GGUF version is neither 2 nor 3.",
                                                   "upgrade Forebay, or convert the model to GGUF version 3"};
inline constexpr ErrorCode kGgufLimitExceeded{1014, "gguf_limit_exceeded", ErrorKind::kTooLarge,
                                              "A count or length in the file is beyond the limit set for it.",
                                              "raise the limit in the configuration if the file is what you meant"};
inline constexpr ErrorCode kGgufValueTypeUnknown{1015, "gguf_value_type_unknown", ErrorKind::kDataLoss,
                                                 "A metadata value has a type that GGUF does not define.",
                                                 "the file is damaged or made by a newer converter; download it again or upgrade Forebay"};
inline constexpr ErrorCode kGgufDuplicateKey{1016, "gguf_duplicate_key", ErrorKind::kDataLoss, "A metadata key appears twice.",
                                             "convert the model again"};
inline constexpr ErrorCode kGgufKeyInvalid{1017, "gguf_key_invalid", ErrorKind::kDataLoss,
                                           "A metadata key or tensor name is empty, too long or not text.",
                                           "the file is damaged; download it again"};
inline constexpr ErrorCode kGgufAlignmentInvalid{1018, "gguf_alignment_invalid", ErrorKind::kDataLoss,
                                                 "general.alignment is not a power of two between 8 and 65,536.",
                                                 "convert the model again"};
inline constexpr ErrorCode kGgufBooleanInvalid{1019, "gguf_boolean_invalid", ErrorKind::kDataLoss,
                                               "A boolean in the metadata is neither 0 nor 1.", "the file is damaged; download it again"};

// GGUF: what the metadata says.
inline constexpr ErrorCode kGgufMetadataMissing{1030, "gguf_metadata_missing", ErrorKind::kUnprocessable,
                                                "A metadata entry that the model needs is absent.",
                                                "convert the model again with a current converter"};
inline constexpr ErrorCode kGgufMetadataWrongType{1031, "gguf_metadata_wrong_type", ErrorKind::kUnprocessable,
                                                  "A metadata entry has another type than its meaning needs.",
                                                  "convert the model again with a current converter"};
inline constexpr ErrorCode kGgufVocabularyInconsistent{1032, "gguf_vocabulary_inconsistent", ErrorKind::kUnprocessable,
                                                       "The lists of tokens, scores and token types do not have the same length.",
                                                       "convert the model again with a current converter"};
inline constexpr ErrorCode kGgufTokenOutOfRange{1033, "gguf_token_out_of_range", ErrorKind::kUnprocessable,
                                                "A special token id is outside the vocabulary.",
                                                "correct the id in the metadata, or convert the model again"};
inline constexpr ErrorCode kGgufHyperparameterInvalid{1034, "gguf_hyperparameter_invalid", ErrorKind::kUnprocessable,
                                                      "A size in the metadata cannot be right.",
                                                      "convert the model again with a current converter"};
inline constexpr ErrorCode kGgufAdapterAlone{1035, "gguf_adapter_alone", ErrorKind::kUnprocessable,
                                             "The file is an adapter (LoRA), not a model.",
                                             "serve the base model and give this file as its adapter"};
inline constexpr ErrorCode kGgufProjectorAlone{1036, "gguf_projector_alone", ErrorKind::kUnprocessable,
                                               "The file is a multimodal projector, not a model.",
                                               "serve the language model it belongs to, with this file beside it"};
inline constexpr ErrorCode kGgufNothingInside{1037, "gguf_nothing_inside", ErrorKind::kUnprocessable,
                                              "The file has neither tensors nor a vocabulary.",
                                              "this is a header without a model; download the whole file"};
inline constexpr ErrorCode kGgufSplit{1038, "gguf_split", ErrorKind::kUnsupported,
                                      "The file is one part of a model that was split into several files.",
                                      "give the first part, NAME-00001-of-….gguf, and leave the others beside it under their names"};
inline constexpr ErrorCode kGgufPartMissing{1039, "gguf_part_missing", ErrorKind::kNotFound,
                                            "A part of a model that was split into several files is not there.",
                                            "put every part into one folder, under the name it was made with"};

// GGUF: tensors.
inline constexpr ErrorCode kGgufDuplicateTensor{1040, "gguf_duplicate_tensor", ErrorKind::kDataLoss, "Two tensors have the same name.",
                                                "convert the model again"};
inline constexpr ErrorCode kGgufTensorDimensionsInvalid{
    1041, "gguf_tensor_dimensions_invalid", ErrorKind::kDataLoss,
    "A tensor has no or more than 4 dimensions, an empty one, more elements than can exist, or rows that are not whole blocks of its type.",
    "the file is damaged; download it again"};
inline constexpr ErrorCode kGgufTensorOutOfBounds{1042, "gguf_tensor_out_of_bounds", ErrorKind::kDataLoss,
                                                  "A tensor's bytes end past the end of the file.",
                                                  "the file was cut short; compare its size with its source and download it again"};
inline constexpr ErrorCode kGgufTensorTypeUnknown{1043, "gguf_tensor_type_unknown", ErrorKind::kUnsupported,
                                                  "A tensor has a type that this version does not know.",
                                                  "upgrade Forebay, or quantise the model to another type"};
inline constexpr ErrorCode kGgufTensorMisaligned{1044, "gguf_tensor_misaligned", ErrorKind::kDataLoss,
                                                 "A tensor does not start at a multiple of the file's alignment.",
                                                 "convert the model again"};
inline constexpr ErrorCode kGgufTensorsOverlap{1045, "gguf_tensors_overlap", ErrorKind::kDataLoss, "Two tensors claim the same bytes.",
                                               "convert the model again"};
inline constexpr ErrorCode kGgufTensorMissing{1046, "gguf_tensor_missing", ErrorKind::kUnprocessable,
                                              "A tensor that the architecture needs is absent.",
                                              "the conversion was incomplete; convert the model again"};
inline constexpr ErrorCode kGgufTensorWrongShape{1047, "gguf_tensor_wrong_shape", ErrorKind::kUnprocessable,
                                                 "A tensor's shape contradicts the metadata.",
                                                 "convert the model again; the file would crash the engine"};
inline constexpr ErrorCode kGgufTensorWrongType{1048, "gguf_tensor_wrong_type", ErrorKind::kUnprocessable,
                                                "A tensor has a type that the engine cannot compute with.",
                                                "convert the model again; norms and biases are F32"};

inline constexpr ErrorCode kGgufPartForeign{1049, "gguf_part_foreign", ErrorKind::kUnprocessable,
                                            "A file that is named like a part of the model is part of another one.",
                                            "download every part again, from one source"};

// ONNX.
inline constexpr ErrorCode kOnnxMalformed{1050, "onnx_malformed", ErrorKind::kDataLoss,
                                          "The bytes are not a well-formed ONNX protocol buffer.",
                                          "the file is damaged; download or export it again"};
inline constexpr ErrorCode kOnnxWithoutGraph{1051, "onnx_without_graph", ErrorKind::kDataLoss,
                                             "The ONNX file has no graph, or a graph without outputs.", "export the model again"};
inline constexpr ErrorCode kOnnxVersionUnsupported{1052, "onnx_version_unsupported", ErrorKind::kUnsupported,
                                                   "The IR version or an operator set is newer than the engine.",
                                                   "export the model with a lower opset_version"};
inline constexpr ErrorCode kOnnxTypeUnsupported{1053, "onnx_type_unsupported", ErrorKind::kUnsupported,
                                                "An input, output or weight has a type that Forebay does not serve.",
                                                "export the model with tensor inputs and outputs of ordinary types"};
inline constexpr ErrorCode kOnnxInitialiserInconsistent{1054, "onnx_initialiser_inconsistent", ErrorKind::kDataLoss,
                                                        "A weight has more or fewer bytes than its shape needs.",
                                                        "the file is damaged; download or export it again"};
inline constexpr ErrorCode kOnnxExternalDataForbidden{
    1055, "onnx_external_data_forbidden", ErrorKind::kPermissionDenied,
    "External data points outside the model's folder, or to a link that is not of a Hugging Face cache.",
    "put the data file itself beside the model and name it relatively"};
inline constexpr ErrorCode kOnnxExternalDataMissing{1056, "onnx_external_data_missing", ErrorKind::kNotFound,
                                                    "A file with the model's weights is not there.",
                                                    "copy the data files into the model's folder"};
inline constexpr ErrorCode kOnnxExternalDataOutOfBounds{1057, "onnx_external_data_out_of_bounds", ErrorKind::kDataLoss,
                                                        "A weight's bytes end past its external file.",
                                                        "the data file was cut short or belongs to another model; download it again"};
inline constexpr ErrorCode kOnnxTooDeep{1058, "onnx_too_deep", ErrorKind::kTooLarge,
                                        "Subgraphs, types or functions are nested beyond the limit.",
                                        "raise the limit, or simplify the model"};
inline constexpr ErrorCode kOnnxDimensionInvalid{1059, "onnx_dimension_invalid", ErrorKind::kDataLoss,
                                                 "A weight has a negative dimension, too many, or more elements than can exist.",
                                                 "export the model again"};
inline constexpr ErrorCode kOnnxValueUndefined{1060, "onnx_value_undefined", ErrorKind::kDataLoss,
                                               "A node or output uses a value that nothing before it makes.",
                                               "the graph has a cycle or a hole; export the model again"};
inline constexpr ErrorCode kOnnxDuplicateName{1061, "onnx_duplicate_name", ErrorKind::kDataLoss,
                                              "Two values, or two inputs, have the same name.", "export the model again"};
inline constexpr ErrorCode kOnnxOperatorUnknown{1062, "onnx_operator_unknown", ErrorKind::kUnsupported,
                                                "A standard domain has no operator of this name.",
                                                "custom operators need a domain of their own; export the model again"};
inline constexpr ErrorCode kOnnxLimitExceeded{1063, "onnx_limit_exceeded", ErrorKind::kTooLarge,
                                              "A count, length or constant in the model is beyond the limit set for it.",
                                              "raise the limit in the configuration if the file is what you meant"};

inline constexpr ErrorCode kOnnxSparseInvalid{1064, "onnx_sparse_invalid", ErrorKind::kDataLoss,
                                              "A sparse weight has indices outside its shape, out of order, or not one for each value.",
                                              "the file is damaged; export it again"};

inline constexpr ErrorCode kOnnxOperatorMisused{1065, "onnx_operator_misused", ErrorKind::kUnprocessable,
                                                "A node gives its operator a number, a shape or a gap that would crash the engine.",
                                                "export the model again; the message names the node"};

// What lies beside a model.
inline constexpr ErrorCode kSidecarInvalid{1070, "sidecar_invalid", ErrorKind::kUnprocessable,
                                           "The file NAME.forebay.json beside the model is wrong or does not fit it.",
                                           "correct the field that the message names; docs/guides/serve_a_vision_model.md has them all"};

inline constexpr const ErrorCode* kFormatsErrors[] = {&kFileEmpty,
                                                      &kFormatNotRecognised,
                                                      &kFormatNotSupported,
                                                      &kGitLfsPointer,
                                                      &kFolderWithoutModel,
                                                      &kFolderWithSeveralModels,
                                                      &kDescriptionMalformed,
                                                      &kGgufTruncated,
                                                      &kGgufVersionOne,
                                                      &kGgufBigEndian,
                                                      &kGgufVersionUnsupported,
                                                      &kGgufLimitExceeded,
                                                      &kGgufValueTypeUnknown,
                                                      &kGgufDuplicateKey,
                                                      &kGgufKeyInvalid,
                                                      &kGgufAlignmentInvalid,
                                                      &kGgufBooleanInvalid,
                                                      &kGgufMetadataMissing,
                                                      &kGgufMetadataWrongType,
                                                      &kGgufVocabularyInconsistent,
                                                      &kGgufTokenOutOfRange,
                                                      &kGgufHyperparameterInvalid,
                                                      &kGgufAdapterAlone,
                                                      &kGgufProjectorAlone,
                                                      &kGgufNothingInside,
                                                      &kGgufSplit,
                                                      &kGgufPartMissing,
                                                      &kGgufDuplicateTensor,
                                                      &kGgufTensorDimensionsInvalid,
                                                      &kGgufTensorOutOfBounds,
                                                      &kGgufTensorTypeUnknown,
                                                      &kGgufTensorMisaligned,
                                                      &kGgufTensorsOverlap,
                                                      &kGgufTensorMissing,
                                                      &kGgufTensorWrongShape,
                                                      &kGgufTensorWrongType,
                                                      &kGgufPartForeign,
                                                      &kOnnxMalformed,
                                                      &kOnnxWithoutGraph,
                                                      &kOnnxVersionUnsupported,
                                                      &kOnnxTypeUnsupported,
                                                      &kOnnxInitialiserInconsistent,
                                                      &kOnnxExternalDataForbidden,
                                                      &kOnnxExternalDataMissing,
                                                      &kOnnxExternalDataOutOfBounds,
                                                      &kOnnxTooDeep,
                                                      &kOnnxDimensionInvalid,
                                                      &kOnnxValueUndefined,
                                                      &kOnnxDuplicateName,
                                                      &kOnnxOperatorUnknown,
                                                      &kOnnxLimitExceeded,
                                                      &kOnnxSparseInvalid,
                                                      &kOnnxOperatorMisused,
                                                      &kSidecarInvalid};

}  // namespace forebay::formats
