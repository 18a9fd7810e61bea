// forebay_load: one load against one URL, the report as one line of JSON.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "load_generator.h"

namespace {
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}
}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends requests and times the answers; prints one line of JSON.");
  forebay::load::LoadOptions options;
  std::string bodies;
  double seconds = 0;
  app.add_option("--host", options.host, "IPv4 address");
  app.add_option("--port", options.port, "port")->required();
  app.add_option("--path", options.path, "path");
  app.add_option("--header", options.headers, "header line, repeatable");
  app.add_option("--bodies", bodies, "file with one request body a line; without it GET is sent");
  app.add_option("--concurrency", options.concurrency, "connections")->check(CLI::Range(1, 4096));
  app.add_option("--requests", options.requests, "stop after so many");
  app.add_option("--seconds", seconds, "stop starting requests after so long");
  CLI11_PARSE(app, argc, argv);
  options.duration = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  if (!bodies.empty()) options.bodies = lines_of(bodies);
  const auto report = forebay::load::run_load(options);
  if (!report) {
    fmt::print(stderr, "forebay_load: {}\n", report.error().message());
    return report.error().code().kind == forebay::ErrorKind::kInternal ? 1 : 2;
  }
  fmt::print("{}\n", forebay::load::to_json(*report));
  return 0;
}
