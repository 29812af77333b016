// The head of an HTTP/1.x request (RFC 9112 §3 to §6, RFC 9110 §7).
//
//   HeadScanner scanner;                       // net/head_scanner.h
//   switch (scanner.scan(buffer)) {…}          // until complete
//   RequestHead head;
//   if (auto error = parse_head(scanner.head(buffer), head)) answer(*error);
//
// Whatever two implementations could read differently is refused, because that is what request
// smuggling is made of; llhttp reads the fields a second time and has to agree
// (net/head_referee.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/head_scanner.h"
#include "net/http_status.h"

namespace ringcast {

// Methods that servers tell apart; every other token is `other` and found in method_text.
enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  del,
  connect,
  options,
  trace,
  patch,
  other
};

struct HeaderField {
  std::string_view name;   // as it was sent
  std::string_view value;  // without blanks at its ends; no control characters but HTAB
};

// All views point into the head that was parsed (or have static storage), so they are good as long
// as it stays where it is. Under 1 KiB; a thing for a request, not to be kept by idle connections.
class RequestHead {
 public:
  static constexpr std::size_t kFieldsMax = 100;
  static constexpr std::size_t kBytesMax = 65535;

  Method method = Method::other;
  std::string_view method_text;
  std::string_view target;  // as it was sent
  std::string_view path;    // not decoded; "*" with OPTIONS *, empty with CONNECT
  std::string_view query;   // not decoded, without the question mark
  // Authority: of the target if that has one, else of the Host field. Empty if there is none.
  std::string_view host;
  std::optional<std::uint64_t> content_length;  // bytes
  std::uint8_t version_minor = 1;               // HTTP/1.0 or HTTP/1.1
  bool chunked = false;                         // the body is chunked; excludes content_length
  bool keep_alive = true;                       // what the client asks for
  bool expect_continue = false;                 // it waits for 100 before it sends the body

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }

  // The first field of that name, without regard to case.
  std::optional<std::string_view> find(std::string_view name) const;
  // How many fields have that name: more than one of what should be single is worth a refusal.
  std::size_t count(std::string_view name) const;
  // True when `token` is a member of the comma separated list in the fields of that name.
  bool has_token(std::string_view name, std::string_view token) const;
  // True when the client asks for an upgrade to `protocol` (RFC 9110 §7.8): named in Upgrade, with
  // `upgrade` in Connection, on HTTP/1.1.
  bool wants_upgrade(std::string_view protocol) const;

  std::size_t field_count() const { return field_count_; }
  HeaderField field(std::size_t index) const {
    const Place& p = places_[index];
    return {{base_ + p.name_begin, p.name_bytes}, {base_ + p.value_begin, p.value_bytes}};
  }

 private:
  friend class HeadCache;
  friend class HeadParser;

  // Offsets into the head rather than views: a quarter of the bytes.
  struct Place {
    std::uint16_t name_begin, name_bytes, value_begin, value_bytes;
  };

  const char* base_ = nullptr;
  std::size_t field_count_ = 0;
  std::array<Place, kFieldsMax> places_;
};

// Parses one complete head, empty line included, as HeadScanner::head() gives it; it does not rely
// on the scanner having seen it. Nothing when it is well-formed; `out` then describes it. On an
// error `out` is not to be used. The caller closes the connection after every error, since where
// the next request would begin is not known.
//
// Statuses: 400 malformed or ambiguous; 417 an Expect other than 100-continue; 431 more than
// kFieldsMax fields or kBytesMax bytes; 501 a transfer coding other than chunked; 505 a version
// other than 1.0 and 1.1.
std::optional<HttpError> parse_head(std::string_view head, RequestHead& out);

}  // namespace ringcast
