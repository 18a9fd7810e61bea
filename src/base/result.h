// Result<T>: a value or an Error. A dropped one does not compile (std::expected is [[nodiscard]], and the warning is an error).
// TRY and TRY_ASSIGN are the only macros of our own.
//   TRY(check(header), "reading the header of " + path);
//   TRY_ASSIGN(auto bytes, map_file(path), "opening " + path);      context is built only on failure
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace forebay {

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(const ErrorCode& code, std::string message) { return std::unexpected(Error(code, std::move(message))); }
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace forebay

#define FOREBAY_CAT_(a, b) a##b
#define FOREBAY_CAT(a, b) FOREBAY_CAT_(a, b)
#define FOREBAY_TRY_(ret, result, expr, ...)                                                        \
  if (auto result = (expr); !result) {                                                              \
    ret std::unexpected(::forebay::annotate(std::move(result).error() __VA_OPT__(, ) __VA_ARGS__)); \
  }
#define FOREBAY_TRY_ASSIGN_(ret, result, decl, expr, ...)                                           \
  auto result = (expr);                                                                             \
  if (!result) {                                                                                    \
    ret std::unexpected(::forebay::annotate(std::move(result).error() __VA_OPT__(, ) __VA_ARGS__)); \
  }                                                                                                 \
  decl = *std::move(result)
#define TRY(expr, ...) FOREBAY_TRY_(return, FOREBAY_CAT(try_, __COUNTER__), expr __VA_OPT__(, ) __VA_ARGS__)
#define TRY_ASSIGN(decl, expr, ...) FOREBAY_TRY_ASSIGN_(return, FOREBAY_CAT(try_, __COUNTER__), decl, expr __VA_OPT__(, ) __VA_ARGS__)
