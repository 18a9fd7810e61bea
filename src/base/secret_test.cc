#include "base/secret.h"

#include <gtest/gtest.h>

#include <ostream>
#include <type_traits>

namespace forebay {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(Printable<std::string> && !Printable<Secret>);

TEST(Secret, ComparesEveryByteAndTheLength) {
  const Secret secret("s3cret");
  EXPECT_TRUE(secret.equals_constant_time("s3cret"));
  for (const char* candidate : {"", "s", "s3cre", "s3crets", "s3creT", "S3cret", "s3crets3cret"}) {
    EXPECT_FALSE(secret.equals_constant_time(candidate)) << candidate;
  }
  EXPECT_EQ(secret.reveal_unsafe(), "s3cret");
}

TEST(Secret, ThatIsEmptyEqualsOnlyNothing) {
  EXPECT_TRUE(Secret().empty());
  EXPECT_FALSE(Secret().equals_constant_time("x"));
  EXPECT_FALSE(Secret().equals_constant_time(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace forebay
