// Who may do what: the one place that is asked before a request gets anything.
//
// A request shows who sent it by what it brings (protocol/credential.h). Where neither an access
// file nor auth.tokens is configured everybody may do everything, except that only clients on
// loopback administer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/hub.h"
#include "net/http_exchange.h"
#include "net/http_status.h"
#include "protocol/auth/authenticator.h"

namespace ringcast {

// 401 or 403 of RFC 6750 §3: an error for people, and the challenge for programs. Or 503, while
// nobody can tell.
struct AccessRefusal {
  int status;
  std::string_view code;
  std::string message;
  std::string challenge;  // of WWW-Authenticate; empty: none
  bool failed = false;    // what was brought is not right, or was not checked
};
struct Identification {
  bool required = true;    // a key or a token, where any are configured
  bool cookies = true;     // what a browser keeps counts
  bool may_verify = true;  // check signatures that were not checked before
};

// Who sent it; never null.
std::expected<PrincipalPtr, AccessRefusal> identify(const HttpExchange& exchange,
                                                    Authenticator& authenticator,
                                                    std::int64_t now_ms, Identification how = {});

// Who that is after a reload; null: nobody any more. `asked`: keys and tokens are asked for, where
// any are configured.
PrincipalPtr renew_access(const PrincipalPtr& who, const Authenticator& authenticator, bool asked);

// Nothing if it may.
std::optional<AccessRefusal> refusal_of(const Principal& who, Action action, std::string_view name);
std::optional<AccessRefusal> refusal_to_subscribe(const Principal& who, const Subscription& wanted);
std::optional<AccessRefusal> refusal_to_administer(const Principal& who);

// The challenge to somebody who was not granted that (RFC 6750 §3.1).
std::string insufficient_scope(std::string_view scope);
// To somebody whose key or token does not hold any more (RFC 6750 §3.1).
std::string ended_access();

// What somebody is told who may not, without the request around it.
std::string denial(Action action, std::string_view name);

}  // namespace ringcast
