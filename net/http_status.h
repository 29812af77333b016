// Status codes, their reason phrases, and the error value of the HTTP layer.
#pragma once

#include <expected>
#include <string_view>

namespace ringcast {

// Why a request was refused: the status to answer with, and the two members of the JSON error body.
// The strings have static storage, so that refusing allocates nothing.
struct HttpError {
  int status = 0;
  std::string_view code;     // snake_case
  std::string_view message;  // one sentence

  bool operator==(const HttpError&) const = default;
};

// What requests under way hold together is at its limit (Buffer::may_hold).
inline constexpr HttpError kTooBusy{503, "too_busy",
                                    "Too much is held of other requests; try again."};

template <class T>
using HttpResult = std::expected<T, HttpError>;

// The phrase of RFC 9110 §15 (and RFC 6585) for `status`; empty for one that is not known, which
// RFC 9112 §4 allows on the wire.
std::string_view reason_phrase(int status);

}  // namespace ringcast
