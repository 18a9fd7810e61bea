// POST /predict with a picture: decoded and prepared on the request pool, run like any tensor, and answered with what the model sees.
// Threads: called on a loop thread.
#pragma once

#include "http/routes.h"

namespace forebay::http::predict {

// The body is the picture; what JSON would say is in the query.
void predict_image(const ExchangePtr& exchange);
// A form of multipart/form-data with one file and fields beside it.
void predict_form(const ExchangePtr& exchange);
// {"image": "base64"}.
void predict_image_json(const ExchangePtr& exchange);

}  // namespace forebay::http::predict
