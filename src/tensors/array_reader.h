// Walks a JSON array of arrays and hands each element to a sink; keeps only the lengths. No recursion.
// Threads: confined to one call. Owner: array_json; nobody above includes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensors/array_json.h"
#include "tensors/errors.h"
#include "tensors/json_string.h"

namespace forebay::tensors {

// Sink: std::size_t read(std::string_view json, std::size_t at) stores the element and gives the position after it, or npos;
// then Error explain(json, at) says why. std::size_t size().
template <class Sink>
class ArrayReader {
 public:
  ArrayReader(std::string_view json, const ArrayLimits& limits, Sink& sink) : json_(json), limits_(limits), sink_(sink) {}

  // The shape as it is nested: [] for a bare value.
  Result<Shape> read() {
    do {
      TRY(read_value());
      TRY_ASSIGN(const bool more, read_ends());
      if (!more) break;
    } while (true);
    Shape shape;
    for (const Level& level : levels_) shape.push_back(level.length);
    return shape;
  }

 private:
  static constexpr std::size_t kUnknown = SIZE_MAX;
  struct Level {
    std::int64_t count = 0;    // of the array that is open now
    std::int64_t length = -1;  // of the first one that was closed
  };

  // A bare value, or the opening of arrays up to the first one that has an element or none.
  Result<> read_value() {
    skip_space();
    while (at_ < json_.size() && json_[at_] == '[') {
      TRY(open());
      if (at_ < json_.size() && json_[at_] == ']') {
        if (leaf_depth_ == kUnknown) leaf_depth_ = depth_;
        return check_leaf();
      }
    }
    if (leaf_depth_ == kUnknown) leaf_depth_ = depth_;
    if (depth_ != leaf_depth_) return check_leaf();
    if (sink_.size() == limits_.elements_max) {
      return fail(error_at_byte(kTensorTooLarge, at_, "more than " + std::to_string(limits_.elements_max) + " elements"));
    }
    const std::size_t end = sink_.read(json_, at_);
    if (end == std::string_view::npos) return fail(sink_.explain(json_, at_));
    at_ = end;
    if (depth_ > 0) levels_[depth_ - 1].count += 1 + read_row();
    return {};
  }

  // The elements that follow, as far as only commas stand between them; what stops that is left to the others.
  std::int64_t read_row() {
    std::int64_t count = 0;
    while (at_ < json_.size() && json_[at_] == ',' && sink_.size() < limits_.elements_max) {
      std::size_t next = at_ + 1;
      while (next < json_.size() && is_space(json_[next])) ++next;
      const std::size_t end = sink_.read(json_, next);
      if (end == std::string_view::npos) break;
      at_ = end;
      ++count;
    }
    return count;
  }

  // Closes what ends here. True when a comma announces another value, false at the end of the text.
  Result<bool> read_ends() {
    for (;;) {
      skip_space();
      if (depth_ == 0) {
        if (at_ == json_.size()) return false;
        return fail(error_at_byte(kArrayJsonSyntax, at_, "more text after the array"));
      }
      if (at_ == json_.size()) return fail(error_at_byte(kArrayJsonSyntax, at_, "the array does not end"));
      if (json_[at_] == ',') {
        ++at_;
        return true;
      }
      if (json_[at_] != ']') return fail(error_at_byte(kArrayJsonSyntax, at_, "a comma or ']' is missing"));
      TRY(close());
    }
  }

  Result<> open() {
    if (depth_ == leaf_depth_) return fail(error_at_byte(kArrayRagged, at_, "an array where a single value is expected"));
    if (depth_ == limits_.depth_max) {
      return fail(error_at_byte(kTensorTooLarge, at_, "arrays nested deeper than " + std::to_string(limits_.depth_max)));
    }
    if (depth_ == levels_.size()) levels_.emplace_back();
    levels_[depth_++].count = 0;
    ++at_;
    skip_space();
    return {};
  }

  Result<> close() {
    Level& level = levels_[--depth_];
    if (level.length < 0) level.length = level.count;
    if (level.count != level.length) {
      const std::string what = "an array of " + std::to_string(level.count) + " where others have " + std::to_string(level.length);
      return fail(error_at_byte(kArrayRagged, at_, what));
    }
    ++at_;
    if (depth_ > 0) ++levels_[depth_ - 1].count;
    return {};
  }

  Result<> check_leaf() {
    if (depth_ == leaf_depth_) return {};
    const std::string what = std::to_string(depth_) + " brackets deep, where others are " + std::to_string(leaf_depth_) + " deep";
    return fail(error_at_byte(kArrayRagged, at_, what));
  }

  void skip_space() {
    while (at_ < json_.size() && is_space(json_[at_])) ++at_;
  }
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  const std::string_view json_;
  const ArrayLimits& limits_;
  Sink& sink_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;              // brackets open now
  std::size_t leaf_depth_ = kUnknown;  // brackets around each element
  std::vector<Level> levels_;
};

}  // namespace forebay::tensors
