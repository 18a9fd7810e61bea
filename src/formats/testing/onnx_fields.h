// Adds fields to the bytes of an ONNX model that a builder would not write.
// Threads: shared (no state). Owner: none.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "formats/protobuf_wire.h"

namespace forebay::formats {

// The model with these fields at the end of its graph.
inline std::string with_graph_fields(std::string_view model, const WireWriter& fields) {
  WireReader reader(std::as_bytes(std::span(model)));
  WireWriter out;
  for (WireField field; reader.next(field);) {
    if (field.number == 7) {
      out.bytes(7, std::string(field.text()) + fields.written());
    } else if (field.is_bytes()) {
      out.bytes(field.number, field.text());
    } else {
      out.varint(field.number, field.varint);
    }
  }
  return out.written();
}

}  // namespace forebay::formats
