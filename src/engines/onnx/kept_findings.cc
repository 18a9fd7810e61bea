#include "engines/onnx/kept_findings.h"

#include <algorithm>
#include <cmath>
#include <glaze/glaze.hpp>

namespace forebay::engines {

namespace {
constexpr double kMillisecondsMax = 1e9;
constexpr std::size_t kRowsMax = 64;
constexpr std::size_t kWhyBytesMax = 1000;

bool is_time(double ms) { return std::isfinite(ms) && ms >= 0 && ms <= kMillisecondsMax; }

bool can_be_true(const GraphFindings& findings) { return is_time(findings.plain_ms) && is_time(findings.kept_ms); }

bool can_be_true(const RunFindings& findings) {
  const auto& rows = findings.rows;
  return is_time(findings.one_ms) && is_time(findings.all_ms) && rows.size() <= kRowsMax &&
         std::ranges::all_of(rows, [](const RowsFinding& of) { return of.rows >= 1 && is_time(of.ms); }) &&
         std::ranges::is_sorted(rows, std::less(), &RowsFinding::rows);
}

bool can_be_true(const RowsIndependence& findings) { return !findings.why.empty() && findings.why.size() <= kWhyBytesMax; }
}  // namespace

template <class Findings>
std::optional<Findings> findings_in(std::string_view text) {
  Findings findings;
  if (glz::read<glz::opts{.null_terminated = false}>(findings, text) || !can_be_true(findings)) return std::nullopt;
  return findings;
}

template <class Findings>
std::optional<Findings> find_findings(ModelCache& cache, const Digest& key) {
  const auto kept = cache.find(key);
  if (!kept) return std::nullopt;
  const auto content = kept->content();
  return findings_in<Findings>({reinterpret_cast<const char*>(content.data()), content.size()});
}

template <class Findings>
bool keep_findings(ModelCache& cache, const Digest& key, const Findings& findings) {
  const auto text = glz::write_json(findings);
  return text && cache.keep(key, *text);
}

template std::optional<GraphFindings> findings_in(std::string_view);
template std::optional<RunFindings> findings_in(std::string_view);
template std::optional<RowsIndependence> findings_in(std::string_view);
template std::optional<GraphFindings> find_findings(ModelCache&, const Digest&);
template std::optional<RunFindings> find_findings(ModelCache&, const Digest&);
template std::optional<RowsIndependence> find_findings(ModelCache&, const Digest&);
template bool keep_findings(ModelCache&, const Digest&, const GraphFindings&);
template bool keep_findings(ModelCache&, const Digest&, const RunFindings&);
template bool keep_findings(ModelCache&, const Digest&, const RowsIndependence&);

}  // namespace forebay::engines
