// Turns a template's tokens into its tree. Grammar: Jinja 3.1 with the extensions Hugging Face templates use: break, continue, generation.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "text/chat_template.h"
#include "text/jinja_ast.h"

namespace forebay::text::jinja {

// kTemplateSyntax with the line; kTemplateTooLarge; kTemplateLimit when it nests deeper than depth_max.
Result<std::unique_ptr<const Template>> parse_template(std::string_view source, const TemplateLimits& limits);

}  // namespace forebay::text::jinja
