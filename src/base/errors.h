// Codes FB0001 to FB0099: what any room can meet.
#pragma once

#include "base/error.h"

namespace forebay {

inline constexpr ErrorCode kInternalError{1, "internal_error", ErrorKind::kInternal,
                                          "Something failed inside Forebay that should not have.",
                                          "report it with the request id and the log lines that carry it"};
inline constexpr ErrorCode kFileNotFound{2, "file_not_found", ErrorKind::kNotFound, "The file or folder does not exist.",
                                         "check the path; relative paths start at the working directory"};
inline constexpr ErrorCode kFileNotReadable{3, "file_not_readable", ErrorKind::kPermissionDenied, "The file exists but may not be read.",
                                            "check its permissions and the user Forebay runs as"};
inline constexpr ErrorCode kFileTooLarge{4, "file_too_large", ErrorKind::kTooLarge, "The file is larger than the limit set for it.",
                                         "raise the limit in the configuration if the file is what you meant"};
inline constexpr ErrorCode kQueueFull{5, "queue_full", ErrorKind::kUnavailable, "A bounded queue is full.",
                                      "try again after the time in Retry-After"};
inline constexpr ErrorCode kShuttingDown{6, "shutting_down", ErrorKind::kUnavailable, "The server is draining and takes no new work.",
                                         "send the request to another replica, or again after the restart"};
inline constexpr ErrorCode kCancelledByCaller{7, "cancelled", ErrorKind::kCancelled, "The caller went away or cancelled the request.",
                                              "nothing to do: the work was stopped"};
inline constexpr ErrorCode kDeadlinePassed{8, "deadline_exceeded", ErrorKind::kDeadlineExceeded,
                                           "The request did not finish before its deadline.",
                                           "raise the timeout, or send less work at once"};
inline constexpr ErrorCode kBudgetExhausted{9, "memory_budget_exhausted", ErrorKind::kUnavailable, "The byte budget has no room for this.",
                                            "raise memory.budget_bytes, or free memory by unloading a model"};
inline constexpr ErrorCode kFileNotRegular{10, "file_not_regular", ErrorKind::kInvalidArgument, "The path is not a regular file.",
                                           "give the path of a file"};
inline constexpr ErrorCode kFileNotWritable{11, "file_not_writable", ErrorKind::kPermissionDenied, "The file could not be written.",
                                            "check the folder's permissions and free space"};

inline constexpr const ErrorCode* kBaseErrors[] = {&kInternalError,   &kFileNotFound,   &kFileNotReadable,   &kFileTooLarge,
                                                   &kQueueFull,       &kShuttingDown,   &kCancelledByCaller, &kDeadlinePassed,
                                                   &kBudgetExhausted, &kFileNotRegular, &kFileNotWritable};

}  // namespace forebay
