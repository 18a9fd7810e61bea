#include "cli/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/errors.h"
#include "base/testing/virtual_clock.h"
#include "cli/example_models.h"
#include "cli/load_progress.h"
#include "cli/serve_greeting.h"

namespace forebay::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

Ran run(std::vector<std::string> arguments, const std::string& standard_input = "") {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in(standard_input);
  Console console{.out = out, .err = err, .in = in};
  const int status = run_program(std::move(arguments), console);
  return {status, out.str(), err.str()};
}

TEST(Program, WithoutArgumentsItShowsHelpAsAMistake) {
  const auto ran = run({});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("serve"));
}

TEST(Program, HelpGoesToStandardOutput) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"help"}, {"--help"}, {"-h"}}) {
    const auto ran = run(arguments);
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.out, HasSubstr("Exit status"));
    EXPECT_THAT(ran.err, IsEmpty());
  }
  for (const auto* command : {"serve", "run", "inspect", "explain"}) {
    const auto ran = run({"help", command});
    EXPECT_EQ(ran.status, 0) << command;
    EXPECT_THAT(ran.out, HasSubstr("Example")) << command;
  }
}

TEST(Program, NamesTheCommandThatMayHaveBeenMeant) {
  const auto ran = run({"srve"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("error: unknown command 'srve'; did you mean 'serve'?"));
  EXPECT_THAT(ran.err, HasSubstr("code: FB8020 usage"));
  EXPECT_THAT(ran.err, HasSubstr("hint: "));
}

TEST(Program, NamesTheOptionThatMayHaveBeenMeant) {
  const auto ran = run({"serve", "--prot", "80"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("unknown option '--prot'; did you mean '--port'?"));
  EXPECT_THAT(ran.err, HasSubstr("forebay serve --help"));
}

TEST(Program, RefusesAWrongCommandLineWithStatus2) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"run"},
                                                                     {"inspect"},
                                                                     {"inspect", "a", "b"},
                                                                     {"completion", "tcsh"},
                                                                     {"explain"},
                                                                     {"run", "x.onnx", "--output", "xml"},
                                                                     {"run", "x.onnx", "--top-p", "0"},
                                                                     {"run", "x.onnx", "--temperature", "hot"},
                                                                     {"config"},
                                                                     {"config", "show", "--set", "http.port"}}) {
    EXPECT_EQ(run(arguments).status, 2) << arguments.back();
  }
}

TEST(Program, ConfigurationMistakesEndWith78) {
  EXPECT_EQ(run({"config", "show", "--set", "http.port=70000"}).status, 78);
  EXPECT_EQ(run({"config", "show", "--set", "http.prot=7"}).status, 78);
  EXPECT_EQ(run({"config", "check", "missing.yaml"}).status, 66);
}

TEST(Program, ConfigShowSaysWhereAValueComesFrom) {
  const auto ran = run({"config", "show", "--origin", "--set", "http.port=9000"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, ::testing::ContainsRegex("port: 9000 +# --set"));
  EXPECT_THAT(ran.out, ::testing::ContainsRegex("host: \"127.0.0.1\" +# default"));
}

TEST(Program, BracketsReachTheCommandAsTheyAre) {
  for (const auto* word : {"[1,2]", "[[1,2],[3]]", "[]", "[", "]", "[a"}) {
    EXPECT_THAT(run({"explain", word}).err, HasSubstr("no error is called '" + std::string(word) + "'")) << word;
    EXPECT_THAT(run({"config", "show", "--set=http.port=" + std::string(word)}).err, HasSubstr("not \"" + std::string(word) + "\""))
        << word;
  }
}

TEST(Program, ExplainsACodeByIdAndName) {
  const auto by_id = run({"explain", "FB0002"});
  EXPECT_EQ(by_id.status, 0);
  EXPECT_EQ(by_id.out, run({"explain", "file_not_found"}).out);
  EXPECT_THAT(by_id.out, HasSubstr("HTTP: 404"));
  const auto unknown = run({"explain", "file_not_foud"});
  EXPECT_EQ(unknown.status, 66);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'file_not_found'?"));
}

TEST(Program, PrintsErrorsAsJsonWhenAsked) {
  const auto ran = run({"--json-errors", "explain", "FB9999"});
  EXPECT_THAT(ran.err, ::testing::StartsWith("{\"error\": {\"code\": \"FB8040\""));
  EXPECT_THAT(ran.err, HasSubstr("\"exit_status\": 66"));
}

TEST(Program, AFileThatIsNotThereEndsWith66) {
  const auto ran = run({"inspect", "missing.onnx"});
  EXPECT_EQ(ran.status, 66);
  EXPECT_THAT(ran.err, HasSubstr("FB0002"));
}

// Without trying the file: the child would be this test program.
TEST(Program, InspectsAModelAsTableAndJson) {
  const std::string file = FOREBAY_EXAMPLE_MODELS "/digits.onnx";
  const auto table = run({"inspect", file, "--no-probe"});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out, ::testing::ContainsRegex("input +image +float32 +\\[batch, 1, 8, 8\\]"));
  const auto json = run({"inspect", file, "--no-probe", "--output", "json"});
  EXPECT_EQ(json.status, 0);
  EXPECT_THAT(json.out, ::testing::StartsWith("{"));
}

TEST(Program, CompletionKnowsEveryCommand) {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const auto ran = run({"completion", shell});
    EXPECT_EQ(ran.status, 0) << shell;
    for (const auto* word : {"serve", "inspect", "doctor", "max-tokens"}) EXPECT_THAT(ran.out, HasSubstr(word)) << shell;
  }
}

TEST(Console, MakesTextOfStrangersHarmless) {
  EXPECT_EQ(harmless("a\033[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(aligned({{"a", "b"}, {"äöü", "c"}}), "a    b\näöü  c\n");
  EXPECT_EQ(human_bytes(1536), "1.50 KiB");
  EXPECT_EQ(human_bytes(12), "12 bytes");
  EXPECT_EQ(human_count(260'000), "260 K");
}

TEST(LoadProgress, IsSilentForASecondAndThenSaysSoOnce) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  Console console{.out = out, .err = err, .in = in};
  VirtualClock clock;
  LoadProgress progress(console, clock, "loading x");
  EXPECT_TRUE(progress.step(0.1F));
  EXPECT_THAT(err.str(), IsEmpty());
  clock.advance(std::chrono::seconds(2));
  progress.step(0.5F);
  progress.step(0.6F);
  progress.finish();
  EXPECT_EQ(err.str(), "loading x\n");
}

TEST(LoadProgress, DrawsABarOnATerminalAndTakesItAway) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  Console console{.out = out, .err = err, .in = in, .err_is_terminal = true};
  VirtualClock clock;
  LoadProgress progress(console, clock, "loading x");
  clock.advance(std::chrono::seconds(2));
  progress.step(0.5F);
  EXPECT_THAT(err.str(), HasSubstr("[###############...............] 50%"));
  progress.finish();
  EXPECT_THAT(err.str(), ::testing::EndsWith("\r\033[K"));
}

TEST(ServeGreeting, NamesAnAddressThatCanBeOpened) {
  EXPECT_EQ(url_of({.host = "0.0.0.0"}, 80), "http://127.0.0.1:80");
  EXPECT_EQ(url_of({.host = "::"}, 80), "http://[::1]:80");
  EXPECT_EQ(url_of({.host = "localhost"}, 80), "http://localhost:80");
  EXPECT_EQ(url_of({.host = "::1", .tls_certificate = "a.pem"}, 80), "https://[::1]:80");
}

TEST(ServeGreeting, ShowsWhatTheServedModelsCanDo) {
  const models::ModelSource sources[] = {{.name = "numbers", .path = FOREBAY_EXAMPLE_MODELS "/digits.onnx"},
                                         {.name = "wine", .path = FOREBAY_EXAMPLE_MODELS "/wine.onnx"}};
  const std::string text = things_to_try(sources, "http://127.0.0.1:1", false);
  EXPECT_THAT(text, HasSubstr("\"model\": \"wine\", \"input\": [[0,0,0,0,0,0,0,0,0,0,0,0,0]]"));
  EXPECT_THAT(text, Not(HasSubstr("chat")));
}

TEST(ServeGreeting, GivesEveryFreeDimensionOneElement) {
  const models::ModelSource sources[] = {{.name = "it's \"mine\"", .path = FOREBAY_EXAMPLE_MODELS "/basket.onnx"}};
  EXPECT_THAT(things_to_try(sources, "http://127.0.0.1:1", true), HasSubstr(R"(-d '{"model": "it'\''s \"mine\"", "input": [[0]]}')"));
}

TEST(Program, TakesOneValueForAnOption) {
  const auto ran = run({"config", "check", "--set", "log.level=debug", "nowhere.yaml"});
  EXPECT_EQ(ran.status, 66) << ran.err << "the file must not become a second assignment";
}

TEST(Program, KeepsTheLinesOfExamples) {
  for (const auto* command : {"serve", "run", "inspect"})
    EXPECT_THAT(run({"help", command}).out, ::testing::ContainsRegex("\n  forebay [a-z]+ [^\n]*\n  forebay ")) << command;
}

TEST(ExampleModels, AreFoundBesideTheBuildAndBesideTheInstalledProgram) {
  const auto found = example_models_folder(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "../../build/dev/forebay");
  ASSERT_TRUE(found);
  EXPECT_TRUE(std::filesystem::exists(*found / "digits.onnx"));
  EXPECT_FALSE(example_models_folder("/nowhere/bin/forebay"));
}

}  // namespace
}  // namespace forebay::cli
