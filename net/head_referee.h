// A second opinion on the fields of a request, by llhttp.
//
// Our parser and llhttp share no code; a head that the two read differently is one that some proxy
// before us may read differently as well, and is refused.
#pragma once

#include <string_view>

#include "net/http_head.h"

namespace ringcast {

// True when llhttp accepts `fields` (field lines and the empty line) and finds the same names and
// values at the same places, the same body length and the same transfer coding as `head` says.
bool llhttp_agrees(std::string_view fields, const RequestHead& head);

}  // namespace ringcast
