// A library's message made fit for a client: one line, bounded, without folders or source locations.
// Threads: immutable. Owner: the room.
#pragma once

#include <string>
#include <string_view>

namespace forebay::engines {

// "/var/models/a.onnx" becomes "a.onnx" wherever an absolute path stands; line breaks become spaces; at most 300 bytes. Places in the
// library's source, with their functions, conditions and assertions, are left out.
std::string cleaned_library_message(std::string_view message);

}  // namespace forebay::engines
