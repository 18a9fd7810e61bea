#include "http/request_body.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

constexpr std::size_t kMib = 1 << 20;

TEST(RequestBody, HoldsItsShareUntilItEnds) {
  ByteBudget budget(10 * kMib);
  {
    RequestBody first(budget);
    ASSERT_TRUE(first.expect(7 * kMib));
    EXPECT_EQ(budget.bytes_held(), 7 * kMib);
    ASSERT_TRUE(first.expect(3 * kMib)) << "less than what is there already";
    RequestBody second(budget);
    const auto refused = second.expect(4 * kMib);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), kBodiesTooLarge);
    EXPECT_TRUE(refused.error().retry_after());
    EXPECT_TRUE(second.expect(3 * kMib));
  }
  EXPECT_EQ(budget.bytes_held(), 0U);
}

TEST(RequestBody, GrowsByDoublingAndDoesNotCountSmallOnes) {
  ByteBudget budget(10 * kMib);
  RequestBody body(budget);
  ASSERT_TRUE(body.expect(kSmallBody));
  EXPECT_EQ(budget.bytes_held(), 0U);
  ASSERT_TRUE(body.expect(kSmallBody + 1));
  EXPECT_EQ(budget.bytes_held(), kSmallBody + 1);
  ASSERT_TRUE(body.expect(kSmallBody + 2));
  EXPECT_EQ(budget.bytes_held(), 2 * (kSmallBody + 1));
  EXPECT_FALSE(body.expect(11 * kMib));
}

TEST(RequestBody, KeepsItsBytesForTheLastKeeper) {
  ByteBudget budget(4 * kMib);
  RequestBody body(budget);
  ASSERT_TRUE(body.expect(kMib));
  body.append(std::string(kMib / 2, 'x'));
  const char* const first = body.view().data();
  body.append(std::string(kMib / 2, 'y'));
  EXPECT_EQ(body.view().data(), first) << "room for all of it was made at once";
  EXPECT_EQ(body.view().size(), kMib);
  auto keeper = body.keeper();
  const std::weak_ptr<const void> watched = keeper;
  body.drop();
  EXPECT_TRUE(body.view().empty());
  EXPECT_FALSE(watched.expired());
  keeper.reset();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace forebay::http
