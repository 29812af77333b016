#include "protocol/mcp/mcp_headers.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/utf8.h"
#include "net/url.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

bool same_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return (x | ((x >= 'A' && x <= 'Z') ? 0x20 : 0)) == (y | ((y >= 'A' && y <= 'Z') ? 0x20 : 0));
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// `host` of `host:port`, `[v6]:port`.
std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool is_loopback_name(std::string_view host) {
  if (same_text(host, "localhost") || host == "[::1]") return true;
  return host.starts_with("127.") &&
         std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool is_allowed(std::string_view host, const McpOptions& options) {
  if (is_loopback_name(host)) return true;
  return std::ranges::any_of(options.hosts, [host](const std::string& allowed) {
    return allowed == "*" || same_text(allowed, host);
  });
}

RpcError mismatch(std::string message) {
  return {.code = rpc::kHeaderMismatch, .message = std::move(message)};
}

// Of requests that name something: what `Mcp-Name` repeats. Null: nothing.
std::optional<std::string_view> named(const McpCall& call, const dom::object& params) {
  const std::string_view method = call.method();
  std::string_view key;
  if (method == "tools/call" || method == "prompts/get") key = "name";
  if (method == "resources/read") key = "uri";
  if (method == "tasks/get" || method == "tasks/update" || method == "tasks/cancel") key = "taskId";
  if (key.empty()) return std::nullopt;
  std::string_view value;
  if (params[key].get_string().get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool says(std::string_view header, const dom::element& value) {
  std::string_view string;
  double number = 0;
  bool flag = false;
  if (value.get_string().get(string) == simdjson::SUCCESS) return header == string;
  if (value.get_bool().get(flag) == simdjson::SUCCESS) return header == (flag ? "true" : "false");
  if (value.get_double().get(number) == simdjson::SUCCESS) {
    const auto said = number_of(header);
    return said && std::abs(*said - number) == 0;
  }
  return false;
}

constexpr std::string_view kAccept = "Accept";

// Where a field of this name goes; lengths are compared first.
McpHeaders::Field* find(McpHeaders& headers, std::string_view name) {
  const auto is = [name](std::string_view other) { return same_text(name, other); };
  switch (name.size()) {
    case 6:
      return is("Origin") ? &headers.origin : nullptr;
    case 8:
      return is("Mcp-Name") ? &headers.name : nullptr;
    case 10:
      return is("Mcp-Method") ? &headers.method : nullptr;
    case 12:
      return is("Content-Type") ? &headers.content_type : nullptr;
    case 13:
      if (is("Authorization")) return &headers.authorization;
      return is("Last-Event-ID") ? &headers.last_event_id : nullptr;
    case 14:
      return is("Mcp-Session-Id") ? &headers.session : nullptr;
    case 20:
      return is("MCP-Protocol-Version") ? &headers.version : nullptr;
    default:
      return nullptr;
  }
}

bool covers(std::string_view range, std::string_view type, std::string_view subtype) {
  const std::size_t slash = range.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view of_type = range.substr(0, slash);
  const std::string_view of_subtype = range.substr(slash + 1);
  return (of_type == "*" || same_text(of_type, type)) &&
         (of_subtype == "*" || same_text(of_subtype, subtype));
}

void read_accept(McpHeaders& headers, std::string_view ranges) {
  while (!ranges.empty()) {
    const std::size_t comma = ranges.find(',');
    std::string_view range = ranges.substr(0, comma);
    ranges = comma == std::string_view::npos ? std::string_view() : ranges.substr(comma + 1);
    range = trimmed(range.substr(0, range.find(';')));
    headers.accepts_json = headers.accepts_json || covers(range, "application", "json");
    headers.accepts_events = headers.accepts_events || covers(range, "text", "event-stream");
  }
}

}  // namespace

McpHeaders::McpHeaders(const RequestHead& head, PrincipalPtr of)
    : host(head.host), token(raw_parameter(head.query, "token")), who(std::move(of)) {
  bool asked = false;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const HeaderField field = head.field(i);
    if (Field* const place = find(*this, field.name)) {
      if (place->count++ == 0) place->value = field.value;
    } else if (field.name.size() == kAccept.size() && same_text(field.name, kAccept)) {
      if (!asked) accepts_json = accepts_events = false;
      asked = true;
      read_accept(*this, field.value);
    }
  }
}

bool McpHeaders::is_json() const {
  return same_text(trimmed(content_type.value.substr(0, content_type.value.find(';'))),
                   "application/json");
}

bool allows_origin(const McpHeaders& headers, const McpOptions& options) {
  if (!headers.origin) return true;
  const std::string_view origin = headers.origin.value;
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return is_allowed(origin, options);  // `null`
  return is_allowed(without_port(origin.substr(scheme + 3)), options) &&
         is_allowed(without_port(headers.host), options);
}

std::optional<std::string> decode_header(std::string_view value) {
  constexpr std::string_view kBegin = "=?base64?";
  constexpr std::string_view kEnd = "?=";
  value = trimmed(value);
  if (!value.starts_with(kBegin) || !value.ends_with(kEnd) ||
      value.size() < kBegin.size() + kEnd.size()) {
    return std::string(value);
  }
  const std::string_view text =
      value.substr(kBegin.size(), value.size() - kBegin.size() - kEnd.size());
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  // The decoder takes blanks, and bits behind the end; there is one spelling only.
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  std::string again(text.size() + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(again.data()),
                  reinterpret_cast<const unsigned char*>(out.data()), static_cast<int>(out.size()));
  again.resize(text.size());
  if (again != text || !is_valid_utf8(out)) return std::nullopt;
  return out;
}

std::optional<RpcError> check_version_header(const McpHeaders& headers, const McpCall& call) {
  if (!headers.version.once()) {
    return mismatch("The header MCP-Protocol-Version is missing, or there twice.");
  }
  std::string_view version;
  if (call.meta() == nullptr ||
      (*call.meta())[mcp_meta::kVersion].get_string().get(version) != simdjson::SUCCESS) {
    return std::nullopt;  // the envelope says what is wrong
  }
  if (headers.version.value != version) return mismatch("MCP-Protocol-Version and `_meta` differ.");
  return std::nullopt;
}

std::optional<RpcError> check_method_headers(const McpHeaders& headers, const McpCall& call) {
  if (!headers.method.once()) {
    return mismatch("The header Mcp-Method is missing, or there twice.");
  }
  if (headers.method.value != call.method()) return mismatch("Mcp-Method and `method` differ.");
  const dom::object* const params = call.parameters();
  if (params == nullptr) return std::nullopt;
  const auto name = named(call, *params);
  if (!name) return std::nullopt;
  if (!headers.name.once()) {
    return mismatch("The header Mcp-Name is missing, or there twice.");
  }
  // As a rule it is not encoded, and nothing has to be copied.
  if (headers.name.value == *name && !headers.name.value.starts_with("=?")) return std::nullopt;
  const auto decoded = decode_header(headers.name.value);
  if (!decoded || *decoded != *name) return mismatch("Mcp-Name and the parameters differ.");
  return std::nullopt;
}

std::optional<RpcError> check_parameter_headers(const RequestHead& head, const McpCall& call) {
  if (call.method() != "tools/call") return std::nullopt;
  const McpServer::Tool* const tool = call.tool();
  if (tool == nullptr) return std::nullopt;
  for (const auto& parameter : tool->headers) {
    const auto header = head.find(parameter.header);
    dom::element value;
    const bool given = call.has(parameter.property) &&
                       call.arguments()[parameter.property].get(value) == simdjson::SUCCESS &&
                       !value.is_null();
    if (!given && !header) continue;
    const auto decoded = header ? decode_header(*header) : std::nullopt;
    if (!given || !decoded || head.count(parameter.header) > 1 || !says(*decoded, value)) {
      return mismatch(
          fmt::format("{} and the argument `{}` differ.", parameter.header, parameter.property));
    }
  }
  return std::nullopt;
}

}  // namespace ringcast
