// Which names this server goes by, and which pages in browsers may use it.
//
// A page whose name was pointed at our address ("DNS rebinding") looks like one of our own to its
// browser; what it cannot do is to send another Host than that name. So Host must be a name that
// we go by (421, RFC 9110 §15.5.20), and the Origin of a page must be our own or one that is
// configured (403), on every route and before a WebSocket opens. Addresses need no permission as
// hosts: nobody can point them elsewhere.
//
// Immutable once made but for what it remembers; one for a core.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http_exchange.h"
#include "protocol/config.h"

namespace ringcast {

// `host`, `host:port`, `[v6]:port`: the host, without brackets.
std::string_view host_of_authority(std::string_view authority);

// `https://app.example`, `https://*.app.example` (below it), `http://localhost:*` (any port, or
// none), `null`, `*`: whether `origin` (RFC 6454 §6.2) is it.
bool origin_matches(std::string_view wanted, std::string_view origin);
// Whether `text` can stand in a list of origins, or of hosts.
bool is_origin_rule(std::string_view text);
bool is_host_rule(std::string_view text);

class SitePolicy {
 public:
  explicit SitePolicy(const Config& config);

  // `authority` is a Host field's value, or :authority; empty is what a request without one has,
  // which only HTTP/1.0 lets pass.
  bool allows_host(std::string_view authority) const;
  // A page under our own name, or under one that is configured.
  bool allows_origin(std::string_view origin, std::string_view authority) const;

  // Whether a page may use what its browser keeps for us: our own pages, and with cors.credentials
  // those of the listed origins; nobody because everybody is allowed.
  bool may_use_cookies(const HttpExchange& exchange) const;

  // Refuses what comes under a wrong name or from a foreign page: true. Else the response gets the
  // headers that let the page read it (Fetch Standard §3.2). What a trusted proxy says the client
  // asked for has to be one of our names as well, and never excuses a wrong Host: a page can send
  // X-Forwarded-Host itself, from a machine whose proxies are trusted.
  bool refuse_or_mark(HttpExchange& exchange) const;

 private:
  enum class Page : std::uint8_t { foreign, own, listed };
  bool lists_origin(std::string_view origin) const;
  // As a rule requests come from the page that the last one came from.
  Page page_of(std::string_view origin, std::string_view authority) const;
  static bool is_own_page(std::string_view origin, std::string_view authority);

  std::vector<std::string> hosts_;
  std::vector<std::string> origins_;  // empty: only our own
  bool any_host_ = false;
  bool enabled_ = true;  // cors.enabled: pages other than our own may be listed
  bool any_origin_ = false;
  bool credentials_ = false;
  mutable std::string known_origin_, known_authority_;
  mutable Page known_page_ = Page::foreign;
};

// Answers OPTIONS: a preflight if it is one, else which methods there are.
void answer_options(HttpExchange& exchange, std::string_view methods);

}  // namespace ringcast
