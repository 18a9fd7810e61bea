// What the address sanitizer must overlook in libraries that were not built with it. Part of this room's test binary only.

// libonnxruntime_providers_dnnl.so deletes, through a base class without a virtual destructor, objects that libonnxruntime.so made: the
// sized delete names another size than was allocated (ONNX Runtime 1.23.2, Debian). glibc ignores the size. The check cannot be switched
// off for one library; every other check stays on.
extern "C" const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier): the sanitizer's own name
extern "C" const char* __asan_default_options() { return "new_delete_type_mismatch=0"; }  // NOLINT(bugprone-reserved-identifier)

// libonnx.so, as ONNX Runtime 1.23.2 uses it, leaks the types that shape inference had begun when a node is then refused.
extern "C" const char* __lsan_default_suppressions();                                 // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libonnx.so\n"; }  // NOLINT(bugprone-reserved-identifier)
