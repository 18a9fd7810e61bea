#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "text/errors.h"

namespace forebay::text {
namespace {

TemplateInput conversation() {
  TemplateInput input{.bos_token = "<s>", .eos_token = "</s>", .date_string = "2026-11-21"};
  input.messages = {{.role = "system", .content = "Be brief."}, {.role = "user", .content = "Hi"}};
  return input;
}

std::string rendered(std::string_view source, const TemplateInput& input = conversation()) {
  const auto compiled = ChatTemplate::compile(source);
  if (!compiled) return compiled.error().to_string();
  const auto text = compiled->render(input);
  return text ? *text : text.error().to_string();
}

TEST(ChatTemplate, RendersTheDefaultAsChatml) {
  EXPECT_EQ(rendered(default_chat_template()),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, AsksForAnAnswerOnlyWhenToldTo) {
  TemplateInput input = conversation();
  input.add_generation_prompt = false;
  EXPECT_EQ(rendered(default_chat_template(), input), "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
}

TEST(ChatTemplate, ShowsToolCallsWithParsedArguments) {
  TemplateInput input;
  input.messages = {
      {.role = "assistant", .tool_calls = {{.id = "c1", .name = "add", .arguments_json = R"({"b": 2, "a": [1.5, true, null]})"}}},
      {.role = "tool", .content = "3", .name = "add", .tool_call_id = "c1"}};
  input.tools_json = R"([{"type": "function", "function": {"name": "add"}}])";
  EXPECT_EQ(
      rendered("{% for c in messages[0].tool_calls %}{{ c.id }} {{ c.type }} {{ c.function.name }} {{ c.function.arguments | tojson }} "
               "{{ c.function.arguments.a }}{% endfor %} {{ messages[1] }} {{ tools[0].function.name }}",
               input),
      R"(c1 function add {"b": 2, "a": [1.5, true, null]} [1.5, True, None] )"
      R"({'role': 'tool', 'content': '3', 'name': 'add', 'tool_call_id': 'c1'} add)");
}

TEST(ChatTemplate, ShowsContentOfSeveralPartsAsAList) {
  TemplateInput input;
  input.messages = {{.role = "user", .parts = {{.type = "text", .text = "see"}, {.type = "image_url"}}}};
  EXPECT_EQ(rendered("{% for p in messages[0].content %}[{{ p.type }}:{{ p.text | default('-') }}]{% endfor %}", input),
            "[text:see][image_url:-]");
}

TEST(ChatTemplate, GivesMissingToolsAsNone) {
  EXPECT_EQ(rendered("{{ tools is defined }} {{ tools is none }} {{ documents }}"), "True True None");
}

TEST(ChatTemplate, TakesFurtherVariables) {
  TemplateInput input = conversation();
  input.extra_json = R"({"enable_thinking": false, "depth": 3})";
  EXPECT_EQ(rendered("{{ enable_thinking }} {{ depth + 1 }}", input), "False 4");
}

TEST(ChatTemplate, RefusesVariablesThatAreNoJsonObject) {
  for (const char* json : {"[1]", "{", "{\"a\": }", "1"}) {
    TemplateInput input = conversation();
    input.extra_json = json;
    EXPECT_EQ(ChatTemplate::compile("x")->render(input).error().code(), kTemplateInput) << json;
  }
}

TEST(ChatTemplate, RefusesToolsThatAreNoJsonArray) {
  TemplateInput input = conversation();
  input.tools_json = R"({"type": "function"})";
  EXPECT_EQ(ChatTemplate::compile("x")->render(input).error().code(), kTemplateInput);
}

TEST(ChatTemplate, RefusesToolArgumentsThatAreNotJson) {
  TemplateInput input;
  input.messages = {{.role = "assistant", .tool_calls = {{.name = "add", .arguments_json = "{a}"}}}};
  EXPECT_EQ(ChatTemplate::compile("x")->render(input).error().code(), kTemplateInput);
}

TEST(ChatTemplate, RefusesJsonThatNestsTooDeep) {
  TemplateInput input = conversation();
  input.extra_json = "{\"a\": " + std::string(99, '[') + std::string(99, ']') + "}";
  EXPECT_TRUE(ChatTemplate::compile("x")->render(input).has_value());
  input.extra_json = "{\"a\": " + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_EQ(ChatTemplate::compile("x")->render(input).error().code(), kTemplateInput);
}

TEST(ChatTemplate, PassesOnTheTemplatesOwnRefusal) {
  const auto text = ChatTemplate::compile("{{ raise_exception('System role not supported') }}")->render(conversation());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), kTemplateRefused);
  EXPECT_EQ(text.error().message(), "System role not supported");
}

TEST(ChatTemplate, NamesTheLineOfAnError) {
  const auto text = ChatTemplate::compile("a\n\n{{ messages[0].nothing.at_all }}\n")->render(conversation());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), kTemplateFailed);
  EXPECT_EQ(text.error().message(), "line 3: 'dict object' has no attribute 'nothing'");
}

TEST(ChatTemplate, NamesTheLineOfASyntaxError) {
  const auto compiled = ChatTemplate::compile("a\n{% if x %}\n{{ 1 + }}\n{% endif %}");
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().code(), kTemplateSyntax);
  EXPECT_TRUE(compiled.error().message().starts_with("line 3:")) << compiled.error().message();
}

TEST(ChatTemplate, RefusesBrokenTemplates) {
  for (const char* source : {"{{",
                             "{{ 1",
                             "{% if %}",
                             "{% if x %}",
                             "{% endif %}",
                             "{% for in x %}{% endfor %}",
                             "{# no end",
                             "{% raw %}",
                             "{{ 'a }}",
                             "{{ ) }}",
                             "{{ (1] }}",
                             "{% break %}",
                             "{% include 'x' %}",
                             "{{ 99999999999999999999 }}",
                             "{{ a is b is c }}",
                             "{{ '\\xq' }}",
                             "{{ ! }}",
                             "{% macro %}{% endmacro %}",
                             "{% for loop in x %}{% endfor %}",
                             "{% for x in y %}{% set z %}{% break %}{% endset %}{% endfor %}"}) {
    const auto compiled = ChatTemplate::compile(source);
    ASSERT_FALSE(compiled) << source;
    EXPECT_EQ(compiled.error().code(), kTemplateSyntax) << source;
  }
}

TEST(ChatTemplate, RefusesWhatWouldChangeAValueOrReachItsInside) {
  for (const char* source : {"{{ messages.append(1) }}", "{{ messages[0].update({}) }}", "{{ messages.__class__.__mro__ }}",
                             "{{ ''.__class__() }}", "{{ messages[0].pop('role') }}", "{% set x = messages %}{{ x.clear() }}"}) {
    const auto text = ChatTemplate::compile(source)->render(conversation());
    ASSERT_FALSE(text) << source;
    EXPECT_EQ(text.error().code(), kTemplateFailed) << source;
  }
}

TEST(ChatTemplate, FormatsTheInjectedDate) {
  TemplateInput input = conversation();
  EXPECT_EQ(rendered("{{ strftime_now('%d %b %Y, %A %j') }}", input), "21 Nov 2026, Saturday 325");
  input.date_string = "2026-11-21T17:05:09";
  EXPECT_EQ(rendered("{{ strftime_now('%Y-%m-%d %H:%M:%S %I%p %%') }}", input), "2026-11-21 17:05:09 05PM %");
}

TEST(ChatTemplate, SaysWhenItHasNoDate) {
  TemplateInput input = conversation();
  input.date_string.clear();
  EXPECT_EQ(ChatTemplate::compile("{{ strftime_now('%Y') }}")->render(input).error().code(), kTemplateFailed);
}

TEST(ChatTemplate, RendersTheSameFromManyThreads) {
  const auto compiled = ChatTemplate::compile(default_chat_template());
  const std::string expected = *compiled->render(conversation());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) EXPECT_EQ(*compiled->render(conversation()), expected);
    });
  }
}

}  // namespace
}  // namespace forebay::text
