// Pieces of the operators' JSON that several routes share.
// Threads: immutable.
#pragma once

#include "http/json_writer.h"
#include "scheduling/worker_listing.h"

namespace forebay::http::ops {

inline void write_worker(JsonWriter& json, const scheduling::WorkerListing& worker) {
  json.object().field("id", worker.id).field("state", worker.state).field("running", worker.running);
  json.field("sequences_max", worker.sequences_max).field("cells_used", worker.cells_used).field("cells_max", worker.cells_max);
  json.field("steps", worker.steps).field("failures_in_a_row", worker.failures_in_a_row).field("restarts", worker.restarts).end();
}

}  // namespace forebay::http::ops
