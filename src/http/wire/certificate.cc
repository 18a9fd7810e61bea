#include "http/wire/certificate.h"

#include <fmt/format.h>

#include <boost/asio/ssl/context.hpp>
#include <utility>

#include "base/log.h"
#include "http/errors.h"

namespace forebay::http::wire {

namespace ssl = boost::asio::ssl;

Certificate::Certificate(std::string certificate_file, std::string key_file, Context context)
    : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)), loaded_(times()), context_(std::move(context)) {}

Certificate::Times Certificate::times() const {
  std::error_code ignored;
  return {.certificate = std::filesystem::last_write_time(certificate_file_, ignored),
          .key = std::filesystem::last_write_time(key_file_, ignored)};
}

Result<Certificate::Context> Certificate::read(const std::string& certificate_file, const std::string& key_file) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  boost::system::error_code code;
  context->set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::no_compression, code);
  if (!code) context->use_certificate_chain_file(certificate_file, code);
  if (code) return fail(kCertificate, fmt::format("'{}' is no certificate in PEM: {}", certificate_file, code.message()));
  context->use_private_key_file(key_file, ssl::context::pem, code);
  if (code) return fail(kCertificate, fmt::format("'{}' is not the certificate's key in PEM: {}", key_file, code.message()));
  return context;
}

Result<std::shared_ptr<Certificate>> Certificate::load(const std::string& certificate_file, const std::string& key_file) {
  TRY_ASSIGN(auto context, read(certificate_file, key_file));
  return std::shared_ptr<Certificate>(new Certificate(certificate_file, key_file, std::move(context)));
}

Certificate::Context Certificate::current() const {
  return context_.read([](const Context& now) { return now; });
}

void Certificate::reload_if_changed() {
  const auto now = times();
  {
    auto loaded = loaded_.lock();
    if (*loaded == now) return;
    *loaded = now;
  }
  auto context = read(certificate_file_, key_file_);
  if (!context)
    return log::warning("the changed certificate cannot be used, the former one stays", {{"reason", context.error().message()}});
  auto now_used = context_.lock();
  *now_used = *std::move(context);
  log::info("the certificate was read again", {{"file", certificate_file_}});
}

}  // namespace forebay::http::wire
