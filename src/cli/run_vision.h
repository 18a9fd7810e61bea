// What a model sees on a picture, in the forms people ask for.
// Threads: no state.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/run_image.h"
#include "cli/run_options.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::cli {

// Text: a table of what was found. JSON: as POST /predict answers. CSV: a row for each box. PNG: the picture with boxes, labels, masks or
// maps drawn onto it. The numbers of the outputs where a form has nothing else: text and JSON of classifications, npy.
Result<std::string> render_vision(const SeenPicture& seen, const tensors::NamedTensors& outputs, const formats::ModelDescription& model,
                                  OutputForm form);

}  // namespace forebay::cli
