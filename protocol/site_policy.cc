#include "protocol/site_policy.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "net/http_chars.h"

namespace ringcast {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool same_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool ends_with_text(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && same_text(text.substr(text.size() - end.size()), end);
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' ||
           c == '_';
  });
}

bool is_address(std::string_view host) {
  // What a number may begin or go on with, before it is copied.
  if (host.empty() || host.size() >= INET6_ADDRSTRLEN) return false;
  const bool v6 = host.contains(':');
  if (!v6 && (host.front() < '0' || host.front() > '9')) return false;
  std::array<char, INET6_ADDRSTRLEN> text{};
  std::memcpy(text.data(), host.data(), host.size());
  in6_addr address{};
  return inet_pton(v6 ? AF_INET6 : AF_INET, text.data(), &address) == 1;
}

struct Authority {
  std::string_view host;  // without brackets
  std::string_view port;
  bool good = false;
};

Authority split(std::string_view text) {
  Authority out;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return out;
    out.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    out.host = text.substr(0, end);
    rest = text.substr(end);
  }
  if (rest.starts_with(':')) out.port = rest.substr(1);
  out.good = !out.host.empty() && (rest.empty() || rest.starts_with(':'));
  return out;
}

struct Origin {
  std::string_view scheme;
  Authority authority;
  bool good = false;
};

Origin split_origin(std::string_view text) {
  Origin out;
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end == 0) return out;
  out.scheme = text.substr(0, end);
  out.authority = split(text.substr(end + 3));
  out.good = out.authority.good;
  return out;
}

std::string_view default_port(std::string_view scheme) {
  if (same_text(scheme, "https") || same_text(scheme, "wss")) return "443";
  if (same_text(scheme, "http") || same_text(scheme, "ws")) return "80";
  return {};
}

std::string_view port_of(const Origin& origin) {
  return origin.authority.port.empty() ? default_port(origin.scheme) : origin.authority.port;
}

// `*.example.org` is everything below, not example.org itself.
bool host_matches(std::string_view wanted, std::string_view host) {
  if (wanted.ends_with('.')) wanted.remove_suffix(1);
  if (!wanted.starts_with("*.")) return same_text(wanted, host);
  return host.size() > wanted.size() - 1 && ends_with_text(host, wanted.substr(1)) && is_name(host);
}

bool has_any(const std::vector<std::string>& list) {
  return std::ranges::find(list, "*") != list.end();
}

}  // namespace

std::string_view host_of_authority(std::string_view authority) { return split(authority).host; }

bool origin_matches(std::string_view wanted, std::string_view origin) {
  if (wanted == "*") return true;
  if (wanted == "null" || origin == "null") return wanted == origin;
  const Origin rule = split_origin(wanted);
  const Origin page = split_origin(origin);
  if (!rule.good || !page.good || !same_text(rule.scheme, page.scheme)) return false;
  if (!page.authority.port.empty() && !is_port(page.authority.port)) return false;
  if (!host_matches(rule.authority.host, page.authority.host)) return false;
  return rule.authority.port == "*" || port_of(rule) == port_of(page);
}

bool is_origin_rule(std::string_view text) {
  if (text == "*" || text == "null") return true;
  const Origin rule = split_origin(text);
  if (!rule.good || !chars::is_token(rule.scheme)) return false;
  const auto& [host, port, good] = rule.authority;
  if (!port.empty() && port != "*" && !is_port(port)) return false;
  return host != "*" && is_host_rule(host);
}

bool is_host_rule(std::string_view text) {
  if (text == "*" || is_address(text)) return true;
  return is_name(text.starts_with("*.") ? text.substr(2) : text);
}

SitePolicy::SitePolicy(const Config& config)
    : hosts_(config.hosts), any_host_(has_any(config.hosts)), enabled_(config.cors.enabled) {
  if (!enabled_) return;
  origins_ = config.cors.origins;
  any_origin_ = has_any(origins_);
  credentials_ = config.cors.credentials;
}

bool SitePolicy::allows_host(std::string_view authority) const {
  if (any_host_ || authority.empty()) return true;
  const Authority parts = split(authority);
  if (!parts.good || (!parts.port.empty() && !is_port(parts.port))) return false;
  // The root of all names may be written out (RFC 3986 §3.2.2). Not so in an Origin, which is
  // another one then to browsers.
  std::string_view name = parts.host;
  if (name.size() > 1 && name.ends_with('.') && !name.contains(':')) name.remove_suffix(1);
  if (same_text(name, "localhost") || is_address(name)) return true;
  return std::ranges::any_of(hosts_,
                             [name](const std::string& host) { return host_matches(host, name); });
}

bool SitePolicy::lists_origin(std::string_view origin) const {
  return any_origin_ || std::ranges::any_of(origins_, [origin](const std::string& wanted) {
           return origin_matches(wanted, origin);
         });
}

bool SitePolicy::is_own_page(std::string_view origin, std::string_view authority) {
  const Origin page = split_origin(origin);
  if (page.good && !authority.empty()) {
    // Which scheme the request came by is not known where a proxy ends TLS: without a port, both.
    const Authority own = split(authority);
    const bool same_port =
        own.port.empty() ? port_of(page) == default_port(page.scheme) : own.port == port_of(page);
    if (same_port && same_text(own.host, page.authority.host)) return true;
  }
  return false;
}

bool SitePolicy::allows_origin(std::string_view origin, std::string_view authority) const {
  return page_of(origin, authority) != Page::foreign;
}

SitePolicy::Page SitePolicy::page_of(std::string_view origin, std::string_view authority) const {
  if (origin == known_origin_ && authority == known_authority_) return known_page_;
  Page page = Page::foreign;
  if (lists_origin(origin)) {
    page = Page::listed;
  } else if (is_own_page(origin, authority)) {
    page = Page::own;
  }
  known_origin_ = origin;
  known_authority_ = authority;
  known_page_ = page;
  return page;
}

bool SitePolicy::may_use_cookies(const HttpExchange& exchange) const {
  const RequestHead& head = exchange.head();
  const auto origin = head.find("Origin");
  // Without an Origin it is no page's script; a link or a frame on a foreign page may still be it.
  if (!origin) return head.find("Sec-Fetch-Site").value_or("none") != "cross-site";
  if (is_own_page(*origin, exchange.forwarded_host().value_or(head.host))) return true;
  return credentials_ && !any_origin_ && lists_origin(*origin);
}

bool SitePolicy::refuse_or_mark(HttpExchange& exchange) const {
  const RequestHead& head = exchange.head();
  const std::string_view authority = exchange.forwarded_host().value_or(head.host);
  const bool forwarded = authority.data() != head.host.data();
  for (const std::string_view host : {head.host, authority}) {
    if (allows_host(host)) {
      if (!forwarded) break;
      continue;
    }
    exchange.refuse(421, "misdirected_request",
                    fmt::format("This server does not go by the name in Host; if it should, the "
                                "setting `hosts` is to list {}.",
                                host_of_authority(host)));
    return true;
  }
  const auto origin = head.find("Origin");
  if (!origin) return false;
  const Page page = page_of(*origin, authority);
  if (page == Page::foreign || head.count("Origin") > 1) {
    exchange.refuse(403, "foreign_origin",
                    enabled_ ? "Pages of this origin may not use this server; those that may are "
                               "in the setting `cors.origins`."
                             : "Pages of other origins may not use this server: the setting "
                               "`cors.enabled` is off.");
    return true;
  }
  exchange.add_header("Access-Control-Expose-Headers",
                      "Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy, "
                      "WWW-Authenticate, X-Request-Id");
  if (any_origin_ && !credentials_) {
    exchange.add_header("Access-Control-Allow-Origin", "*");
    return false;
  }
  exchange.add_header("Vary", "Origin");
  if (page == Page::own) return false;  // which needs no leave
  exchange.add_header("Access-Control-Allow-Origin", *origin);
  if (credentials_) exchange.add_header("Access-Control-Allow-Credentials", "true");
  return false;
}

namespace {

constexpr std::string_view kHeaders =
    "Accept, Authorization, Cache-Control, Content-Type, Last-Event-ID, X-API-Key, "
    "Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name";

// And those named after a parameter of an MCP tool, of which there are as many as there are tools.
std::string allowed_headers(std::string_view asked) {
  std::string allowed(kHeaders);
  while (!asked.empty()) {
    std::string_view name = asked.substr(0, asked.find(','));
    asked.remove_prefix(std::min(name.size() + 1, asked.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    constexpr std::string_view kParameter = "mcp-param-";
    const bool parameter =
        name.size() > kParameter.size() && same_text(name.substr(0, kParameter.size()), kParameter);
    if (parameter && chars::is_token(name)) allowed.append(", ").append(name);
  }
  return allowed;
}

}  // namespace

void answer_options(HttpExchange& exchange, std::string_view methods) {
  if (exchange.head().find("Access-Control-Request-Method")) {
    const std::string headers =
        allowed_headers(exchange.head().find("Access-Control-Request-Headers").value_or(""));
    exchange.respond_empty(204, {{"Access-Control-Allow-Methods", methods},
                                 {"Access-Control-Allow-Headers", headers},
                                 {"Access-Control-Max-Age", "86400"}});
  } else {
    exchange.respond_empty(204, {{"Allow", methods}});
  }
}

}  // namespace ringcast
