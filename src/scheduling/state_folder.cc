#include "scheduling/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/mapped_file.h"
#include "base/private_folder.h"
#include "scheduling/errors.h"
#include "scheduling/state_file.h"

namespace forebay::scheduling {

namespace {
namespace fs = std::filesystem;
constexpr std::string_view kEnding = ".state";

std::string reason(int number) { return std::generic_category().message(number); }

Result<int> lock(const fs::path& path) {
  const int file = ::open((path / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return fail(kStateFolderRefused, fmt::format("'{}' cannot be written: {}", path.string(), reason(errno)));
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  ::close(file);
  return fail(kStateFolderBusy, fmt::format("'{}' is in use by another server", path.string()));
}

// The number in "17.state"; nothing for names that are not ours.
std::optional<std::uint64_t> number_in(const std::string& name) {
  if (!name.ends_with(kEnding)) return std::nullopt;
  const char* end = name.data() + name.size() - kEnding.size();
  std::uint64_t number = 0;
  const auto [read_to, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || read_to != end || number == 0 || number >= UINT64_MAX / 2) return std::nullopt;
  return number;
}

// What write_file_atomically leaves beside a file when the process is killed: "17.state.new…".
bool is_unfinished(const std::string& name) {
  const auto place = name.find(".state.new");
  return place != std::string::npos && number_in(name.substr(0, place + kEnding.size())).has_value();
}
}  // namespace

Result<std::unique_ptr<StateFolder>> StateFolder::open(const StateFolderOptions& options, Executor& reads, Executor& writes) {
  // What is in it was written by people into prompts.
  if (auto problem = make_private_folder(options.path)) return fail(kStateFolderRefused, *std::move(problem));
  TRY_ASSIGN(const int lock_file, lock(options.path));
  auto folder = std::unique_ptr<StateFolder>(new StateFolder(options, reads, writes, lock_file));
  folder->read_heads();
  return folder;
}

StateFolder::StateFolder(const StateFolderOptions& options, Executor& reads, Executor& writes, int lock_file)
    : options_(options), reads_(reads), writes_(writes), lock_file_(lock_file) {}

StateFolder::~StateFolder() {
  close();
  ::close(lock_file_);
}

fs::path StateFolder::path_of(std::uint64_t number) const { return options_.path / fmt::format("{}{}", number, kEnding); }

// --- at the start -----------------------------------------------------------------------------------------------------

void StateFolder::read_heads() {
  struct Found {
    fs::path path;
    fs::file_time_type used;
    std::uint64_t number;
  };
  std::vector<Found> files;
  std::error_code error;
  std::error_code ignored;
  for (fs::directory_iterator entry(options_.path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_unfinished(name)) fs::remove(entry->path(), ignored);
    const auto number = number_in(name);
    if (number && entry->symlink_status(ignored).type() == fs::file_type::regular)
      files.push_back({entry->path(), entry->last_write_time(ignored), *number});
  }
  std::ranges::sort(files, {}, &Found::used);
  auto state = state_.lock();
  for (const Found& file : files) {
    state->next_number = std::max(state->next_number, file.number + 1);
    if (!take_file(*state, file.path)) {
      ++state->refused;
      fs::remove(file.path, ignored);
    }
  }
  for (const std::uint64_t number : std::exchange(state->doomed, {})) fs::remove(path_of(number), ignored);
  if (state->refused > 0) {
    log::warning("saved states of another model, version or setting, or damaged ones, were removed",
                 {{"folder", options_.path.string()}, {"files", fmt::to_string(state->refused)}});
  }
}

bool StateFolder::take_file(State& state, const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (!file || error || bytes > options_.bytes_max) return false;
  const auto head = read_state_file_head(file, bytes, options_.keys);
  if (!head) return false;
  while (state.texts.bytes() + bytes > options_.bytes_max || state.entries.size() >= kFilesMax) forget(state, state.texts.evict());
  state.entries.emplace(state.texts.add({head->tokens, head->origin}, bytes), Entry{*number_in(path.filename().string()), nullptr});
  return true;
}

// --- writing ----------------------------------------------------------------------------------------------------------

void StateFolder::put(const SavedStatePointer& saved) {
  Holder holder = 0;
  {
    auto state = state_.lock();
    if (!accept(*state, saved, holder)) return;
    ++state->writes;
  }
  post_write(holder);
}

bool StateFolder::accept(State& state, const SavedStatePointer& saved, Holder& holder) {
  const std::size_t bytes = state_file_bytes(*saved);
  if (state.closed || saved->tokens.size() < options_.tokens_min || saved->origin.adapter >= options_.keys.size() || saved->bytes.empty() ||
      bytes > options_.bytes_max)
    return false;
  if (const auto known = state.texts.longest(saved->text(), 1, !options_.covers_prefixes);
      known.tokens + options_.tokens_min > saved->tokens.size()) {
    state.texts.renew(known.holder);
    return false;
  }
  if (state.unwritten_bytes > 0 && state.unwritten_bytes + bytes > kUnwrittenBytesMax) return false;
  for (const Holder covered : state.texts.covered_by(saved->text(), options_.covers_prefixes)) {
    state.texts.remove(covered);
    forget(state, covered);
  }
  while (state.texts.bytes() + bytes > options_.bytes_max || state.entries.size() >= kFilesMax) {
    forget(state, state.texts.evict());
    ++state.evictions;
  }
  holder = state.texts.add(saved->text(), bytes);
  state.entries.emplace(holder, Entry{state.next_number++, saved});
  state.unwritten_bytes += bytes;
  return true;
}

// It is out of the index; the file goes with the next writing task.
void StateFolder::forget(State& state, Holder holder) {
  const auto entry = state.entries.find(holder);
  if (entry->second.unwritten) state.unwritten_bytes -= state_file_bytes(*entry->second.unwritten);
  state.doomed.push_back(entry->second.number);
  state.entries.erase(entry);
}

void StateFolder::post_write(Holder holder) {
  auto task = [this, holder] {
    write(holder);
    remove_doomed();
    auto state = state_.lock();
    --state->writes;
    ended_.notify_all();
  };
  if (writes_.post(std::move(task))) return;
  auto state = state_.lock();
  if (state->entries.contains(holder)) {
    state->texts.remove(holder);
    forget(*state, holder);
  }
  --state->writes;
  ended_.notify_all();
}

void StateFolder::write(Holder holder) {
  SavedStatePointer saved;
  std::uint64_t number = 0;
  {
    auto state = state_.lock();
    const auto entry = state->entries.find(holder);
    if (entry == state->entries.end()) return;  // evicted before it was written
    saved = entry->second.unwritten;
    number = entry->second.number;
  }
  const auto written =
      write_file_atomically(path_of(number), {state_file_head(options_.keys.at(saved->origin.adapter), *saved), saved->bytes});
  auto state = state_.lock();
  if (!written && !std::exchange(state->complaining, true))
    log::warning("a state cannot be saved", {{"error", written.error().to_log_string()}});
  if (written) state->complaining = false;
  const auto entry = state->entries.find(holder);
  if (entry == state->entries.end()) return;
  if (written) {
    state->unwritten_bytes -= state_file_bytes(*saved);
    entry->second.unwritten.reset();
  } else {
    state->texts.remove(holder);
    forget(*state, holder);
  }
}

void StateFolder::remove_doomed() {
  auto state = state_.lock();
  const auto doomed = std::exchange(state->doomed, {});
  state.unlock();
  std::error_code ignored;
  for (const std::uint64_t number : doomed) fs::remove(path_of(number), ignored);
}

void StateFolder::clear() {
  {
    auto state = state_.lock();
    if (state->closed) return;
    state->texts.clear();
    while (!state->entries.empty()) forget(*state, state->entries.begin()->first);
    ++state->writes;
  }
  post_write(0);  // nobody's: removes the files
}

void StateFolder::flush() {
  auto state = state_.lock();
  state.wait(ended_, [](const State& now) { return now.writes == 0; });
}

void StateFolder::close() {
  {
    auto state = state_.lock();
    state->closed = true;
    state.wait(ended_, [](const State& now) { return now.writes == 0 && now.reads == 0; });
  }
  remove_doomed();
}

// --- reading ----------------------------------------------------------------------------------------------------------

std::size_t StateFolder::longest(KeyedText text, bool whole) const {
  return state_.read([&](const State& state) { return state.texts.longest(text, 1, whole).tokens; });
}

std::shared_ptr<StateFetch> StateFolder::fetch(KeyedText text, std::size_t tokens_min, bool whole, std::function<void()> then) {
  auto fetch = std::make_shared<StateFetch>();
  PrefixTree::Match match;
  std::uint64_t number = 0;
  {
    auto state = state_.lock();
    if (state->closed) return nullptr;
    match = state->texts.longest(text, tokens_min, whole);
    if (match.tokens == 0) return nullptr;
    state->texts.renew(match.holder);
    const Entry& entry = state->entries.at(match.holder);
    number = entry.number;
    if (entry.unwritten) {
      fetch->state_ = entry.unwritten;
      fetch->done_ = true;
      return fetch;
    }
    ++state->reads;
  }
  const auto ended = [this] {
    auto state = state_.lock();
    --state->reads;
    ended_.notify_all();
  };
  auto task = [this, holder = match.holder, number, fetch, then = std::move(then), ended] {
    read(holder, number, *fetch);
    fetch->done_.store(true, std::memory_order_release);
    if (then) then();
    ended();
  };
  if (reads_.post(std::move(task))) return fetch;
  ended();
  return nullptr;
}

void StateFolder::read(Holder holder, std::uint64_t number, StateFetch& fetch) {
  const fs::path path = path_of(number);
  auto saved = read_file(path);
  if (saved) {
    fetch.state_ = std::make_shared<SavedState>(*std::move(saved));
    // The order of use is the order of these times after a restart.
    std::error_code ignored;
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
    return;
  }
  auto state = state_.lock();
  if (!state->entries.contains(holder)) return;  // it was evicted meanwhile
  log::warning("a saved state is not used", {{"error", saved.error().to_log_string()}});
  ++state->refused;
  state->texts.remove(holder);
  forget(*state, holder);
}

Result<SavedState> StateFolder::read_file(const fs::path& path) const {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (!file || error || bytes > options_.bytes_max) return fail(kStateFileRefused, fmt::format("'{}' cannot be read", path.string()));
  TRY_ASSIGN(auto head, read_state_file_head(file, bytes, options_.keys), path.string());
  TRY_ASSIGN(auto state, read_state_of_file(file, head), path.string());
  return SavedState{std::move(head.tokens), std::move(state), head.origin};
}

TierStats StateFolder::stats() const {
  return state_.read([&](const State& state) {
    return TierStats{.entries = state.entries.size(),
                     .bytes = state.texts.bytes(),
                     .bytes_max = options_.bytes_max,
                     .evictions = state.evictions,
                     .refused = state.refused};
  });
}

}  // namespace forebay::scheduling
