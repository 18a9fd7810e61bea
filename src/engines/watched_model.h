// A model whose weights are pages of its files: looks at the files after every computation, and answers with an error instead of what was
// computed with changed weights. Looking takes under a microsecond.
//   The time of a file's last write changes before its pages do, so that no answer can mix old and new weights unnoticed.
// ADR: docs/adr/0013-overwritten-model-files.md.
// Threads: as the model. Owner: models::load_model.
#pragma once

#include <memory>

#include "base/watched_file.h"
#include "engines/engine.h"

namespace forebay::engines {

// The sessions of the returned model fail with kFileChanged once a file has changed.
Result<> check_unchanged(const WatchedFiles& files);  // kFileChanged
std::shared_ptr<LoadedModel> watched_model(std::shared_ptr<LoadedModel> model, std::shared_ptr<const WatchedFiles> files);

}  // namespace forebay::engines
