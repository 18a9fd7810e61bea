// Codes FB8000 to FB8499: the configuration, the command line and what a command is given.
#pragma once

#include "base/error.h"

namespace forebay::cli {

// Configuration: exit status 78.
inline constexpr ErrorCode kConfigurationSyntax{8000, "configuration_syntax", ErrorKind::kInvalidArgument,
                                                "A configuration file is not well-formed YAML, TOML or JSON.",
                                                "correct the line that the message names"};
inline constexpr ErrorCode kUnknownSetting{8001, "unknown_setting", ErrorKind::kInvalidArgument, "There is no setting of this name.",
                                           "'forebay config show' lists every setting with its value"};
inline constexpr ErrorCode kDuplicateSetting{8002, "duplicate_setting", ErrorKind::kInvalidArgument,
                                             "One file gives the same setting twice.", "keep one of the two lines"};
inline constexpr ErrorCode kSettingWrongType{
    8003, "setting_wrong_type", ErrorKind::kInvalidArgument, "A setting has a value of another type.",
    "docs/configuration.md shows the type of every setting; durations are \"30s\", sizes \"64MiB\""};
inline constexpr ErrorCode kSettingOutOfRange{8004, "setting_out_of_range", ErrorKind::kInvalidArgument,
                                              "A setting's value is outside its range.",
                                              "docs/configuration.md shows the range of every setting"};
inline constexpr ErrorCode kSettingsConflict{8005, "settings_conflict", ErrorKind::kInvalidArgument, "Two settings contradict each other.",
                                             "change one of them; 'forebay config show --origin' says where each comes from"};
inline constexpr ErrorCode kConfigurationTooLarge{8006, "configuration_too_large", ErrorKind::kTooLarge,
                                                  "A configuration file is too large, too deep, or has too many values.",
                                                  "a configuration file has at most 1 MiB, 16 levels and 10,000 values"};
inline constexpr ErrorCode kConfigurationAmbiguous{8007, "configuration_ambiguous", ErrorKind::kInvalidArgument,
                                                   "One folder holds two configuration files.",
                                                   "keep one of them, or choose with --config"};
inline constexpr ErrorCode kConfigurationFormat{8008, "configuration_format", ErrorKind::kUnsupported,
                                                "The configuration file's extension is none that is read.",
                                                "name it .yaml, .yml, .toml or .json"};
inline constexpr ErrorCode kConfigurationInvalid{8009, "configuration_invalid", ErrorKind::kInvalidArgument,
                                                 "The configuration has several mistakes.", "correct every line that the message names"};

inline constexpr ErrorCode kSettingNotUsable{
    8011, "setting_not_usable", ErrorKind::kInvalidArgument,
    "A setting is well-formed, but cannot be used on this machine: a file that is not there, a processor or "
    "a backend that it does not have.",
    "correct the setting that the message names"};
inline constexpr ErrorCode kHostUnknown{8010, "host_unknown", ErrorKind::kInvalidArgument, "The host to listen on has no address here.",
                                        "set http.host to an IP address of this machine: 127.0.0.1, 0.0.0.0, ::"};

// The command line: exit status 2.
inline constexpr ErrorCode kUsage{8020, "usage", ErrorKind::kInvalidArgument, "The command line is not understood.",
                                  "'forebay help' shows the commands, 'forebay COMMAND --help' one of them"};

// What a command is given.
inline constexpr ErrorCode kUnknownCode{8040, "unknown_code", ErrorKind::kNotFound, "No error has this code.",
                                        "'forebay explain --list' shows every code"};
inline constexpr ErrorCode kNoExampleModels{8041, "no_example_models", ErrorKind::kNotFound,
                                            "No model was named, and the example models are not where they should be.",
                                            "name a model file: forebay serve FILE"};
inline constexpr ErrorCode kInputNotUnderstood{8042, "input_not_understood", ErrorKind::kInvalidArgument,
                                               "An input is neither numbers, JSON, nor a file of a known kind.",
                                               "give numbers (\"1,2,3\"), JSON, or a .json, .csv, .npy, .png, .jpg or .webp file"};
inline constexpr ErrorCode kInputMissing{8043, "run_input_missing", ErrorKind::kInvalidArgument,
                                         "The model needs an input that was not given.",
                                         "'forebay inspect FILE' shows the inputs; give several by --input NAME=VALUE"};
inline constexpr ErrorCode kInputUnknown{8044, "run_input_unknown", ErrorKind::kInvalidArgument,
                                         "The model has no input of this name, or it was given twice.",
                                         "'forebay inspect FILE' shows the inputs"};
inline constexpr ErrorCode kInputShape{8045, "input_shape", ErrorKind::kUnprocessable,
                                       "The values cannot be brought into the shape that the model takes.",
                                       "'forebay inspect FILE' shows every input's shape"};
inline constexpr ErrorCode kOutputFormat{8046, "output_format", ErrorKind::kInvalidArgument, "The answer cannot be written in this form.",
                                         "use --output json, which can write everything"};
inline constexpr ErrorCode kOutputNotWritable{8047, "output_not_writable", ErrorKind::kPermissionDenied, "The answer could not be written.",
                                              "check the folder's permissions, free space, and that the reader of a pipe is still there"};
inline constexpr ErrorCode kOptionOutOfPlace{8048, "option_out_of_place", ErrorKind::kInvalidArgument,
                                             "An option does not fit the kind of model.",
                                             "'forebay run --help' says which options belong to which models"};
inline constexpr ErrorCode kDoctorFailed{8049, "doctor_failed", ErrorKind::kUnavailable, "A check of this machine failed.",
                                         "follow the advice below each failed check"};
inline constexpr ErrorCode kBatchIncomplete{8050, "batch_incomplete", ErrorKind::kUnprocessable, "Some inputs of a batch failed.",
                                            "the answers of the others are there; the lines of those that failed say why"};

inline constexpr ErrorCode kShutdownForced{8051, "shutdown_forced", ErrorKind::kDeadlineExceeded,
                                           "The server was told to stop, and a model or a thread did not end in time.",
                                           "shutdown.drain_timeout and shutdown.stop_timeout say how long that may take"};

inline constexpr const ErrorCode* kCliErrors[] = {&kConfigurationSyntax,
                                                  &kUnknownSetting,
                                                  &kDuplicateSetting,
                                                  &kSettingWrongType,
                                                  &kSettingOutOfRange,
                                                  &kSettingsConflict,
                                                  &kConfigurationTooLarge,
                                                  &kConfigurationAmbiguous,
                                                  &kConfigurationFormat,
                                                  &kConfigurationInvalid,
                                                  &kHostUnknown,
                                                  &kSettingNotUsable,
                                                  &kUsage,
                                                  &kUnknownCode,
                                                  &kNoExampleModels,
                                                  &kInputNotUnderstood,
                                                  &kInputMissing,
                                                  &kInputUnknown,
                                                  &kInputShape,
                                                  &kOutputFormat,
                                                  &kOutputNotWritable,
                                                  &kOptionOutOfPlace,
                                                  &kDoctorFailed,
                                                  &kBatchIncomplete,
                                                  &kShutdownForced};

}  // namespace forebay::cli
