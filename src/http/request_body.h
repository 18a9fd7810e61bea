// The memory of one request's body: its share of what all bodies may take, and the bytes while they are needed.
// Threads: confined to the loop until the handler begins, then to the handler. Keepers are shared. Owner: Exchange.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_budget.h"

namespace forebay::http {

inline constexpr std::uint64_t kSmallBody = 64 << 10;  // not worth counting: the number of requests is bounded

class RequestBody {
 public:
  explicit RequestBody(ByteBudget& budget) : budget_(budget) {}

  // Reserves room for a body of so many bytes; held until this ends, for the body and for what is made of it. Bodies without a length grow:
  // each step at least doubles what is reserved. kBodiesTooLarge.
  Result<> expect(std::uint64_t bytes);
  void append(std::string_view piece);
  void replace(std::string decoded) { *text_ = std::move(decoded); }
  std::string_view view() const { return text_ == nullptr ? std::string_view() : *text_; }
  // While one lives, the bytes stay where they are.
  std::shared_ptr<const void> keeper() const { return text_; }
  // Gives the memory back once the last keeper has gone.
  void drop() { text_.reset(); }

 private:
  ByteBudget& budget_;
  std::vector<ByteBudget::Reservation> reserved_;
  std::uint64_t reserved_bytes_ = 0;
  std::shared_ptr<std::string> text_ = std::make_shared<std::string>();
};

}  // namespace forebay::http
