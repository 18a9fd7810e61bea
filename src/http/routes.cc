#include "http/routes.h"

#include <algorithm>
#include <unordered_map>

#include "http/admin/handlers.h"
#include "http/cohere/handlers.h"
#include "http/oip/handlers.h"
#include "http/openai/handlers.h"
#include "http/ops/handlers.h"
#include "http/predict/handlers.h"
#include "http/tei/handlers.h"
#include "http/url.h"

namespace forebay::http {

namespace {

using accounts::Action;

constexpr Route kRoutes[] = {
    // method, pattern, name, dialect, action, body, handler
    {"GET", "/healthz", "healthz", Dialect::kPlain, Action::kHealth, Body::kNone, ops::live},
    {"GET", "/health", "health", Dialect::kPlain, Action::kHealth, Body::kNone, ops::live},
    {"GET", "/livez", "livez", Dialect::kPlain, Action::kHealth, Body::kNone, ops::live},
    {"GET", "/readyz", "readyz", Dialect::kPlain, Action::kHealth, Body::kNone, ops::ready},
    {"GET", "/ready", "ready", Dialect::kPlain, Action::kHealth, Body::kNone, ops::ready},
    {"GET", "/metrics", "metrics", Dialect::kPlain, Action::kReadStats, Body::kNone, ops::metrics},
    {"GET", "/server/stats", "server_stats", Dialect::kPlain, Action::kReadStats, Body::kNone, ops::stats},

    {"POST", "/predict", "predict", Dialect::kPlain, Action::kInfer, Body::kBytes, predict::predict},
    {"POST", "/predict/batch", "predict_batch", Dialect::kPlain, Action::kInfer, Body::kBytes, predict::batch},
    {"POST", "/generate", "generate", Dialect::kPlain, Action::kInfer, Body::kJson, predict::generate},
    {"POST", "/chat", "chat", Dialect::kPlain, Action::kInfer, Body::kJson, predict::chat},
    {"POST", "/embeddings", "embeddings", Dialect::kPlain, Action::kInfer, Body::kJson, predict::embed},
    {"POST", "/embed", "tei_embed", Dialect::kPlain, Action::kInfer, Body::kJson, tei::embed},
    {"POST", "/embed_all", "tei_embed_all", Dialect::kPlain, Action::kInfer, Body::kJson, tei::embed_all},
    {"POST", "/embed_sparse", "tei_embed_sparse", Dialect::kPlain, Action::kInfer, Body::kJson, tei::embed_sparse},
    {"POST", "/rerank", "tei_rerank", Dialect::kPlain, Action::kInfer, Body::kJson, tei::rerank},
    {"POST", "/classify", "tei_classify", Dialect::kPlain, Action::kInfer, Body::kJson, tei::classify},
    {"POST", "/similarity", "tei_similarity", Dialect::kPlain, Action::kInfer, Body::kJson, tei::similarity},
    {"POST", "/tokenize", "tei_tokenize", Dialect::kPlain, Action::kInfer, Body::kJson, tei::tokenize},
    {"POST", "/decode", "tei_decode", Dialect::kPlain, Action::kInfer, Body::kJson, tei::decode},
    {"GET", "/info", "tei_info", Dialect::kPlain, Action::kReadModels, Body::kNone, tei::info},
    {"GET", "/model/info", "model_info", Dialect::kPlain, Action::kReadModels, Body::kNone, predict::info},

    {"POST", "/v1/chat/completions", "openai_chat", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::chat},
    {"POST", "/v1/completions", "openai_completions", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::completions},
    {"POST", "/v1/embeddings", "openai_embeddings", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::embeddings},
    {"POST", "/v1/score", "openai_score", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::score},
    {"POST", "/score", "openai_score", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::score},
    {"POST", "/v1/rerank", "rerank", Dialect::kOpenAi, Action::kInfer, Body::kJson, cohere::rerank},
    {"POST", "/v2/rerank", "cohere_rerank", Dialect::kPlain, Action::kInfer, Body::kJson, cohere::rerank_v2},
    {"POST", "/v2/embed", "cohere_embed", Dialect::kPlain, Action::kInfer, Body::kJson, cohere::embed},
    {"GET", "/v1/models", "openai_models", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::models},
    {"GET", "/v1/models/{}", "openai_model", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::model},
    {"GET", "/v1/models/{}/{}", "openai_model", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::model},

    // For clients whose base URL has no /v1.
    {"POST", "/chat/completions", "openai_chat", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::chat},
    {"POST", "/completions", "openai_completions", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::completions},
    {"GET", "/models", "openai_models", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::models},
    {"GET", "/models/{}", "openai_model", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::model},
    {"GET", "/models/{}/{}", "openai_model", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::model},

    // Azure's URLs, of which a deployment is a model; any api-version will do.
    {"POST", "/openai/deployments/{}/chat/completions", "openai_chat", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::chat},
    {"POST", "/openai/deployments/{}/completions", "openai_completions", Dialect::kOpenAi, Action::kInfer, Body::kJson,
     openai::completions},
    {"POST", "/openai/deployments/{}/embeddings", "openai_embeddings", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::embeddings},
    {"GET", "/openai/models", "openai_models", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::models},
    {"POST", "/openai/v1/chat/completions", "openai_chat", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::chat},
    {"POST", "/openai/v1/completions", "openai_completions", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::completions},
    {"POST", "/openai/v1/embeddings", "openai_embeddings", Dialect::kOpenAi, Action::kInfer, Body::kJson, openai::embeddings},
    {"GET", "/openai/v1/models", "openai_models", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::models},
    {"GET", "/openai/v1/models/{}", "openai_model", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::model},
    {"GET", "/openai/v1/models/{}/{}", "openai_model", Dialect::kOpenAi, Action::kReadModels, Body::kNone, openai::model},

    {"GET", "/admin/models/{}/workers", "admin_workers", Dialect::kPlain, Action::kAdminister, Body::kNone, admin::workers},
    {"PATCH", "/admin/models/{}/workers", "admin_workers", Dialect::kPlain, Action::kAdminister, Body::kJson, admin::change_workers},
    {"POST", "/admin/models/{}/cache/clear", "admin_cache_clear", Dialect::kPlain, Action::kAdminister, Body::kNone, admin::clear_cache},
    {"GET", "/admin/dead-letters", "admin_dead_letters", Dialect::kPlain, Action::kAdminister, Body::kNone, admin::dead_letters},

    {"GET", "/v2", "oip_server", Dialect::kOip, Action::kReadModels, Body::kNone, oip::server},
    {"GET", "/v2/health/live", "oip_live", Dialect::kOip, Action::kHealth, Body::kNone, oip::live},
    {"GET", "/v2/health/ready", "oip_ready", Dialect::kOip, Action::kHealth, Body::kNone, oip::ready},
    {"GET", "/v2/models", "oip_models", Dialect::kOip, Action::kReadModels, Body::kNone, oip::models},
    {"GET", "/v2/models/{}", "oip_model", Dialect::kOip, Action::kReadModels, Body::kNone, oip::model},
    {"GET", "/v2/models/{}/ready", "oip_model_ready", Dialect::kOip, Action::kReadModels, Body::kNone, oip::model_ready},
    {"POST", "/v2/models/{}/infer", "oip_infer", Dialect::kOip, Action::kInfer, Body::kBytes, oip::infer},
    {"GET", "/v2/models/{}/versions/{}", "oip_model", Dialect::kOip, Action::kReadModels, Body::kNone, oip::model},
    {"GET", "/v2/models/{}/versions/{}/ready", "oip_model_ready", Dialect::kOip, Action::kReadModels, Body::kNone, oip::model_ready},
    {"POST", "/v2/models/{}/versions/{}/infer", "oip_infer", Dialect::kOip, Action::kInfer, Body::kBytes, oip::infer},
};

constexpr std::size_t kSegmentsMax = 8;

// Segments of a path, without the first slash; one slash at the end is no segment.
bool split(std::string_view path, std::vector<std::string_view>& segments) {
  if (!path.starts_with('/')) return false;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  while (true) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (segments.size() > kSegmentsMax) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool fits(std::string_view pattern, const std::vector<std::string>& segments) {
  pattern.remove_prefix(1);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto slash = pattern.find('/');
    const std::string_view part = pattern.substr(0, slash);
    if (part != segments[i] && (part != "{}" || segments[i].empty())) return false;
    const bool last = i + 1 == segments.size();
    if (last != (slash == std::string_view::npos)) return false;
    if (!last) pattern.remove_prefix(slash + 1);
  }
  return true;
}

std::vector<std::string> parameters_of(std::string_view pattern, const std::vector<std::string>& segments) {
  std::vector<std::string_view> parts;
  split(pattern, parts);
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "{}") parameters.push_back(segments[i]);
  }
  return parameters;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

namespace {
Dialect dialect_of_prefix(std::string_view path) {
  const auto is_below = [&](std::string_view prefix) {
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
  };
  if (is_below("/v1") || is_below("/openai")) return Dialect::kOpenAi;
  return is_below("/v2") ? Dialect::kOip : Dialect::kPlain;
}

RouteMatch search_route(std::string_view method, std::string_view path) {
  RouteMatch match{.dialect = dialect_of_prefix(path)};
  std::vector<std::string_view> escaped;
  if (!split(path, escaped)) return match;
  std::vector<std::string> segments;
  for (const auto segment : escaped) {
    auto decoded = percent_decoded(segment, false);
    match.malformed = match.malformed || !decoded;
    segments.push_back(std::move(decoded).value_or(""));
  }
  if (match.malformed) return match;
  for (const Route& route : kRoutes) {
    if (!fits(route.pattern, segments)) continue;
    match.dialect = route.dialect;
    if (route.method == method) {
      match.route = &route;
      match.parameters = parameters_of(route.pattern, segments);
    }
    match.allow += (match.allow.empty() ? "" : ", ") + std::string(route.method == "GET" ? "GET, HEAD" : route.method);
  }
  if (!match.allow.empty()) match.allow += ", OPTIONS";
  return match;
}

// The URLs without parameters are looked up: "POST /predict".
std::unordered_map<std::string, RouteMatch> plain_routes() {
  std::unordered_map<std::string, RouteMatch> matches;
  for (const Route& route : kRoutes) {
    if (!route.pattern.contains('{'))
      matches.emplace(std::string(route.method) + ' ' + std::string(route.pattern), search_route(route.method, route.pattern));
  }
  return matches;
}
}  // namespace

RouteMatch find_route(std::string_view method, std::string_view path) {
  static const auto kPlain = plain_routes();
  std::string key;
  key.reserve(method.size() + 1 + path.size());
  key.append(method).append(1, ' ').append(path);
  const auto found = kPlain.find(key);
  return found != kPlain.end() ? found->second : search_route(method, path);
}

Dialect dialect_of(std::string_view target) { return find_route("GET", target.substr(0, target.find('?'))).dialect; }

}  // namespace forebay::http
