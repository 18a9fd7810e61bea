// JPEG by libjpeg-turbo. Its errors are long jumps: between setjmp and the jump there is nothing with a destructor.
#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it first
#include <vector>

#include "tensors/errors.h"
#include "tensors/image_codecs.h"

namespace forebay::tensors {

namespace {

// Everything the library's callbacks need; plain data, so that a jump over it is harmless.
struct Decoder {
  jpeg_decompress_struct jpeg;  // first: callbacks get its address
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf on_error;
  std::array<char, JMSG_LENGTH_MAX> message;
  int scans_max;
};
Decoder& decoder_of(j_common_ptr jpeg) { return *static_cast<Decoder*>(jpeg->client_data); }

[[noreturn]] void leave(j_common_ptr jpeg) {
  Decoder& decoder = decoder_of(jpeg);
  jpeg->err->format_message(jpeg, decoder.message.data());
  std::longjmp(decoder.on_error, 1);
}

// The library goes on after a warning and invents the missing pixels. Bytes too many between markers do no harm.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) leave(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  Decoder& decoder = decoder_of(jpeg);
  if (decoder.jpeg.input_scan_number <= decoder.scans_max) return;
  std::snprintf(decoder.message.data(), decoder.message.size(), "more than %d scans", decoder.scans_max);
  std::longjmp(decoder.on_error, 1);
}

void begin(Decoder& decoder, std::span<const std::byte> bytes) {
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = on_message;
  decoder.jpeg.client_data = &decoder;
  jpeg_create_decompress(&decoder.jpeg);
  decoder.jpeg.client_data = &decoder;  // Creating clears all but the error handler in some versions of the library.
  decoder.progress.progress_monitor = on_progress;
  decoder.jpeg.progress = &decoder.progress;
  jpeg_mem_src(&decoder.jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

bool is_cmyk(const jpeg_decompress_struct& jpeg) { return jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK; }

// False with a message. Only plain data lives in this frame.
bool read_header(Decoder& decoder, std::span<const std::byte> bytes) {
  if (setjmp(decoder.on_error) != 0) return false;
  begin(decoder, bytes);
  jpeg_read_header(&decoder.jpeg, TRUE);
  const bool grey = decoder.jpeg.jpeg_color_space == JCS_GRAYSCALE;
  decoder.jpeg.out_color_space = grey ? JCS_GRAYSCALE : is_cmyk(decoder.jpeg) ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&decoder.jpeg);
  return true;
}

bool read_pixels(Decoder& decoder, unsigned char* pixels) {
  if (setjmp(decoder.on_error) != 0) return false;
  jpeg_start_decompress(&decoder.jpeg);
  const std::size_t row_bytes = std::size_t{decoder.jpeg.output_width} * static_cast<std::size_t>(decoder.jpeg.output_components);
  while (decoder.jpeg.output_scanline < decoder.jpeg.output_height) {
    JSAMPROW row = pixels + decoder.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&decoder.jpeg);
  return true;
}

// Adobe writes CMYK upside down: 255 is no ink.
void cmyk_to_rgb(const std::vector<unsigned char>& cmyk, bool inverted, std::span<std::byte> rgb) {
  for (std::size_t i = 0, out = 0; i + 3 < cmyk.size(); i += 4) {
    const auto light = [&](std::size_t k) { return inverted ? cmyk[i + k] : 255 - cmyk[i + k]; };
    for (std::size_t k = 0; k < 3; ++k) rgb[out++] = static_cast<std::byte>((light(k) * light(3) + 127) / 255);
  }
}

Result<Tensor> decode(Decoder& decoder, std::span<const std::byte> bytes, const ImageLimits& limits) {
  const auto broken = [&] { return fail(kImageInvalid, fmt::format("the JPEG is damaged: {}", decoder.message.data())); };
  if (!read_header(decoder, bytes)) return broken();
  const std::size_t width = decoder.jpeg.output_width;
  const std::size_t height = decoder.jpeg.output_height;
  TRY(check_image_size(width, height, limits));
  if (!is_cmyk(decoder.jpeg)) {
    Tensor image = make_image(width, height, static_cast<std::size_t>(decoder.jpeg.output_components));
    if (!read_pixels(decoder, reinterpret_cast<unsigned char*>(image.mutable_bytes().data()))) return broken();
    return image;
  }
  std::vector<unsigned char> cmyk(width * height * 4);
  if (!read_pixels(decoder, cmyk.data())) return broken();
  Tensor image = make_image(width, height, 3);
  cmyk_to_rgb(cmyk, decoder.jpeg.saw_Adobe_marker == TRUE, image.mutable_bytes());
  return image;
}

}  // namespace

Result<Tensor> decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits) {
  Decoder decoder{};
  decoder.scans_max = limits.jpeg_scans_max;
  auto image = decode(decoder, bytes, limits);
  jpeg_destroy_decompress(&decoder.jpeg);
  return image;
}

}  // namespace forebay::tensors
