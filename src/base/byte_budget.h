// One budget of bytes for weights, KV cells, caches and states. A reservation is held while it lives. Caches register what they can give up
// for a reservation that matters more.
// Threads: shared. Owner: cli::serve, lent to the rooms; it must outlive every reservation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/synchronized.h"

namespace forebay {

class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // If there is no room: the reservation is refused, or caches are asked to give up theirs first.
  enum class Shortage : std::uint8_t { kRefuse, kReclaim };

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
    // Shrinks at once, or grows all or nothing with the errors of reserve(). Nobody else can get the bytes held before meanwhile.
    // Requires: made by reserve() and not released.
    Result<> resize(std::size_t bytes, std::string_view what, Shortage shortage = Shortage::kRefuse);

   private:
    friend ByteBudget;
    Reservation(ByteBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  // All or nothing: kBudgetExhausted names `what` and the sizes. Never overshoots, whatever the number of threads.
  Result<Reservation> reserve(std::size_t bytes, std::string_view what, Shortage shortage = Shortage::kRefuse);

 private:
  using GiveUp = std::function<void(std::size_t bytes)>;
  using Reclaimables = std::multimap<int, GiveUp>;

 public:
  // Keeps a callback registered while it lives; the destructor waits for a call in progress.
  class Reclaimable {
   public:
    Reclaimable() = default;
    Reclaimable(Reclaimable&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), place_(other.place_) {}
    Reclaimable& operator=(Reclaimable&&) = delete;
    ~Reclaimable();

   private:
    friend ByteBudget;
    Reclaimable(ByteBudget* budget, Reclaimables::iterator place) : budget_(budget), place_(place) {}
    ByteBudget* budget_ = nullptr;
    Reclaimables::iterator place_;
  };
  // Calls give_up(bytes) when a reservation with kReclaim has no room, lower orders first, until there is. It releases at least so many
  // bytes if it holds them. It runs on the reserving thread and must not throw, reserve with kReclaim, register or unregister.
  [[nodiscard]] Reclaimable on_shortage(int order, GiveUp give_up);

  std::size_t bytes_max() const { return bytes_max_; }
  std::size_t bytes_held() const { return held_.load(); }

 private:
  Result<> take(std::size_t bytes, std::string_view what, Shortage shortage);
  std::size_t try_take(std::size_t bytes);
  void reclaim(std::size_t bytes);

  const std::size_t bytes_max_;
  std::atomic<std::size_t> held_{0};
  Synchronized<Reclaimables> reclaimables_;
};

}  // namespace forebay
