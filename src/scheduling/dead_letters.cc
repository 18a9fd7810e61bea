#include "scheduling/dead_letters.h"

namespace forebay::scheduling {

bool DeadLetters::belongs(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kInternal:
    case ErrorKind::kDataLoss:
    case ErrorKind::kUnavailable:
    case ErrorKind::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

void DeadLetters::add(DeadLetter letter) {
  auto state = state_.lock();
  ++state->count;
  if (letters_max_ == 0) return;
  if (state->letters.size() >= letters_max_) state->letters.pop_front();
  state->letters.push_back(std::move(letter));
}

std::vector<DeadLetter> DeadLetters::newest_first() const {
  return state_.read([](const State& now) { return std::vector<DeadLetter>(now.letters.rbegin(), now.letters.rend()); });
}

std::uint64_t DeadLetters::count() const {
  return state_.read([](const State& now) { return now.count; });
}

}  // namespace forebay::scheduling
