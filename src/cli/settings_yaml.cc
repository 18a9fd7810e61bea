#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "cli/errors.h"
#include "cli/setting_entry.h"
#include "cli/setting_key.h"

namespace forebay::cli {

namespace {
// Carries our error through yaml-cpp's parser, which only ends by an exception. Never leaves this file.
struct Refused {
  Error error;
};

// Events, not nodes: every value has its line, duplicates are seen, and nothing is built that limits could come too late for.
class Flattener final : public YAML::EventHandler {
 public:
  Flattener(const std::string& name, const FileLimits& limits) : name_(name), limits_(limits) {}
  std::vector<Entry> take() { return std::move(entries_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(kConfigurationSyntax, mark, "a configuration file has one document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { value(mark, "", EntryKind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(kConfigurationSyntax, mark, "aliases are not read here; repeat the value");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    plain_value(mark, tag == "!" ? "" : tag, anchor);
    if (expects_key()) return key(mark, text);
    if (tag != "!" && (text == "null" || text == "~")) return value(mark, "", EntryKind::kNull);
    value(mark, text, tag == "!" ? EntryKind::kText : EntryKind::kPlain);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    plain_value(mark, tag, anchor);
    if (expects_key()) refuse(kConfigurationSyntax, mark, "a list cannot be a name");
    if (levels_.empty()) refuse(kConfigurationSyntax, mark, "a configuration file is a mapping of names to values");
    if (levels_.back().is_list) refuse(kConfigurationSyntax, mark, "no setting is a list of lists");
    const std::string path = next_path();
    add(mark, path, "", EntryKind::kList);
    push(mark, {path, true});
  }
  void OnSequenceEnd() override { levels_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    plain_value(mark, tag, anchor);
    if (expects_key()) refuse(kConfigurationSyntax, mark, "a mapping cannot be a name");
    push(mark, {levels_.empty() ? "" : next_path(), false});
  }
  void OnMapEnd() override { levels_.pop_back(); }

 private:
  struct Level {
    std::string path;
    bool is_list = false;
    std::size_t items = 0;
    std::string key;
    YAML::Mark key_mark{};
    bool has_key = false;
  };

  [[noreturn]] void refuse(const ErrorCode& code, const YAML::Mark& mark, std::string_view reason) const {
    throw Refused{Error(code, fmt::format("{}: {}", place(mark), reason))};
  }
  std::string place(const YAML::Mark& mark) const { return fmt::format("{}:{}", name_, mark.line + 1); }
  void plain_value(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(kConfigurationSyntax, mark, "anchors are not read here");
    if (!tag.empty() && tag != "?") refuse(kConfigurationSyntax, mark, "tags are not read here");
  }
  bool expects_key() const { return !levels_.empty() && !levels_.back().is_list && !levels_.back().has_key; }
  void key(const YAML::Mark& mark, const std::string& text) {
    if (!is_setting_key(text)) refuse(kUnknownSetting, mark, fmt::format("{} cannot be the name of a setting", quoted_key(text)));
    levels_.back().key = text;
    levels_.back().key_mark = mark;
    levels_.back().has_key = true;
    const std::string path = levels_.back().path.empty() ? text : levels_.back().path + "." + text;
    const auto [first, fresh] = keys_.try_emplace(path, mark.line + 1);
    if (!fresh) refuse(kDuplicateSetting, mark, fmt::format("{} is already given in line {}", path, first->second));
    count(mark);
  }
  // Of the value that comes next; consumes the key.
  std::string next_path() {
    auto& level = levels_.back();
    if (level.is_list) return fmt::format("{}[{}]", level.path, level.items++);
    level.has_key = false;
    return level.path.empty() ? level.key : level.path + "." + level.key;
  }
  void value(const YAML::Mark& mark, std::string text, EntryKind kind) {
    if (levels_.empty()) {
      if (kind == EntryKind::kNull) return;  // An empty file.
      refuse(kConfigurationSyntax, mark, "a configuration file is a mapping of names to values");
    }
    if (expects_key()) refuse(kConfigurationSyntax, mark, "a name is missing");
    // yaml-cpp notices an absent value only at the next line's token.
    const YAML::Mark where = kind == EntryKind::kNull && !levels_.back().is_list ? levels_.back().key_mark : mark;
    add(where, next_path(), std::move(text), kind);
  }
  void add(const YAML::Mark& mark, std::string path, std::string text, EntryKind kind) {
    count(mark);
    entries_.push_back({std::move(path), std::move(text), kind, place(mark)});
  }
  void push(const YAML::Mark& mark, Level level) {
    if (levels_.size() >= limits_.depth_max) refuse(kConfigurationTooLarge, mark, fmt::format("deeper than {} levels", limits_.depth_max));
    levels_.push_back(std::move(level));
  }
  void count(const YAML::Mark& mark) {
    if (++counted_ > 2 * limits_.entries_max || entries_.size() >= limits_.entries_max)
      refuse(kConfigurationTooLarge, mark, fmt::format("more than {} values", limits_.entries_max));
  }

  const std::string& name_;
  const FileLimits& limits_;
  std::vector<Level> levels_;
  std::map<std::string, int> keys_;
  std::vector<Entry> entries_;
  std::size_t counted_ = 0;
  int documents_ = 0;
};
}  // namespace

Result<std::vector<Entry>> flatten_yaml(std::string_view text, const std::string& name, const FileLimits& limits) {
  if (text.size() > limits.bytes_max)
    return fail(kConfigurationTooLarge, fmt::format("{} is larger than {} bytes", name, limits.bytes_max));
  Flattener flattener(name, limits);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(flattener)) {
    }
    return flattener.take();
  } catch (const Refused& refused) {
    return fail(refused.error);
  } catch (const YAML::Exception& exception) {
    return fail(kConfigurationSyntax, fmt::format("{}:{}: {}", name, exception.mark.line + 1, exception.msg));
  } catch (const std::exception& exception) {
    return fail(kConfigurationSyntax, fmt::format("{}: {}", name, exception.what()));
  }
}

}  // namespace forebay::cli
