// Codes FB2000 to FB2499: templates, tokenizers and the text that goes through them.
#pragma once

#include "base/error.h"

namespace forebay::text {

inline constexpr ErrorCode kTemplateSyntax{
    2000, "template_syntax", ErrorKind::kUnprocessable, "The chat template is not valid Jinja.",
    "repair the template in the model file; POST /v1/completions and forebay run --raw do without it"};
inline constexpr ErrorCode kTemplateTooLarge{2001, "template_too_large", ErrorKind::kTooLarge,
                                             "The source of the chat template is larger than its limit.",
                                             "shorten the template, or raise its source limit if you trust the file"};
inline constexpr ErrorCode kTemplateRefused{2002, "template_refused", ErrorKind::kUnprocessable,
                                            "The model's chat template refuses these messages.",
                                            "the message is the template's own: change the roles or the content accordingly"};
inline constexpr ErrorCode kTemplateLimit{2003, "template_limit", ErrorKind::kUnprocessable,
                                          "Rendering the chat template took more steps, depth, memory or output than allowed.",
                                          "send shorter messages; if short ones fail too, do not trust this template"};
inline constexpr ErrorCode kTemplateFailed{
    2004, "template_failed", ErrorKind::kUnprocessable, "The chat template failed while it was rendered.",
    "the model may not support this kind of message or tool; the message says what the template tried"};
inline constexpr ErrorCode kTemplateInput{2005, "template_input", ErrorKind::kInvalidArgument,
                                          "Tools, tool arguments or template variables are not usable JSON.",
                                          "send tools as a JSON array and variables as a JSON object"};
inline constexpr ErrorCode kTextTooLong{2010, "text_too_long", ErrorKind::kInvalidArgument, "The text has more tokens than allowed.",
                                        "shorten the text"};
inline constexpr ErrorCode kInvalidUtf8{2011, "invalid_utf8", ErrorKind::kInvalidArgument, "The text is not well-formed UTF-8.",
                                        "send UTF-8"};
inline constexpr ErrorCode kTokenizerInvalid{2020, "tokenizer_invalid", ErrorKind::kUnprocessable,
                                             "The tokenizer.json of the model is damaged, or contradicts itself.",
                                             "fetch the file again, or save it again with a current version of the tokenizers library"};
inline constexpr ErrorCode kTokenizerUnsupported{2021, "tokenizer_unsupported", ErrorKind::kUnprocessable,
                                                 "The tokenizer.json of the model uses a component that is not supported.",
                                                 "the message names the component; the guide to embeddings lists those that are supported"};
inline constexpr ErrorCode kTokenizerLimit{2022, "tokenizer_limit", ErrorKind::kTooLarge,
                                           "A tokenizer file, or the work it makes of a text, is larger than its limit.",
                                           "use a smaller tokenizer or shorter texts"};

inline constexpr const ErrorCode* kTextErrors[] = {&kTemplateSyntax,   &kTemplateTooLarge,     &kTemplateRefused, &kTemplateLimit,
                                                   &kTemplateFailed,   &kTemplateInput,        &kTextTooLong,     &kInvalidUtf8,
                                                   &kTokenizerInvalid, &kTokenizerUnsupported, &kTokenizerLimit};

}  // namespace forebay::text
