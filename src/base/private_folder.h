// Folders that nobody but this process's user may write to.
// Threads: shared.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace forebay {

// Makes the folder if need be (mode 0700). Why it cannot be used, when it cannot: it is no folder, or others may write to it.
std::optional<std::string> make_private_folder(const std::filesystem::path& path);

}  // namespace forebay
