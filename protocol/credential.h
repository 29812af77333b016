// What a request brings to show who sent it: the first of these that is there.
//
//   Authorization: Bearer TOKEN   (RFC 6750 §2.1)
//   X-API-Key: KEY
//   Cookie: NAME=TOKEN            the name stands in the access file
//   ?token=TOKEN                  for browsers, which can set no header on an EventSource
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_head.h"

namespace ringcast {

struct Credential {
  enum class Kind : std::uint8_t { none, token, key } kind = Kind::none;
  std::string_view text;
};

// Without the name of a `cookie` none counts. The text lies in the head, or is decoded into `room`.
Credential credential_of(const RequestHead& head, std::string_view cookie, std::string& room);

}  // namespace ringcast
