#include "cli/listen_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "cli/errors.h"

namespace forebay::cli {
namespace {

TEST(ListenAddress, ResolvesNamesAndLeavesAddresses) {
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::", "::1"}) EXPECT_EQ(resolved_address(address), address);
  const auto local = resolved_address("localhost");
  ASSERT_TRUE(local) << local.error().message();
  EXPECT_TRUE(is_loopback(*local)) << *local;
  EXPECT_EQ(resolved_address("no-such-host.invalid").error().code(), kHostUnknown);
}

TEST(ListenAddress, KnowsWhatOnlyThisMachineReaches) {
  for (const char* address : {"127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(address)) << address;
  for (const char* address : {"0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "fe80::1"}) EXPECT_FALSE(is_loopback(address)) << address;
}

TEST(ListenAddress, SaysWhyAPortCannotBeTaken) {
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length), 0);
  EXPECT_EQ(bind_error("127.0.0.1", ntohs(address.sin_port)), EADDRINUSE);
  EXPECT_EQ(bind_error("127.0.0.1", 0), 0);
  EXPECT_EQ(bind_error("192.0.2.1", 0), EADDRNOTAVAIL) << "an address of documentation, which no machine has";
  ::close(taken);
}

}  // namespace
}  // namespace forebay::cli
