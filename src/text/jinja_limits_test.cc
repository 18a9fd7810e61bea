// What a hostile template may not do: run on, grow, or nest without end.
#include <gtest/gtest.h>

#include <algorithm>

#include "text/chat_template.h"
#include "text/errors.h"

namespace forebay::text {
namespace {

std::string outcome(std::string_view source, const TemplateLimits& limits = {}, const std::string& extra = {}) {
  const auto compiled = ChatTemplate::compile(source, limits);
  if (!compiled) return std::string(compiled.error().code().name);
  const auto text = compiled->render({.extra_json = extra});
  return text ? "ok" : std::string(text.error().code().name);
}

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

TEST(TemplateLimits, StopATemplateThatNeverEnds) {
  EXPECT_EQ(outcome("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"), "template_limit");
  EXPECT_EQ(outcome("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), "template_limit");
  EXPECT_EQ(outcome("{% macro m(n) %}{{ m(n) ~ m(n) }}{% endmacro %}{{ m(1) }}"), "template_limit");
  EXPECT_EQ(outcome("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), "template_limit");
}

TEST(TemplateLimits, RefuseHugeRepetitionAtOnce) {
  for (const char* source :
       {"{{ 'a' * 2000000000 }}", "{{ 'abc' * 4611686018427387904 }}", "{{ [1] * 2000000000 }}", "{{ (1, 2) * 9223372036854775807 }}",
        "{{ range(100001) }}", "{{ range(-9223372036854775807, 9223372036854775807) | list }}", "{{ 'x' | center(2000000000) }}",
        "{{ 'a\nb' | indent(2000000000) }}", "{{ 'x'.ljust(2000000000) }}", "{{ [1] | tojson(indent=2000000000) }}",
        "{{ '%2000000000d' % 1 }}", "{{ [1] | batch(2000000000, 0) | list }}"}) {
    EXPECT_EQ(outcome(source), "template_limit") << source;
  }
}

TEST(TemplateLimits, RefuseGrowthByDoubling) {
  const TemplateLimits limits{.steps_max = 200'000, .memory_bytes_max = 8 << 20};
  EXPECT_EQ(outcome("{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", limits),
            "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", limits),
            "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace(s=[1]) %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", limits),
            "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace(s='aa') %}{% for i in range(64) %}{% set ns.s = ns.s.replace('a', 'aa') %}{% endfor %}", limits),
            "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace(s='aa') %}{% for i in range(64) %}{% set ns.s = ns.s.join(ns.s) %}{% endfor %}", limits),
            "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace(s='\\'') %}{% for i in range(64) %}{% set ns.s = [ns.s] | string %}{% endfor %}", limits),
            "template_limit");
}

// A list that holds itself twice, 60 levels deep, is tiny in memory and endless as text.
TEST(TemplateLimits, RefuseToWalkSharedDataForever) {
  const TemplateLimits limits{.steps_max = 200'000};
  const std::string build = "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  for (const char* use : {"{{ ns.x }}", "{{ ns.x | tojson }}", "{{ ns.x == [ns.x[0], [ns.x[0][0], ns.x[0][1]]] and ns.x != ns.x }}",
                          "{{ ns.x | string | length }}"}) {
    EXPECT_EQ(outcome(build + use, limits), "template_limit") << use;
  }
}

TEST(TemplateLimits, SurviveDeepAndCircularData) {
  const std::string deep = "{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}";
  EXPECT_EQ(outcome(deep), "ok");
  EXPECT_EQ(outcome(deep + "{{ ns.x }}"), "template_limit");
  EXPECT_EQ(outcome(deep + "{{ ns.x | tojson }}"), "template_limit");
  EXPECT_EQ(outcome(deep + "{% set ms = namespace(x=ns.x) %}{{ [ns.x] == ns.x }}"), "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"), "template_limit");
  EXPECT_EQ(outcome("{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns.me | tojson }}"), "template_failed");
}

TEST(TemplateLimits, RefuseSourceThatNestsTooDeep) {
  EXPECT_EQ(outcome("{{ " + repeated("(", 90) + "1" + repeated(")", 90) + " }}"), "ok");
  for (const int depth : {110, 20'000}) {
    EXPECT_EQ(outcome("{{ " + repeated("(", depth) + "1" + repeated(")", depth) + " }}"), "template_limit");
    EXPECT_EQ(outcome("{{ " + repeated("[", depth) + repeated("]", depth) + " }}"), "template_limit");
    EXPECT_EQ(outcome("{{ " + repeated("not ", depth) + "1 }}"), "template_limit");
    EXPECT_EQ(outcome("{{ " + repeated("- ", depth) + "1 }}"), "template_limit");
    EXPECT_EQ(outcome("{{ x" + repeated(".a", depth) + " }}"), "template_limit");
    EXPECT_EQ(outcome("{{ x" + repeated("|e", depth) + " }}"), "template_limit");
    EXPECT_EQ(outcome("{{ 1" + repeated("+1", depth) + " }}"), "template_limit");
    EXPECT_EQ(outcome("{{ 1" + repeated(" if 1", depth) + " }}"), "template_limit");
  }
  EXPECT_EQ(outcome(repeated("{% if 1 %}", 2000) + repeated("{% endif %}", 2000)), "template_limit");
  EXPECT_EQ(outcome("{% if 0 %}" + repeated("{% elif 1 %}", 2000) + "{% endif %}"), "ok");
  EXPECT_EQ(outcome("{{ 'a'" + repeated(" ~ 'a'", 2000) + " }}"), "ok");
}

TEST(TemplateLimits, HoldTheSourceAtItsLimit) {
  TemplateLimits limits{.source_bytes_max = 100};
  EXPECT_EQ(outcome(std::string(100, 'x'), limits), "ok");
  EXPECT_EQ(outcome(std::string(101, 'x'), limits), "template_too_large");
}

TEST(TemplateLimits, HoldTheOutputAtItsLimit) {
  TemplateLimits limits{.output_bytes_max = 1000};
  EXPECT_EQ(outcome("{% for i in range(100) %}0123456789{% endfor %}", limits), "ok");
  EXPECT_EQ(outcome("{% for i in range(100) %}0123456789{% endfor %}x", limits), "template_limit");
}

TEST(TemplateLimits, HoldTheStepsAtTheirLimit) {
  const std::string source = "{% for i in range(50) %}{{ i }}{% endfor %}";
  std::uint64_t needed = 1;
  while (outcome(source, {.steps_max = needed}) != "ok") ++needed;
  EXPECT_GT(needed, 150);  // a list item, an output and a name for each turn
  EXPECT_EQ(outcome(source, {.steps_max = needed - 1}), "template_limit");
}

TEST(TemplateLimits, HoldTheMemoryAtItsLimit) {
  EXPECT_EQ(outcome("{{ ('a' * 3000) | length }}", {.memory_bytes_max = 8000}), "ok");
  EXPECT_EQ(outcome("{{ ('a' * 9000) | length }}", {.memory_bytes_max = 8000}), "template_limit");
}

TEST(TemplateLimits, LeaveRoomForLongConversations) {
  std::string messages;
  for (int i = 0; i < 500; ++i)
    messages += std::string(i > 0 ? "," : "") + R"({"role": "user", "content": ")" + std::string(4000, 'w') + "\"}";
  EXPECT_EQ(outcome(default_chat_template(), {}, "{\"messages\": [" + messages + "]}"), "ok");
}

// Searching hostile text must stay linear.
TEST(TemplateLimits, SearchHostileTextInLinearTime) {
  const std::string set = "{% set t = 'a' * 3000000 %}{% set p = 'a' * 1500000 %}";
  for (const char* use :
       {"{{ (p + 'b') in t }}", "{{ t.find(p + 'b') }}", "{{ t.rfind('b' + p) }}", "{{ t.replace(p + 'b', '') | length }}",
        "{{ t.rsplit('b' + p) | length }}", "{{ t.count(p + 'b') }}", "{{ t.rpartition('b' + p) | length }}"}) {
    EXPECT_EQ(outcome(set + use), "ok") << use;
  }
}

}  // namespace
}  // namespace forebay::text
