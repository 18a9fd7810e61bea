// One budget of bytes for weights, KV cells, caches and states. A reservation is held while it lives.
// Threads: shared. Owner: cli::serve, lent to the rooms; it must outlive every reservation.
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace forebay {

class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
      }
      return *this;
    }
    ~Reservation() { release(); }
    std::size_t bytes() const { return bytes_; }
    void release();

   private:
    friend ByteBudget;
    Reservation(ByteBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  // All or nothing: kBudgetExhausted names `what` and the sizes. Never overshoots, whatever the number of threads.
  Result<Reservation> reserve(std::size_t bytes, std::string_view what);
  std::size_t bytes_max() const { return bytes_max_; }
  std::size_t bytes_held() const { return held_.load(); }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> held_{0};
};

}  // namespace forebay
