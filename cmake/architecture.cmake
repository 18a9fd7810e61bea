# The house, bottom to top. A room may use exactly the rooms on its line; a library has exactly the owners on its line.
# Changing this table takes a decision record in docs/adr/.
set(ROOMS base sandbox telemetry tensors formats text storage engines scheduling models inference accounts http cli)

set(MAY_USE_base)
set(MAY_USE_sandbox base)
set(MAY_USE_telemetry base)
set(MAY_USE_tensors base)
set(MAY_USE_formats base tensors)
set(MAY_USE_text base formats)
set(MAY_USE_storage base telemetry)
set(MAY_USE_engines base sandbox telemetry tensors formats text)
set(MAY_USE_scheduling base telemetry tensors text engines)
set(MAY_USE_models base sandbox telemetry tensors formats text storage engines scheduling)
set(MAY_USE_inference base telemetry tensors formats text scheduling models)
set(MAY_USE_accounts base telemetry storage)
set(MAY_USE_http base telemetry tensors formats text scheduling models inference accounts)
set(MAY_USE_cli ${ROOMS})

# Include prefixes, as they stand after `#include <`.
set(OWNS_base sodium)
set(OWNS_sandbox seccomp)
set(OWNS_telemetry prometheus/ opentelemetry/)
set(OWNS_tensors jpeglib png.h webp/)
set(OWNS_formats onnx/ google/protobuf zlib hdf5)
set(OWNS_text pcre2 utf8proc)
set(OWNS_storage soci/ sodium libs3)
set(OWNS_engines onnxruntime llama ggml torch/)
set(OWNS_accounts sodium jwt hiredis/)
set(OWNS_http boost/ zlib grpc)
set(OWNS_cli CLI/ yaml-cpp/ toml++/ readline/)

# Anyone may include these, in .cc files only.
set(EVERYWHERE_IN_SOURCES glaze/ spdlog/ fmt/)

set(FOREIGN seccomp prometheus/ opentelemetry/ jpeglib png.h webp/ pcre2 utf8proc onnx/ google/protobuf zlib hdf5 soci/ sodium libs3
  onnxruntime llama ggml torch/ jwt hiredis/ boost/ grpc CLI/ yaml-cpp/ toml++/ readline/)
