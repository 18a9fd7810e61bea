// Any bytes as a table: no crash, and a table that was read is written so that it reads back the same.
#include <algorithm>
#include <cstdlib>

#include "tensors/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::tensors;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  CsvOptions options{.nan = NanPolicy::kAllow, .cells_max = 1'000, .columns_max = 20, .field_bytes_max = 200};
  for (const DType dtype : {DType::kFloat32, DType::kInt64, DType::kBool, DType::kFloat16, DType::kString}) {
    options.header = CsvHeader::kAuto;
    const auto table = read_csv(text, dtype, options);
    if (!table || table->values.size() == 0) continue;
    std::string out;
    if (!append_csv(out, table->values, table->columns)) std::abort();
    options.header = table->columns.empty() ? CsvHeader::kAbsent : CsvHeader::kPresent;
    const auto again = read_csv(out, dtype, options);
    if (!again || again->columns != table->columns || again->values.shape() != table->values.shape()) std::abort();
    if (!std::ranges::equal(again->values.strings(), table->values.strings())) std::abort();
  }
  return 0;
}
