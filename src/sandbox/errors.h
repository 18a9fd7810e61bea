// Codes FB0100 to FB0199: how a child process can end without a result.
#pragma once

#include "base/error.h"

namespace forebay::sandbox {

inline constexpr ErrorCode kChildNotStarted{100, "child_not_started", ErrorKind::kUnavailable, "A child process could not be started.",
                                            "the message is the system's; /proc must be there and the limit of processes not reached"};
inline constexpr ErrorCode kChildCrashed{101, "child_crashed", ErrorKind::kUnprocessable,
                                         "A child process that handled a file ended by a signal, or without a result.",
                                         "the file is damaged or made to do harm; download it again or convert the model again"};
inline constexpr ErrorCode kChildTimedOut{102, "child_timed_out", ErrorKind::kUnprocessable,
                                          "A child process that handled a file took longer than it may.",
                                          "raise models.probe.time_max if the file is what you meant"};
inline constexpr ErrorCode kChildMemoryExceeded{103, "child_memory_exceeded", ErrorKind::kUnprocessable,
                                                "A child process that handled a file used more memory than it may.",
                                                "raise models.probe.memory_bytes_max if the file is what you meant"};

inline constexpr const ErrorCode* kSandboxErrors[] = {&kChildNotStarted, &kChildCrashed, &kChildTimedOut, &kChildMemoryExceeded};

}  // namespace forebay::sandbox
