#include "cli/error_catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/errors.h"
#include "cli/errors.h"

namespace forebay::cli {
namespace {

TEST(ErrorCatalogue, EveryCodeHasANumberOfItsOwnInItsRoomsRange) {
  std::set<int> numbers;
  for (const auto& section : error_catalogue()) {
    EXPECT_FALSE(section.codes.empty()) << section.room;
    int last = 0;
    for (const auto* code : section.codes) {
      EXPECT_GE(code->number, section.first) << code->id();
      EXPECT_LE(code->number, section.last) << code->id();
      EXPECT_GT(code->number, last) << code->id() << " is not in the order of the numbers";
      EXPECT_TRUE(numbers.insert(code->number).second) << code->id() << " has two meanings";
      last = code->number;
    }
  }
}

TEST(ErrorCatalogue, EveryNameIsUniqueSnakeCase) {
  std::set<std::string_view> names;
  for (const auto& section : error_catalogue()) {
    for (const auto* code : section.codes) {
      EXPECT_TRUE(names.insert(code->name).second) << code->name;
      EXPECT_EQ(code->name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos) << code->name;
    }
  }
}

TEST(ErrorCatalogue, EveryCodeHasAMeaningThatIsASentenceAndAHint) {
  for (const auto& section : error_catalogue()) {
    for (const auto* code : section.codes) {
      EXPECT_TRUE(code->meaning.ends_with('.')) << code->id();
      EXPECT_GT(code->hint.size(), 5U) << code->id();
      EXPECT_EQ(code->meaning.find('|'), std::string_view::npos) << code->id() << " would break the table in docs/errors.md";
      EXPECT_EQ(code->hint.find('|'), std::string_view::npos) << code->id();
    }
  }
}

TEST(ErrorCatalogue, FindsACodeByNumberIdAndName) {
  for (const auto* word : {"FB0002", "fb0002", "0002", "2", "file_not_found", "FILE_NOT_FOUND"})
    EXPECT_EQ(find_error(word), &kFileNotFound) << word;
  for (const auto* word : {"", "FB", "FB9999", "2x", "file", "99999999999"}) EXPECT_EQ(find_error(word), nullptr) << word;
}

TEST(ErrorCatalogue, ConfigurationEndsWith78AndUsageWith2) {
  EXPECT_EQ(exit_status_of(kUnknownSetting), 78);
  EXPECT_EQ(exit_status_of(kConfigurationTooLarge), 78);
  EXPECT_EQ(exit_status_of(kUsage), 2);
  EXPECT_EQ(exit_status_of(kFileNotFound), 66);
}

}  // namespace
}  // namespace forebay::cli
