// The one way to the library's header: its entry point is taken by onnx_environment, after the telemetry switches are set.
// Threads: immutable. Owner: onnx/.
#pragma once

#define ORT_API_MANUAL_INIT
#include <onnxruntime/onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT
