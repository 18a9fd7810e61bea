#include "base/ids.h"

#include <algorithm>
#include <cstdint>
#include <random>

namespace forebay {

std::string make_id(std::string_view prefix) {
  // Names, not secrets: seeded once per thread from the system, then cheap.
  thread_local std::mt19937_64 engine{[] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }()};
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string id(prefix);
  id.reserve(prefix.size() + 25);
  id += '-';
  // A number of 64 bits has room for twelve of 36 characters.
  for (int half = 0; half < 2; ++half) {
    std::uint64_t number = engine();
    for (int i = 0; i < 12; ++i, number /= kAlphabet.size()) id += kAlphabet[number % kAlphabet.size()];
  }
  return id;
}

bool is_harmless_id(std::string_view id) {
  if (id == "." || id == "..") return false;  // Folders, where the id becomes a file name.
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == ':' || c == '-';
  });
}

std::string_view trace_id_of(std::string_view traceparent) {
  // version 00: "00-" trace-id "-" parent-id "-" flags; later versions may append fields after another "-".
  constexpr std::size_t kLength = 55;
  if (traceparent.size() < kLength || (traceparent.size() > kLength && (traceparent.starts_with("00") || traceparent[kLength] != '-')))
    return {};
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  for (std::size_t i = 0; i < kLength; ++i) {
    const bool is_dash = i == 2 || i == 35 || i == 52;
    if (is_dash ? traceparent[i] != '-' : !is_hex(traceparent[i])) return {};
  }
  if (traceparent.starts_with("ff")) return {};
  const auto trace = traceparent.substr(3, 32);
  const auto parent = traceparent.substr(36, 16);
  constexpr char kZero = '0';
  if (trace.find_first_not_of(kZero) == std::string_view::npos || parent.find_first_not_of(kZero) == std::string_view::npos) return {};
  return trace;
}

}  // namespace forebay
