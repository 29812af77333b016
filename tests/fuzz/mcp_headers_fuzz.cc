// What MCP reads from headers and from what clients bring back: the input is a head of a request,
// a zero byte, and a text that is taken for a header's value and for a request state.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/utf8.h"
#include "net/head_scanner.h"
#include "net/http_head.h"
#include "protocol/mcp/mcp_headers.h"
#include "protocol/mcp/mcp_request_state.h"
#include "protocol/mcp/mcp_server.h"

namespace ringcast {
namespace {

constexpr McpKey kKey{1, 2, 3};

void check_head(std::string_view text) {
  HeadScanner scanner({});
  if (scanner.scan(text) != HeadScanner::State::complete) return;
  RequestHead head;
  if (parse_head(scanner.head(text), head)) return;
  const McpHeaders headers(head);
  McpOptions options;
  const bool strict = allows_origin(headers, options);
  options.hosts = {"*"};
  RINGCAST_CHECK(allows_origin(headers, options) || !strict);
  const std::string_view origin = headers.origin.value;
  RINGCAST_CHECK(!strict || !headers.origin || origin.find("127.") != std::string_view::npos ||
                 origin.find("[::1]") != std::string_view::npos ||
                 origin.find_first_of("Ll") != std::string_view::npos);
  // What one pass finds is what looking for a name finds.
  RINGCAST_CHECK(headers.name.count == head.count("Mcp-Name"));
  RINGCAST_CHECK(!headers.version || headers.version.value == head.find("MCP-Protocol-Version"));
  RINGCAST_CHECK(headers.accepts_json || head.count("Accept") > 0);
  headers.is_json();
}

void check_value(std::string_view text) {
  const auto decoded = decode_header(text);
  if (decoded && text.find("=?base64?") != std::string_view::npos && *decoded != text) {
    RINGCAST_CHECK(is_valid_utf8(*decoded) || text.front() == ' ' || text.back() == ' ' ||
                   text.front() == '\t' || text.back() == '\t');
  }
  // Nobody finds a MAC; and what was sealed is opened as it was, for the same request only.
  RINGCAST_CHECK(!unseal(text, "request", kKey, 0));
  const McpRequestState state{
      .request = "request", .answered = std::string(text), .kept = std::string(text)};
  const std::string sealed = seal(state, kKey, 10);
  if (sealed.size() > (64 << 10)) return;
  const auto opened = unseal(sealed, "request", kKey, 10);
  RINGCAST_CHECK(opened && opened->answered == text && opened->kept == text);
  RINGCAST_CHECK(!unseal(sealed, "another", kKey, 10) && !unseal(sealed, "request", kKey, 11));
  fits_template("docs://{+path}", text);
  fits_template(text, "docs://a/b");
  template_variable("a://{x}/{y}", text, "x");
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  ringcast::check_head(input.substr(0, zero));
  if (zero != std::string_view::npos) ringcast::check_value(input.substr(zero + 1));
  return 0;
}
