#include "cli/load_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace forebay::cli {

namespace {
constexpr auto kSilence = std::chrono::seconds(1);
constexpr int kBarCharacters = 30;
}  // namespace

LoadProgress::LoadProgress(Console& console, const Clock& clock, std::string what)
    : console_(console), clock_(clock), what_(std::move(what)), begun_(clock.now()) {}

bool LoadProgress::step(float share) {
  if (clock_.now() - begun_ < kSilence) return true;
  const int percent = std::clamp(static_cast<int>(share * 100), 0, 100);
  if (percent == shown_percent_) return true;
  if (console_.err_is_terminal) {
    const int filled = percent * kBarCharacters / 100;
    console_.err << fmt::format("\r\033[K{} [{:#<{}}{:.<{}}] {}%", what_, "", filled, "", kBarCharacters - filled, percent) << std::flush;
  } else if (shown_percent_ < 0) {
    console_.err << what_ << std::endl;
  }
  shown_percent_ = percent;
  return true;
}

void LoadProgress::finish() {
  if (shown_percent_ >= 0 && console_.err_is_terminal) console_.err << "\r\033[K" << std::flush;
}

}  // namespace forebay::cli
