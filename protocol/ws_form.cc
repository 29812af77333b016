#include "protocol/ws_form.h"

#include <fmt/format.h>

#include <iterator>

namespace ringcast {
namespace {

constexpr int kLevel = 3;                    // of zlib: nearly all of the gain, at half of the time
constexpr std::size_t kWorthDeflating = 64;  // bytes; shorter messages do not become shorter

bool must_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// The inside of a JSON string (RFC 8259 §7). `text` is valid UTF-8: publishing saw to that.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && !must_escape(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    if (plain == text.size()) return;
    const char c = text[plain];
    text.remove_prefix(plain + 1);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\t') {
      out += "\\t";
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
  }
}

void put_frame(std::vector<char>& out, std::string_view payload, bool compressed) {
  char header[kMostWsHeaderBytes];
  char* const end = write_frame_header(header, WsOpcode::text, payload.size(), true, compressed);
  out.insert(out.end(), &header[0], end);
  out.insert(out.end(), payload.begin(), payload.end());
}

}  // namespace

void append_text_frame(std::string& out, std::string_view text) {
  char header[kMostWsHeaderBytes];
  out.append(header, write_frame_header(header, WsOpcode::text, text.size()));
  out.append(text);
}

std::string_view WsForm::text_of(std::string_view topic, std::string_view event,
                                 std::string_view id) {
  EventParts parts = parse_event(event);
  if (id.empty()) id = parts.id;
  text_.clear();
  text_ += '{';
  if (!id.empty()) {
    text_ += "\"id\":\"";
    text_ += id;
    text_ += "\",";
  }
  text_ += "\"topic\":\"";
  text_ += topic;  // has nothing that would have to be escaped (core/topic_name.h)
  text_ += "\",\"event\":\"";
  append_escaped(text_, parts.type.empty() ? std::string_view("message") : parts.type);
  text_ += "\",\"data\":\"";
  std::string_view line;
  for (bool first = true; next_data_line(parts.data, line); first = false) {
    if (!first) text_ += "\\n";
    append_escaped(text_, line);
  }
  text_ += "\"}";
  return text_;
}

void WsForm::append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                          std::string_view id) {
  put_frame(out, text_of(topic, event, id), false);
}

void WsForm::append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                        const EventIds& ids) {
  std::string event;
  ringcast::append_gap(event, gap, resume_id, ids);
  append_text_frame(out, text_of(gap.topic, event, {}));
}

void WsForm::append_id(std::string& out, std::string_view id) {
  append_text_frame(out, fmt::format("{{\"type\":\"position\",\"id\":\"{}\"}}", id));
}

std::string_view WsForm::heartbeat() const { return {"\x89\0", 2}; }

void WsForm::append_farewell(std::string& out, std::uint64_t retry_ms) {
  append_text_frame(out, fmt::format("{{\"type\":\"drain\",\"retry_ms\":{}}}", retry_ms));
  append_close_frame(out, ws_close::kGoingAway, "The server is shutting down.");
}

WsDeflateForm::WsDeflateForm(WsForm& plain, int window_bits, int level)
    : plain_(plain),
      deflater_({.window_bits = window_bits, .level = level, .keep_context = false}) {}

void WsDeflateForm::append_event(std::vector<char>& out, std::string_view topic,
                                 std::string_view event, std::string_view id) {
  const std::string_view text = text_of(topic, event, id);
  compressed_.clear();
  const bool shorter = text.size() >= kWorthDeflating && deflater_.compress(text, compressed_) &&
                       compressed_.size() < text.size();
  if (shorter) {
    put_frame(out, {compressed_.data(), compressed_.size()}, true);
  } else {
    put_frame(out, text, false);
  }
}

WsDeflateForm& WsForms::deflated(int window_bits) {
  std::unique_ptr<WsDeflateForm>& form = deflated_[static_cast<std::size_t>(window_bits)];
  if (!form) form = std::make_unique<WsDeflateForm>(plain_, window_bits, kLevel);
  return *form;
}

}  // namespace ringcast
