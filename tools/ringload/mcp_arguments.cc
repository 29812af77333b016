#include "tools/ringload/mcp_arguments.h"

#include <fmt/format.h>

#include "tools/ringload/stamp.h"
#include "tools/ringload/target.h"

namespace ringcast::load {

const char* const kMcpExamples = R"(Examples:
  How many calls of the tool `echo` does a server with such a tool answer (here one that is built
  beside ringcast: `example_mcp_echo 127.0.0.1:8080`)? 32 connections with one under way on each:
    ringload mcp --url http://127.0.0.1:8080/mcp --server-pid $(pidof example_mcp_echo)
  How fast is one call?
    ringload mcp --connections 1
  At a given load; latency counts from when a call should have been made. 600 calls a minute:
    ringload mcp --rate 10 --time 60
  The revisions before 2026-07-28, with 1000 sessions on 32 connections:
    ringload mcp --era legacy --sessions 1000
  The oldest transport, HTTP with SSE at /sse:
    ringload mcp --transport sse
  What does a silent session with an open stream cost?
    ringload mcp --idle --sessions 10000 --server-pid $(pidof example_mcp_echo)
  A server described by a file:
    ringload mcp --target bench/targets/reference.yaml
  The same bytes to any URL, of whose answers only status and length are looked at:
    ringload mcp --raw --url http://127.0.0.1:8081/mcp

The part `mcp` of a target file (YAML), with what is taken where nothing is said:
    mcp: {path: /mcp, sse_path: /sse, era: modern, tool: echo, argument: text}

Every answer is checked: the status is 200, the id the one that was asked, and the text, which is
another for each call, comes back as it was.
Exit status: 0 measured, 1 could not measure, 2 wrong usage, 3 (with --strict) a call was lost,
altered or answered with an error.
)";

namespace {

std::string plain_name(const std::string& name) {
  return is_plain_name(name) ? "" : fmt::format("is no name of {}", kPlainName);
}

// Where nothing is said, where ringcast has it.
std::string path_of(const std::string& url, const McpTarget& target, Transport transport) {
  const std::size_t host = url.find("//");
  const std::size_t at = url.find_first_of("/?#", host == std::string::npos ? 0 : host + 2);
  if (at == std::string::npos) return transport == Transport::sse ? target.sse_path : target.path;
  const std::string path = url.substr(at, url.find('#', at) - at);
  return path.starts_with('/') ? path : "/" + path;
}

}  // namespace

void McpArguments::add_to(CLI::App& app, Options& options) {
  constexpr std::uint32_t kMost = 10'000'000;
  McpOptions& mcp = options.mcp;
  auto* url = app.add_option("--url", url_,
                             "the endpoint of an MCP server; without a path, /sse with --transport "
                             "sse and /mcp otherwise")
                  ->capture_default_str();
  app.add_option("--target", target_file_, "a file that describes the server, in its part `mcp`")
      ->excludes(url);
  app.add_option("--tool", tool_, "the tool to call (default: that of the target, or echo)")
      ->check(plain_name);
  app.add_option("--argument", argument_,
                 "its argument, a text that it gives back (default: that of the target, or text)")
      ->check(plain_name);
  options.size = 64;
  app.add_option("--size", options.size, "bytes of this text")
      ->check(CLI::Range(static_cast<std::uint32_t>(kStampBytes), 1U << 20))
      ->capture_default_str();
  app.add_option("--connections", connections_,
                 "connections that call, with one call under way at a time on each")
      ->check(CLI::Range(1U, 65535U))
      ->capture_default_str();
  app.add_option(
         "--era", era_,
         "modern: revision 2026-07-28, without sessions; legacy: 2025-11-25 (default: that of the "
         "target, or modern; with --transport sse or --idle: legacy)")
      ->check(CLI::IsMember({"modern", "legacy"}));
  app.add_option("--transport", transport_,
                 "http: Streamable HTTP; sse: HTTP with SSE, as revision 2024-11-05 has it "
                 "(legacy, at /sse); ws: WebSocket")
      ->check(CLI::IsMember({"http", "sse", "ws"}))
      ->capture_default_str();
  auto* sessions =
      app.add_option("--sessions", mcp.sessions,
                     "sessions, spread over the connections (legacy; default: one on each)")
          ->check(CLI::Range(1U, kMost));
  auto* rate = app.add_option("--rate", options.rate,
                              "calls/s over all connections, whatever the server does (open loop)")
                   ->check(CLI::Range(0.001, 1e7));
  auto* window = app.add_option("--window", window_,
                                "calls under way at most (closed loop; default: as many as there "
                                "are connections)")
                     ->check(CLI::Range(1U, kMost));
  auto* idle = app.add_flag("--idle", idle_, "call nothing: sessions with open streams (legacy)");
  auto* raw = app.add_flag("--raw", mcp.raw,
                           "an answer need only have status 200 and be as long as the first one");
  rate->excludes(window);
  idle->needs(sessions)->excludes(rate)->excludes(window)->excludes(raw);
  idle->excludes(app.get_option("--connections"));
}

Result<void> McpArguments::check(const Options& options) const {
  const McpOptions& mcp = options.mcp;
  const bool http = options.transport == Transport::http;
  if (era_ == "modern" && options.transport == Transport::sse) {
    return fail("bad_usage",
                "--transport sse needs --era legacy: revision 2026-07-28 is not spoken over it.");
  }
  if (era_ == "modern" && idle_) {
    return fail("bad_usage", "--idle needs --era legacy: revision 2026-07-28 has no sessions.");
  }
  if (mcp.sessions != 0 && mcp.era == McpEra::modern) {
    return fail("bad_usage", "--sessions needs --era legacy: revision 2026-07-28 has none.");
  }
  if (mcp.sessions != 0 && !idle_ && mcp.sessions < connections_) {
    return fail("bad_usage", fmt::format("--sessions {} is less than --connections {}: each "
                                         "connection needs one.",
                                         mcp.sessions, connections_));
  }
  if (mcp.raw && (mcp.era == McpEra::legacy || !http)) {
    return fail("bad_usage", "--raw needs --era modern and --transport http.");
  }
  if (idle_ && !http) return fail("bad_usage", "--idle needs --transport http.");
  if (!http && mcp.sessions > connections_) {
    return fail("bad_usage",
                "--sessions needs --transport http: otherwise a session is a "
                "connection.");
  }
  return {};
}

Result<void> McpArguments::take_target(Options& options) const {
  auto target = target_file_.empty() ? target_from_url(url_) : target_from_file(target_file_);
  if (!target) return std::unexpected(target.error());
  if (!target_file_.empty() && !target->has_part("mcp")) {
    return fail("bad_target", fmt::format("{} has no part `mcp`.", target_file_));
  }
  options.target = std::move(*target);
  const McpTarget& mcp = options.target.mcp;
  options.mcp.tool = tool_.empty() ? mcp.tool : tool_;
  options.mcp.argument = argument_.empty() ? mcp.argument : argument_;
  options.mcp.era = era_.empty() ? mcp.era : era_ == "modern" ? McpEra::modern : McpEra::legacy;
  if (options.transport == Transport::sse || idle_) options.mcp.era = McpEra::legacy;
  const bool file = !target_file_.empty();
  options.mcp.path = path_of(file ? "" : url_, mcp, options.transport);
  if (!file) options.target.name = options.mcp.raw ? "HTTP server" : "MCP server";
  return {};
}

Result<void> McpArguments::settle(Options& options) const {
  options.transport = transport_ == "ws"    ? Transport::ws
                      : transport_ == "sse" ? Transport::sse
                                            : Transport::http;
  if (auto taken = take_target(options); !taken) return taken;
  if (auto useful = check(options); !useful) return useful;
  options.kind = Kind::mcp;
  options.subscribers = options.slow_readers = 0;
  options.publishers = connections_;
  options.window = window_ != 0 ? window_ : connections_;
  options.mode = options.rate > 0 ? Mode::open : Mode::closed;
  options.target.ws.headers = {{"Sec-WebSocket-Protocol", "mcp"}};
  if (idle_) {
    options.mode = Mode::idle;
    options.warmup_s = 0;
  }
  if (options.mcp.era == McpEra::legacy && options.mcp.sessions == 0) {
    options.mcp.sessions = connections_;
  }
  return {};
}

}  // namespace ringcast::load
