// WebP by libwebp.
#include <webp/decode.h>

#include "tensors/errors.h"
#include "tensors/image_codecs.h"

namespace forebay::tensors {

Result<Tensor> decode_webp(std::span<const std::byte> bytes, const ImageLimits& limits) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) return fail(kImageInvalid, "the WebP's header is damaged");
  if (features.has_animation != 0) return fail(kImageUnsupported, "an animated WebP is no single image");
  const auto width = static_cast<std::size_t>(features.width);
  const auto height = static_cast<std::size_t>(features.height);
  TRY(check_image_size(width, height, limits));
  const std::size_t channels = features.has_alpha != 0 ? 4 : 3;
  Tensor image = make_image(width, height, channels);
  auto* pixels = reinterpret_cast<std::uint8_t*>(image.mutable_bytes().data());
  const auto row_bytes = static_cast<int>(width * channels);
  const auto decode = channels == 4 ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (decode(data, bytes.size(), pixels, image.bytes().size(), row_bytes) == nullptr) return fail(kImageInvalid, "the WebP is damaged");
  return image;
}

}  // namespace forebay::tensors
