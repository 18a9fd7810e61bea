#include "http/sse.h"

#include <string>
#include <utility>

namespace forebay::http {

bool EventStream::send(std::string_view json, Instant now) {
  std::string event;
  event.reserve(json.size() + 8);
  event += "data: ";
  event += json;
  event += "\n\n";
  return write(event, now);
}

bool EventStream::comment(Instant now) { return write(": keep-alive\n\n", now); }

void EventStream::tick(Instant now) {
  if (options_.keep_alive_interval.count() > 0 && open() && now - last_write_ >= options_.keep_alive_interval) comment(now);
}

void EventStream::close() {
  if (auto writer = std::exchange(writer_, nullptr)) writer->close();
}

bool EventStream::write(const std::string& bytes, Instant now) {
  if (!open()) return false;
  last_write_ = now;
  if (!writer_->write(bytes)) {
    writer_.reset();
    return false;
  }
  if (writer_->unsent() <= options_.stream_unsent_bytes_max) return true;
  writer_.reset();
  if (auto slow = std::exchange(too_slow_, nullptr)) slow();
  return false;
}

}  // namespace forebay::http
