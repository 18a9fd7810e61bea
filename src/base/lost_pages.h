// Keeps the process alive when a mapped file is cut short: reading a page that the file has no more would end it by SIGBUS. The page reads
// as zeros instead, and whoever computes with mapped files looks at the files afterwards (base/watched_file.h).
// ADR: docs/adr/0013-overwritten-model-files.md.
// Threads: shared; the handler runs on the thread that reads the page. Owner: main().
#pragma once

#include <cstdint>

namespace forebay {

// For the whole process, once. Other reasons of SIGBUS, such as broken memory, end the process as before.
void survive_lost_pages();
// Pages that were lost so far, of all files.
std::uint64_t lost_pages();

}  // namespace forebay
