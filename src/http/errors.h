// Codes FB7000 to FB7499: the wire.
#pragma once

#include "base/error.h"
#include "inference/errors.h"

namespace forebay::http {

// Codes of services that readers of bodies give too.
using inference::kFieldConflict;
using inference::kFieldNotSupported;
using inference::kFieldRange;
using inference::kInputMismatch;
using inference::kInputMissing;
using inference::kInputUnknown;
using inference::kTooManyItems;

// The body and its fields.
inline constexpr ErrorCode kJsonSyntax{7000, "json_syntax", ErrorKind::kInvalidArgument, "The request body is not valid JSON.",
                                       "the message names the byte at which reading stopped"};
inline constexpr ErrorCode kJsonTooDeep{7001, "json_too_deep", ErrorKind::kInvalidArgument,
                                        "The JSON is nested deeper than http.json_depth_max.",
                                        "send flat arrays; their shape follows from the model"};
inline constexpr ErrorCode kJsonDuplicateKey{7002, "json_duplicate_key", ErrorKind::kInvalidArgument, "An object has the same key twice.",
                                             "send every key once"};
inline constexpr ErrorCode kJsonNotUtf8{7003, "json_not_utf8", ErrorKind::kInvalidArgument, "The request body is not UTF-8.",
                                        "encode the body as UTF-8"};
inline constexpr ErrorCode kFieldUnknown{7004, "field_unknown", ErrorKind::kInvalidArgument,
                                         "The request has a field that this route does not know.",
                                         "check its spelling; fields are not ignored, because a typo would change the answer silently"};
inline constexpr ErrorCode kFieldMissing{7005, "field_missing", ErrorKind::kInvalidArgument, "A field that is needed is missing.",
                                         "add the field"};
inline constexpr ErrorCode kFieldType{7006, "field_type", ErrorKind::kInvalidArgument, "A field has the wrong JSON type.",
                                      "send the type the message names"};

// Tensors.
inline constexpr ErrorCode kBinarySizes{7023, "binary_sizes", ErrorKind::kInvalidArgument,
                                        "The binary part of the body does not agree with the sizes the request states.",
                                        "Inference-Header-Content-Length is the JSON's bytes; binary_data_size the bytes of one input"};
inline constexpr ErrorCode kImageNotBase64{7025, "image_not_base64", ErrorKind::kInvalidArgument, "The image is not base64.",
                                           "send standard base64 with padding, or a data URL"};
inline constexpr ErrorCode kFormInvalid{7026, "form_invalid", ErrorKind::kInvalidArgument, "The form cannot be read.",
                                        "send multipart/form-data with one file: curl -F image=@photo.jpg"};

// The message.
inline constexpr ErrorCode kBodyTooLarge{7040, "body_too_large", ErrorKind::kTooLarge, "The body is larger than http.body_bytes_max.",
                                         "send less at once, use binary tensors, or raise http.body_bytes_max"};
inline constexpr ErrorCode kBodyMissing{7041, "body_missing", ErrorKind::kInvalidArgument, "The request has no body.", "send one"};
inline constexpr ErrorCode kContentType{7042, "content_type_not_supported", ErrorKind::kUnsupported,
                                        "This route does not take bodies of that Content-Type.", "send Content-Type: application/json"};
inline constexpr ErrorCode kContentEncoding{7043, "content_encoding_not_supported", ErrorKind::kUnsupported,
                                            "The body is compressed or transferred in a way that is not taken.",
                                            "send it with Content-Encoding gzip or deflate, or without"};
inline constexpr ErrorCode kRouteNotFound{7044, "route_not_found", ErrorKind::kNotFound, "There is nothing at this URL.",
                                          "see docs/http.md for the routes"};
inline constexpr ErrorCode kMethodNotAllowed{7045, "method_not_allowed", ErrorKind::kMethodNotAllowed,
                                             "The URL exists, but not with this method.", "the Allow header lists the methods"};
inline constexpr ErrorCode kHeaderTooLarge{7046, "header_too_large", ErrorKind::kTooLarge,
                                           "The request's headers are larger than http.header_bytes_max.", "send fewer or shorter headers"};
inline constexpr ErrorCode kBadRequest{7047, "bad_request", ErrorKind::kInvalidArgument, "The bytes are not an HTTP request.",
                                       "speak HTTP/1.1"};
inline constexpr ErrorCode kAmbiguousLength{7048, "ambiguous_length", ErrorKind::kInvalidArgument,
                                            "The request's length is ambiguous, as in request smuggling.",
                                            "send either one Content-Length of digits or Transfer-Encoding: chunked"};
inline constexpr ErrorCode kBadEscape{7049, "bad_escape", ErrorKind::kInvalidArgument, "The URL has a percent sign without two digits.",
                                      "write a percent sign itself as %25"};
inline constexpr ErrorCode kBodyDamaged{7050, "body_damaged", ErrorKind::kInvalidArgument, "The compressed body cannot be decompressed.",
                                        "send it again, or without Content-Encoding"};
inline constexpr ErrorCode kHostNotAllowed{7051, "host_not_allowed", ErrorKind::kPermissionDenied,
                                           "The request's Host is no name of this server, as when a web page uses DNS to reach it.",
                                           "add the name to http.allowed_hosts"};
inline constexpr ErrorCode kOriginNotAllowed{7052, "origin_not_allowed", ErrorKind::kPermissionDenied,
                                             "The request comes from a page of another site.",
                                             "add the page's origin to http.cors_origins"};
inline constexpr ErrorCode kVectorsNotMade{7055, "vectors_not_made", ErrorKind::kUnprocessable,
                                           "The model does not make vectors of the kind that this route answers.",
                                           "use /embed for one vector a text"};
inline constexpr ErrorCode kBodyStalled{7053, "body_stalled", ErrorKind::kDeadlineExceeded,
                                        "No byte of the body came for http.body_idle_timeout; the status is 408.",
                                        "send the body without long pauses, or raise http.body_idle_timeout"};
inline constexpr ErrorCode kTlsWanted{7054, "tls_wanted", ErrorKind::kInvalidArgument, "Plain HTTP was sent to a port that speaks TLS.",
                                      "write https:// instead of http://"};

// Limits of the server.
inline constexpr ErrorCode kTooBusy{7060, "too_many_requests_in_flight", ErrorKind::kUnavailable,
                                    "As many requests are in flight as http.concurrent_requests_max allows.",
                                    "try again after the time in Retry-After"};
inline constexpr ErrorCode kSlowReader{7061, "stream_reader_slow", ErrorKind::kCancelled, "The client reads its stream too slowly.",
                                       "read faster, or raise http.stream_unsent_bytes_max"};
inline constexpr ErrorCode kBadAddress{7062, "bad_address", ErrorKind::kInvalidArgument, "http.host is not an address of this machine.",
                                       "use an IP address such as 127.0.0.1, 0.0.0.0 or ::1"};
inline constexpr ErrorCode kPortInUse{7063, "port_in_use", ErrorKind::kConflict, "Another program listens on this address and port.",
                                      "choose another with --port, or 0 for any free one"};
inline constexpr ErrorCode kPortNotAllowed{7064, "port_not_allowed", ErrorKind::kPermissionDenied,
                                           "The system does not let this user listen on that port.", "use a port above 1023"};
inline constexpr ErrorCode kMemoryPressure{
    7065, "memory_pressure", ErrorKind::kUnavailable, "The server is short of memory and takes no new work, or none of low priority.",
    "try again after the time in Retry-After; give it more memory, or serve fewer or smaller models"};

inline constexpr ErrorCode kAnswerTooLarge{7066, "answer_too_large", ErrorKind::kTooLarge,
                                           "The results of one batch are larger together than http.batch_answer_bytes_max.",
                                           "send fewer items at once, or raw=false where pictures are enough"};
inline constexpr ErrorCode kBodiesTooLarge{7067, "bodies_too_large_together", ErrorKind::kUnavailable,
                                           "The bodies of the requests in flight take all of http.bodies_bytes_max.",
                                           "try again after the time in Retry-After, or send fewer large requests at once"};

inline constexpr ErrorCode kCertificate{7068, "certificate_not_usable", ErrorKind::kInvalidArgument,
                                        "The certificate or the key of TLS cannot be read.",
                                        "http.tls_certificate and http.tls_key are PEM files, the key without a password"};
inline constexpr ErrorCode kTooManyConnections{7069, "too_many_connections", ErrorKind::kUnavailable,
                                               "As many connections are open as http.connections_max allows.",
                                               "try again after the time in Retry-After"};

inline constexpr const ErrorCode* kHttpErrors[] = {
    &kJsonSyntax,      &kJsonTooDeep,     &kJsonDuplicateKey, &kJsonNotUtf8,      &kFieldUnknown,     &kFieldMissing,
    &kFieldType,       &kBinarySizes,     &kImageNotBase64,   &kFormInvalid,      &kBodyTooLarge,     &kBodyMissing,
    &kContentType,     &kContentEncoding, &kRouteNotFound,    &kMethodNotAllowed, &kHeaderTooLarge,   &kBadRequest,
    &kAmbiguousLength, &kBadEscape,       &kBodyDamaged,      &kHostNotAllowed,   &kOriginNotAllowed, &kBodyStalled,
    &kTlsWanted,       &kVectorsNotMade,  &kTooBusy,          &kSlowReader,       &kBadAddress,       &kPortInUse,
    &kPortNotAllowed,  &kMemoryPressure,  &kAnswerTooLarge,   &kBodiesTooLarge,   &kCertificate,      &kTooManyConnections};

}  // namespace forebay::http
