#include "accounts/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "accounts/errors.h"

namespace forebay::accounts {
namespace {

constexpr std::array kActions = {Action::kHealth, Action::kReadModels, Action::kInfer, Action::kReadStats, Action::kAdminister};

// One row a role: the code that refuses each action, null where it is allowed.
struct Row {
  Role role;
  std::array<const ErrorCode*, kActions.size()> refusals;
};
constexpr std::array kTable = {
    //                  health, read models,  infer,        read stats,    administer
    Row{Role::kAnonymous, {nullptr, &kKeyMissing, &kKeyMissing, &kKeyMissing, &kKeyMissing}},
    Row{Role::kOpen, {nullptr, nullptr, nullptr, nullptr, &kAdminNeedsKey}},
    Row{Role::kUser, {nullptr, nullptr, nullptr, &kKeyNotAdmin, &kKeyNotAdmin}},
    Row{Role::kAdmin, {nullptr, nullptr, nullptr, nullptr, nullptr}},
};

TEST(Policy, DecidesEveryActionOfEveryRole) {
  for (const auto& row : kTable) {
    for (std::size_t i = 0; i < kActions.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "role " << int(row.role) << ", action " << int(kActions[i]));
      const auto decided = allowed({.id = "key-1", .role = row.role}, kActions[i], "digits");
      const ErrorCode* refusal = decided ? nullptr : &decided.error().code();
      EXPECT_EQ(refusal, row.refusals[i]);
    }
  }
}

TEST(Policy, LetsAPrincipalWithoutARoleDoNothingButAskForHealth) {
  EXPECT_TRUE(allowed({}, Action::kHealth));
  EXPECT_EQ(allowed({}, Action::kInfer).error().code(), kKeyMissing);
}

TEST(Policy, NamesTheActionAndTheModelAndSaysWhichKeyIsNeeded) {
  const Error refused = allowed({.role = Role::kUser}, Action::kAdminister, "digits").error();
  EXPECT_THAT(refused.message(), testing::AllOf(testing::HasSubstr("administer"), testing::HasSubstr("'digits'")));
  EXPECT_THAT(std::string(refused.hint()), testing::HasSubstr("--admin-key"));
  EXPECT_THAT(allowed({.role = Role::kUser}, Action::kReadStats).error().message(), testing::Not(testing::HasSubstr("model")));
}

}  // namespace
}  // namespace forebay::accounts
