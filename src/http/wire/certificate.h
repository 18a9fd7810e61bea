// The certificate and key of TLS, read again when their files have changed. Open connections keep what they began with.
// Threads: shared. Owner: Server.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/synchronized.h"

namespace boost::asio::ssl {
class context;
}

namespace forebay::http::wire {

class Certificate {
 public:
  using Context = std::shared_ptr<boost::asio::ssl::context>;
  // PEM files: the certificate followed by those between it and the root; the key without a password. kCertificate.
  static Result<std::shared_ptr<Certificate>> load(const std::string& certificate_file, const std::string& key_file);
  Context current() const;
  // Reads the files again if one has another time of change. Keeps the former certificate, and logs why, if they cannot be used.
  void reload_if_changed();

 private:
  Certificate(std::string certificate_file, std::string key_file, Context context);
  struct Times {
    std::filesystem::file_time_type certificate;
    std::filesystem::file_time_type key;
    bool operator==(const Times&) const = default;
  };
  static Result<Context> read(const std::string& certificate_file, const std::string& key_file);
  Times times() const;

  const std::string certificate_file_;
  const std::string key_file_;
  Synchronized<Times> loaded_;
  Synchronized<Context> context_;
};

}  // namespace forebay::http::wire
