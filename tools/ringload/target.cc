#include "tools/ringload/target.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>

#include "tools/ringload/text_file.h"
#include "tools/ringload/yaml_section.h"

namespace ringcast::load {
namespace {

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return fail("bad_url", fmt::format("`{}` is no port; ports are 1 to 65535.", text));
  }
  return port;
}

using Section = YamlSection;

void read(Section& section, const char* key, McpEra& into) {
  std::string name = into == McpEra::modern ? "modern" : "legacy";
  section.read(key, name);
  if (name != "modern" && name != "legacy") {
    section.complain(section.child(key), fmt::format("`{}` must be modern or legacy", key));
  }
  into = name == "modern" ? McpEra::modern : McpEra::legacy;
}

// A name that needs no escape in JSON or in a header.
void read_name(Section& section, const char* key, std::string& into) {
  section.read(key, into);
  if (!is_plain_name(into)) {
    section.complain(section.child(key), fmt::format("`{}` must be a name of {}", key, kPlainName));
  }
}

void read_control(Section& ws, std::string& error, WsControl& control) {
  Section section(ws.child("control"), "control", error);
  section.read("caller_path", control.caller_path);
  section.read_with(kRef, "command", control.command);
  section.read("worker_path", control.worker_path);
  section.read("worker_send", control.worker_send);
  section.read("command_mark", control.command_mark);
  section.read("command_ref", control.command_ref);
  section.read_with(kRef, "answer", control.answer);
  section.read("answer_mark", control.answer_mark);
  section.refuse_unknown();
}

// What holds for ringcast holds for no other path.
void read_resume(Section& ws, std::string& error, bool other_path, WsResume& resume) {
  if (other_path) resume.path.clear();
  Section section(ws.child("resume"), "resume", error);
  section.read("path", resume.path);
  section.read("send", resume.send);
  section.read("id", resume.id);
  section.refuse_unknown();
}

void read_ws(Section& top, std::string& error, WsTarget& ws) {
  Section section(top.child("ws"), "ws", error);
  section.read("path", ws.path);
  section.read("headers", ws.headers);
  section.read("send", ws.send);
  section.read("ready", ws.ready);
  section.read("gap", ws.gap);
  section.read("echo_path", ws.echo_path);
  read_resume(section, error, ws.path != WsTarget().path, ws.resume);
  Section publish(section.child("publish"), "publish", error);
  publish.read("path", ws.publish_path);
  publish.read("message", ws.publish_message);
  publish.read("answer", ws.publish_answer);
  publish.refuse_unknown();
  read_control(section, error, ws.control);
  section.refuse_unknown();
}

void read_chunked(Section& top, std::string& error, ChunkedTarget& chunked) {
  Section section(top.child("chunked"), "chunked", error);
  Section subscribe(section.child("subscribe"), "subscribe", error);
  subscribe.read("path", chunked.subscribe_path);
  subscribe.read("headers", chunked.subscribe_headers);
  subscribe.read("gap", chunked.gap);
  subscribe.refuse_unknown();
  Section publish(section.child("publish"), "publish", error);
  publish.read("method", chunked.publish_method);
  publish.read("path", chunked.publish_path);
  publish.read("headers", chunked.publish_headers);
  publish.read_line_with(kPayload, "line", chunked.publish_line);
  publish.read("count", chunked.publish_count);
  publish.refuse_unknown();
  section.refuse_unknown();
}

void read_mcp(Section& top, std::string& error, McpTarget& mcp) {
  Section section(top.child("mcp"), "mcp", error);
  section.read("path", mcp.path);
  section.read("sse_path", mcp.sse_path);
  read(section, "era", mcp.era);
  read_name(section, "tool", mcp.tool);
  read_name(section, "argument", mcp.argument);
  section.refuse_unknown();
}

void render_head(std::string_view method, std::string_view path, const Headers& headers,
                 const Target& target, const TemplateValues& values, std::string& out) {
  out += method;
  out += ' ';
  substitute(path, values, out);
  out += " HTTP/1.1\r\nHost: ";
  out += target.host_header();
  out += "\r\n";
  for (const auto& [name, value] : headers) {
    out += name;
    out += ": ";
    substitute(value, values, out);
    out += "\r\n";
  }
}

}  // namespace

void substitute(std::string_view text, const TemplateValues& values, std::string& out) {
  while (!text.empty()) {
    const std::size_t brace = text.find('{');
    out += text.substr(0, brace);
    if (brace == std::string_view::npos) return;
    text.remove_prefix(brace);
    const auto replace = [&](std::string_view placeholder, std::string_view value) {
      if (!text.starts_with(placeholder)) return false;
      out += value;
      text.remove_prefix(placeholder.size());
      return true;
    };
    if (replace("{topic}", values.topic) || replace("{payload}", values.payload) ||
        replace("{event}", values.event) || replace("{session}", values.session) ||
        replace("{last_id}", values.last_id)) {
      continue;
    }
    out += '{';
    text.remove_prefix(1);
  }
}

bool is_plain_name(std::string_view name) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./";
  return !name.empty() && name.size() <= 128 &&
         name.find_first_not_of(kPlain) == std::string_view::npos;
}

bool Target::has_part(std::string_view part) const {
  return std::ranges::find(parts, part) != parts.end();
}

std::string Target::host_header() const {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<Target> target_from_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    return fail("bad_url", fmt::format("`{}` is no URL of the form http://HOST:PORT.", url));
  }
  std::string_view rest = url.substr(kScheme.size());
  rest = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t bracket = rest.rfind(']');
  const std::size_t colon = rest.rfind(':');
  Target target;
  target.port = 80;
  std::string_view host = rest;
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto port = parse_port(rest.substr(colon + 1));
    if (!port) return std::unexpected(port.error());
    target.port = *port;
    host = rest.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return fail("bad_url", fmt::format("`{}` names no host.", url));
  target.host = host;
  return target;
}

Result<Target> target_from_yaml(std::string_view text, std::string_view file_name) {
  YAML::Node root;
  try {
    root = YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    return fail("bad_target", fmt::format("{}:{}: {}.", file_name, error.mark.line + 1, error.msg));
  }
  if (!root.IsMap()) {
    return fail("bad_target", fmt::format("{}: a target file must be a mapping.", file_name));
  }
  Target target;
  std::string error;
  Section top(root, "target", error);
  top.read("name", target.name);
  top.read("host", target.host);
  top.read("port", target.port);
  Section subscribe(top.child("subscribe"), "subscribe", error);
  subscribe.read("path", target.subscribe_path);
  subscribe.read("headers", target.subscribe_headers);
  subscribe.refuse_unknown();
  Section publish(top.child("publish"), "publish", error);
  publish.read("method", target.publish_method);
  publish.read("path", target.publish_path);
  publish.read("headers", target.publish_headers);
  publish.read("body", target.publish_body);
  publish.refuse_unknown();
  read_ws(top, error, target.ws);
  read_chunked(top, error, target.chunked);
  read_mcp(top, error, target.mcp);
  top.refuse_unknown();
  for (const auto& part : root) target.parts.push_back(part.first.Scalar());
  if (error.empty()) return target;
  return fail("bad_target", fmt::format("{}:{}.", file_name, error));
}

Result<Target> target_from_file(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return fail("bad_target", fmt::format("Cannot read the target file {}.", path));
  return target_from_yaml(*text, path);
}

void render_subscribe(const Target& target, const TemplateValues& values, std::string& out) {
  render_head("GET", target.subscribe_path, target.subscribe_headers, target, values, out);
  if (!values.last_id.empty()) out += fmt::format("Last-Event-ID: {}\r\n", values.last_id);
  out += "\r\n";
}

void render_line_subscribe(const Target& target, const TemplateValues& values, std::string& out) {
  const ChunkedTarget& chunked = target.chunked;
  render_head("GET", chunked.subscribe_path, chunked.subscribe_headers, target, values, out);
  out += "\r\n";
}

void render_line_publish(const Target& target, const TemplateValues& values, std::string& out) {
  const ChunkedTarget& chunked = target.chunked;
  render_head(chunked.publish_method, chunked.publish_path, chunked.publish_headers, target, values,
              out);
  out += "Transfer-Encoding: chunked\r\n\r\n";
}

void render_handshake(const Target& target, std::string_view path, const TemplateValues& values,
                      std::string& out) {
  render_head("GET", path, target.ws.headers, target, values, out);
  out += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  out += fmt::format("Sec-WebSocket-Key: {}\r\n\r\n", kWebSocketKey);
}

void render_publish(const Target& target, const TemplateValues& values, std::string& out) {
  render_head(target.publish_method, target.publish_path, target.publish_headers, target, values,
              out);
  // The body's length is known once it is rendered: the digits are put in afterwards.
  constexpr std::string_view kLength = "Content-Length: 00000000\r\n\r\n";
  out += kLength;
  const std::size_t body_at = out.size();
  substitute(target.publish_body, values, out);
  std::size_t length = out.size() - body_at;
  for (std::size_t digit = body_at - 5; length != 0; --digit, length /= 10) {
    out[digit] = static_cast<char>('0' + length % 10);
  }
}

}  // namespace ringcast::load
