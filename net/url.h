// Percent-decoding, query strings, paths (RFC 3986 §2.1, §3.3, §3.4).
//
// Nothing here allocates: text is decoded into a buffer of the caller, and since decoding never
// makes a text longer, a buffer as long as the raw text always suffices. What can be read two ways
// is an error: a `%` without two hexadecimal digits, and `%00`, at which C strings would end.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http_status.h"

namespace ringcast {

enum class PlusSign : unsigned char { literal, space };

// Decodes `raw` into the front of `out` (which may be the memory of `raw` itself) and returns the
// decoded part. Errors (400): bad_percent_escape, null_byte; (500) buffer_too_small.
HttpResult<std::string_view> percent_decode(std::string_view raw, std::span<char> out,
                                            PlusSign plus = PlusSign::literal);

// Decodes a path and applies our policy to it: it begins with `/`, and after decoding it is UTF-8,
// has no control characters and no segment `.` or `..`: those mean something to whoever resolves
// them, and nothing honest sends them. Errors (400): those of percent_decode, bad_path.
HttpResult<std::string_view> decode_path(std::string_view raw, std::span<char> out);

// True when a segment between slashes is `.` or `..`. `path` is decoded already.
bool has_dot_segment(std::string_view path);

// Walks through the `key=value` pairs of a query string (application/x-www-form-urlencoded):
//   Query query(head.query, scratch);
//   while (query.next()) use(query.key(), query.value());
//   if (query.failed()) refuse(query.error());
// Empty pairs (`a&&b`) are skipped; a pair without `=` has an empty value. Keys and values are
// valid as long as `scratch` is; all of them fit when it is as long as the raw query.
class Query {
 public:
  Query(std::string_view raw, std::span<char> scratch) : raw_(raw), scratch_(scratch) {}

  // False at the end and at the first error.
  bool next();

  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  bool failed() const { return error_.status != 0; }
  const HttpError& error() const { return error_; }

 private:
  bool decode(std::string_view raw, std::string_view& out);

  std::string_view raw_;
  std::span<char> scratch_;
  std::string_view key_;
  std::string_view value_;
  HttpError error_;
};

// The value of one parameter as it is written: the first of that name; empty if there is none.
std::string_view raw_parameter(std::string_view raw, std::string_view key);

// The value of one parameter, decoded: the first of that name.
std::optional<std::string> query_value(std::string_view raw, std::string_view key);

}  // namespace ringcast
