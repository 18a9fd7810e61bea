#include "base/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/errors.h"
#include "base/result.h"

namespace forebay {
namespace {

struct Row {
  ErrorKind kind;
  std::string_view name;
  int http_status;
  int grpc_code;
  int exit_status;
};
constexpr Row kTable[] = {{ErrorKind::kInvalidArgument, "invalid_argument", 400, 3, 64},
                          {ErrorKind::kUnauthenticated, "unauthenticated", 401, 16, 77},
                          {ErrorKind::kPermissionDenied, "permission_denied", 403, 7, 77},
                          {ErrorKind::kNotFound, "not_found", 404, 5, 66},
                          {ErrorKind::kMethodNotAllowed, "method_not_allowed", 405, 12, 64},
                          {ErrorKind::kNotAcceptable, "not_acceptable", 406, 3, 64},
                          {ErrorKind::kConflict, "conflict", 409, 9, 69},
                          {ErrorKind::kTooLarge, "too_large", 413, 8, 65},
                          {ErrorKind::kUnsupported, "unsupported", 415, 12, 65},
                          {ErrorKind::kUnprocessable, "unprocessable", 422, 3, 65},
                          {ErrorKind::kRateLimited, "rate_limited", 429, 8, 75},
                          {ErrorKind::kCancelled, "cancelled", 499, 1, 130},
                          {ErrorKind::kInternal, "internal", 500, 13, 70},
                          {ErrorKind::kNotImplemented, "not_implemented", 501, 12, 69},
                          {ErrorKind::kUnavailable, "unavailable", 503, 14, 75},
                          {ErrorKind::kDeadlineExceeded, "deadline_exceeded", 504, 4, 75},
                          {ErrorKind::kDataLoss, "data_loss", 422, 15, 65}};

TEST(ErrorKinds, MapToHttpGrpcAndExitStatus) {
  for (const Row& row : kTable) {
    const KindMapping mapping = mapping_of(row.kind);
    EXPECT_EQ(name_of(row.kind), row.name);
    EXPECT_EQ(mapping.http_status, row.http_status) << row.name;
    EXPECT_EQ(mapping.grpc_code, row.grpc_code) << row.name;
    EXPECT_EQ(mapping.exit_status, row.exit_status) << row.name;
  }
  EXPECT_EQ(std::size(kTable), static_cast<std::size_t>(ErrorKind::kDataLoss) + 1);
}

TEST(BaseErrors, HaveNumbersOfTheirRangeOnceEachWithAMeaningAndAHint) {
  std::set<int> numbers;
  std::set<std::string_view> names;
  for (const ErrorCode* code : kBaseErrors) {
    EXPECT_TRUE(code->number >= 1 && code->number <= 99) << code->name;
    EXPECT_TRUE(numbers.insert(code->number).second) << code->name;
    EXPECT_TRUE(names.insert(code->name).second) << code->name;
    EXPECT_FALSE(code->meaning.empty() || code->hint.empty()) << code->name;
  }
}

TEST(Error, ShowsItsCodeItsNameAndItsMessage) {
  const Error error(kFileTooLarge, "'a' has 3 bytes");
  EXPECT_EQ(error.code().id(), "FB0004");
  EXPECT_EQ(error.kind(), ErrorKind::kTooLarge);
  EXPECT_EQ(error.to_string(), "FB0004 file_too_large: 'a' has 3 bytes");
  EXPECT_EQ(error.hint(), kFileTooLarge.hint);
  EXPECT_EQ(error.field(), "");
  EXPECT_EQ(error.retry_after(), std::nullopt);
}

TEST(Error, CarriesAHintAFieldAndAWaitOfItsOwn) {
  const Error error =
      Error(kQueueFull, "full").with_hint("later").with_field("messages[2]").with_retry_after(std::chrono::milliseconds(1'500));
  EXPECT_EQ(error.hint(), "later");
  EXPECT_EQ(error.field(), "messages[2]");
  EXPECT_EQ(error.retry_after(), std::chrono::milliseconds(1'500));
}

TEST(Error, TellsTheLogTheNewestAttemptFirst) {
  const Error error = Error(kFileNotFound, "no 'a'").with_context("reading the header").with_context("loading model 'm'");
  EXPECT_EQ(error.to_log_string(), "FB0002 file_not_found: no 'a' < loading model 'm' < reading the header");
  EXPECT_EQ(error.to_string(), "FB0002 file_not_found: no 'a'");
  EXPECT_EQ(error.trail().size(), 2u);
}

Result<int> half_of(int number) {
  if (number % 2 != 0) return fail(kInternalError, "odd");
  return number / 2;
}
Result<int> quarter_of(int number, int* contexts_built = nullptr) {
  const auto context = [&] {
    if (contexts_built != nullptr) ++*contexts_built;
    return "halving " + std::to_string(number);
  };
  TRY_ASSIGN(const int half, half_of(number), context());
  TRY_ASSIGN(const int quarter, half_of(half));
  return quarter;
}
Result<> check_quarter(int number) {
  TRY(quarter_of(number), "checking");
  return {};
}

TEST(Try, PassesValuesThrough) {
  EXPECT_EQ(quarter_of(12), 3);
  EXPECT_TRUE(check_quarter(12));
}

TEST(Try, ReturnsTheErrorAndBuildsContextOnlyThen) {
  int contexts_built = 0;
  EXPECT_TRUE(quarter_of(4, &contexts_built));
  EXPECT_EQ(contexts_built, 0);
  const auto error = quarter_of(3, &contexts_built).error();
  EXPECT_EQ(contexts_built, 1);
  EXPECT_EQ(error.trail(), std::vector<std::string>{"halving 3"});
  EXPECT_TRUE(quarter_of(6).error().trail().empty());
  EXPECT_EQ(check_quarter(3).error().trail(), (std::vector<std::string>{"halving 3", "checking"}));
}

TEST(Try, MovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto use = [&]() -> Result<int> {
    TRY_ASSIGN(auto owned, make());
    return *owned;
  };
  EXPECT_EQ(use(), 7);
}

}  // namespace
}  // namespace forebay
