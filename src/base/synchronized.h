// A value that can only be reached through its lock.
//   Synchronized<Map> sessions;
//   auto locked = sessions.lock();  locked->insert(…);
// Threads: shared.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace forebay {

template <class T>
class Synchronized {
 public:
  class Locked {
   public:
    T& operator*() & { return *value_; }
    T* operator->() & { return value_; }
    // A temporary lock ends before its value is used: make it a variable.
    T& operator*() && = delete;
    T* operator->() && = delete;
    // Waits on `changed` until `ready(value)`; the lock is released meanwhile.
    template <class Ready>
    void wait(std::condition_variable& changed, Ready ready) {
      changed.wait(lock_, [&] { return ready(*value_); });
    }
    template <class Time, class Ready>
    bool wait_until(std::condition_variable& changed, Time until, Ready ready) {
      return changed.wait_until(lock_, until, [&] { return ready(*value_); });
    }
    // At most until `until`, if there is such a time.
    template <class Time, class Ready>
    void wait(std::condition_variable& changed, std::optional<Time> until, Ready ready) {
      if (until)
        wait_until(changed, *until, ready);
      else
        wait(changed, ready);
    }
    void unlock() { lock_.unlock(); }

   private:
    friend Synchronized;
    Locked(std::mutex& mutex, T& value) : lock_(mutex), value_(&value) {}
    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  Synchronized() = default;
  explicit Synchronized(T value) : value_(std::move(value)) {}
  Locked lock() { return Locked(mutex_, value_); }
  // For a const look: the caller may not change the value.
  template <class Look>
  auto read(Look look) const {
    std::lock_guard guard(mutex_);
    return look(static_cast<const T&>(value_));
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace forebay
