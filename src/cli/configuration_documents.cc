#include "cli/configuration_documents.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "cli/environment.h"
#include "cli/json_text.h"
#include "cli/setting_rules.h"
#include "cli/setting_slots.h"
#include "cli/setting_value.h"

namespace forebay::cli {

namespace {
std::vector<std::string> names_in(std::string_view path) {
  std::vector<std::string> names;
  while (true) {
    const auto end = path.find('.');
    names.emplace_back(path.substr(0, end));
    if (end == std::string_view::npos) return names;
    path.remove_prefix(end + 1);
  }
}

// Calls section(depth, name) for every section that begins before a slot, leaf(depth, name, slot) for the slot, and close(depth) for every
// section that ends.
template <class OnSection, class OnLeaf, class OnClose>
void walk(const std::vector<NamedSlot>& slots, OnSection section, OnLeaf leaf, OnClose close) {
  std::vector<std::string> open;
  for (const auto& slot : slots) {
    const auto names = names_in(slot.path);
    std::size_t common = 0;
    while (common < open.size() && common + 1 < names.size() && open[common] == names[common]) ++common;
    while (open.size() > common) {
      open.pop_back();
      close(open.size());
    }
    for (; open.size() + 1 < names.size(); open.push_back(names[open.size()])) section(open.size(), names[open.size()]);
    leaf(open.size(), names.back(), slot);
  }
  while (!open.empty()) {
    open.pop_back();
    close(open.size());
  }
}

std::string description_of(const NamedSlot& slot) {
  const auto* rule = rule_of(slot.path);
  return rule == nullptr ? std::string() : std::string(rule->description);
}

constexpr std::string_view kDurationPattern = R"("^[0-9]+ ?(d|h|m|s|ms|us)$")";
constexpr std::string_view kSizePattern = R"("^[0-9]+ ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$")";

// The part of a schema that says the type, with its range.
std::string schema_type(const NamedSlot& slot) {
  const std::string type = type_of(slot);
  const auto* rule = rule_of(slot.path);
  const auto bounds = [&](std::string_view kind) {
    return fmt::format(R"("type": "{}", "minimum": {:.0f}, "maximum": {:.0f})", kind, rule->least, rule->most);
  };
  if (const auto choices = choices_of(slot); !choices.empty()) {
    std::vector<std::string> quoted;
    for (const auto choice : choices) quoted.push_back(json_string(choice));
    return fmt::format(R"("enum": [{}])", fmt::join(quoted, ", "));
  }
  if (type == "true or false") return R"("type": "boolean")";
  if (type == "duration") return fmt::format(R"("oneOf": [{{"type": "string", "pattern": {}}}, {{"const": 0}}])", kDurationPattern);
  if (type == "size") return fmt::format(R"("oneOf": [{{{}}}, {{"type": "string", "pattern": {}}}])", bounds("integer"), kSizePattern);
  if (type == "number" && std::holds_alternative<double*>(slot.slot))
    return fmt::format(R"("type": "number", "minimum": {}, "maximum": {})", rule->least, rule->most);
  if (type == "number") return bounds("integer");
  if (type == "list of texts") return fmt::format(R"("type": "array", "maxItems": {:.0f}, "items": {{"type": "string"}})", rule->most);
  if (type == "list of models") {
    return fmt::format(
        R"("type": "array", "maxItems": {:.0f}, "items": {{"oneOf": [{{"type": "string"}}, {{"type": "object", "properties": )"
        R"({{"name": {{"type": "string"}}, "path": {{"type": "string"}}}}, "required": ["path"], "additionalProperties": false}}]}})",
        rule->most);
  }
  return fmt::format(R"("type": "string", "minLength": {:.0f}, "maxLength": {:.0f})", rule->least, rule->most);
}

// Text inside a cell of a Markdown table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}
}  // namespace

std::string configuration_yaml(const LoadedConfiguration& loaded, ShowOptions options) {
  Configuration values = loaded.values;
  std::string out;
  walk(
      slots_of(values), [&](std::size_t depth, const std::string& name) { out += fmt::format("{:{}}{}:\n", "", depth * 2, name); },
      [&](std::size_t depth, const std::string& name, const NamedSlot& slot) {
        const auto origin = loaded.origins.find(slot.path);
        const std::string line = fmt::format("{:{}}{}: {}", "", depth * 2, name, render_value(slot));
        if (options.origins)
          out += fmt::format("{:<60}  # {}\n", line, origin == loaded.origins.end() ? "default" : origin->second);
        else
          out += line + "\n";
      },
      [](std::size_t) {});
  return out;
}

std::string configuration_schema() {
  Configuration defaults;
  std::string out =
      "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"Forebay configuration\",\n  \"type\": "
      "\"object\",\n"
      "  \"additionalProperties\": false,\n  \"properties\": {";
  const auto indent = [](std::size_t depth) { return std::string(depth * 4 + 4, ' '); };
  const auto begin = [&](std::size_t depth, const std::string& name) {
    out += fmt::format("{}\n{}{}: ", out.ends_with('{') ? "" : ",", indent(depth), json_string(name));
  };
  walk(
      slots_of(defaults),
      [&](std::size_t depth, const std::string& name) {
        begin(depth, name);
        out += fmt::format("{{\n{0}  \"type\": \"object\",\n{0}  \"additionalProperties\": false,\n{0}  \"properties\": {{", indent(depth));
      },
      [&](std::size_t depth, const std::string& name, const NamedSlot& slot) {
        begin(depth, name);
        out += fmt::format("{{\"description\": {}, {}}}", json_string(description_of(slot)), schema_type(slot));
      },
      [&](std::size_t depth) { out += fmt::format("\n{0}  }}\n{0}}}", indent(depth)); });
  return out + "\n  }\n}\n";
}

std::string configuration_markdown() {
  Configuration defaults;
  std::string out =
      "# Configuration\n\n"
      "Made by `forebay config markdown`; do not edit. Later sources win: defaults, `/etc/forebay/config.yaml`, "
      "`~/.config/forebay/config.yaml`,\n"
      "`forebay.yaml` in the working directory (or `--config FILE`), the environment, flags. Each file may be `.yaml`, `.yml`, `.toml` or "
      "`.json`.\n"
      "`forebay config show --origin` says what is set and where; `forebay config check FILE` checks a file; `forebay config schema` is "
      "its JSON Schema.\n\n"
      "Durations are written `250ms`, `30s`, `5m`, `2h`, `1d`; sizes `1500`, `64KiB`, `8MiB`, `2GiB` or `10MB`. A relative path starts at "
      "the "
      "folder of the\n"
      "file that names it, elsewhere at the working directory. Any setting is also a flag: `--set http.port=9000`.\n\n"
      "In the environment a list is split at commas, and an empty variable counts as not set (an empty key is refused). The variables that "
      "Kubernetes makes\n"
      "for a neighbouring Service (`FOREBAY_HTTP_PORT=tcp://…`, `FOREBAY_X_SERVICE_HOST`) are ignored. Another `FOREBAY_` name that is no "
      "setting is refused\n"
      "when it is nearly one, else ignored; the log names what was ignored.\n";
  std::string section;
  for (const auto& slot : slots_of(defaults)) {
    const auto dot = slot.path.rfind('.');
    const std::string now = dot == std::string::npos ? "models to serve" : slot.path.substr(0, dot);
    if (now != section) {
      out += fmt::format("\n## {}\n\n| setting | type | default | range | environment | |\n|---|---|---|---|---|---|\n", now);
      section = now;
    }
    out += fmt::format("| `{}` | {} | `{}` | {} | `{}` | {} |\n", slot.path, cell(type_of(slot)), cell(render_value(slot)),
                       cell(range_of(slot)), environment_name(slot.path), cell(description_of(slot)));
  }
  return out;
}

}  // namespace forebay::cli
