// The memory of one request's body: its share of what all bodies may take, and who still looks at it.
// Threads: expect and arrived on the loop, before the handler; then confined to the handler. Keepers are shared. Owner: Exchange.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/byte_budget.h"

namespace drogon {
class HttpRequest;
}  // namespace drogon
namespace forebay::http {

inline constexpr std::uint64_t kSmallBody = 64 << 10;  // not worth counting: the number of requests is bounded

class RequestBody {
 public:
  explicit RequestBody(ByteBudget& budget) : budget_(budget) {}

  // So many bytes are under way or have come; held until this ends, for the body and for what is made of it. Bodies without a length grow:
  // each step at least doubles what is reserved. kBodiesTooLarge.
  Result<> expect(std::uint64_t bytes);
  void arrived(const std::shared_ptr<drogon::HttpRequest>& request);
  // While one lives, the request's body stays.
  std::shared_ptr<const void> keeper() const { return kept_; }
  // Its owner needs the body no more: the memory is given back once the last keeper has gone.
  void drop() { kept_.reset(); }

 private:
  ByteBudget& budget_;
  std::vector<ByteBudget::Reservation> reserved_;
  std::uint64_t reserved_bytes_ = 0;
  std::shared_ptr<const void> kept_;
};

}  // namespace forebay::http
