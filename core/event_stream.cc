#include "core/event_stream.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <iterator>

#include "core/utf8.h"

namespace ringcast {
namespace {

constexpr std::string_view kIdField = "id: ";
constexpr std::string_view kEventField = "event: ";
constexpr std::string_view kExceptField = "except: ";
constexpr std::string_view kDataField = "data: ";
constexpr std::size_t kMostTypeBytes = 128;

char* put(char* out, std::string_view text) { return out + text.copy(out, text.size()); }

// The next line of `rest`, which ends at LF, CR or CRLF; `more` is false at the last one.
std::string_view take_line(std::string_view& rest, bool& more) {
  const std::size_t end = rest.find_first_of("\r\n");
  const std::string_view line = rest.substr(0, end);
  more = end != std::string_view::npos;
  if (!more) return line;
  const bool crlf = rest[end] == '\r' && end + 1 < rest.size() && rest[end + 1] == '\n';
  rest.remove_prefix(end + (crlf ? 2 : 1));
  return line;
}

bool has_line_end(std::string_view data) {
  if (data.empty()) return false;  // memchr takes no null pointer, not even for no bytes
  return std::memchr(data.data(), '\n', data.size()) != nullptr ||
         std::memchr(data.data(), '\r', data.size()) != nullptr;
}

std::string_view name_of(GapReason reason) {
  switch (reason) {
    case GapReason::evicted:
      return "evicted";
    case GapReason::epoch:
      return "epoch";
    case GapReason::malformed:
      return "malformed";
    case GapReason::unknown:
      return "unknown";
    case GapReason::lagged:
      return "lagged";
  }
  return "unknown";
}

}  // namespace

bool is_event_type(std::string_view type) {
  return type.size() <= kMostTypeBytes &&
         type.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::uint64_t event_bytes(const NewEvent& event) {
  std::uint64_t lines = 1;
  if (has_line_end(event.data)) {
    for (const char c : event.data) lines += c == '\n' || c == '\r' ? 1 : 0;
  }
  return kIdField.size() + kMostIdBytes + kEventField.size() + event.type.size() +
         kExceptField.size() + event.except.size() + 1 + event.data.size() +
         lines * (kDataField.size() + 1) + 3;
}

char* write_event(char* out, const NewEvent& event, std::uint64_t number, const EventIds& ids) {
  out = put(out, kIdField);
  out = ids.write(out, number);
  *out++ = '\n';
  if (!event.type.empty()) {
    out = put(out, kEventField);
    out = put(out, event.type);
    *out++ = '\n';
  }
  if (!event.except.empty()) {
    out = put(out, kExceptField);
    out = put(out, event.except);
    *out++ = '\n';
  }
  if (!has_line_end(event.data)) {
    out = put(out, kDataField);
    out = put(out, event.data);
    *out++ = '\n';
  } else {
    std::string_view rest = event.data;
    for (bool more = true; more;) {
      out = put(out, kDataField);
      out = put(out, take_line(rest, more));
      *out++ = '\n';
    }
  }
  *out++ = '\n';
  return out;
}

bool is_written_event(std::string_view event, std::uint64_t number, const EventIds& ids) {
  if (!is_valid_utf8(event)) return false;
  std::string first(kIdField);
  first += ids.text(number);
  first += '\n';
  const auto take = [&event](std::string_view field) {
    if (!event.starts_with(field)) return false;
    event.remove_prefix(field.size());
    return true;
  };
  // To the end of a line, which is no CR.
  const auto take_line_of = [&event, &take](std::string_view field, std::string_view& value) {
    if (!take(field)) return false;
    const std::size_t end = event.find('\n');
    if (end == std::string_view::npos) return false;
    value = event.substr(0, end);
    event.remove_prefix(end + 1);
    return value.find('\r') == std::string_view::npos;
  };
  if (!take(first)) return false;
  std::string_view value;
  for (const std::string_view field : {kEventField, kExceptField}) {
    if (!event.starts_with(field)) continue;
    if (!take_line_of(field, value) || value.empty() || !is_event_type(value)) return false;
  }
  if (!take_line_of(kDataField, value)) return false;
  while (event.starts_with(kDataField)) {
    if (!take_line_of(kDataField, value)) return false;
  }
  return event == "\n";
}

std::string_view written_type(std::string_view event) {
  const std::size_t id_end = event.find('\n');
  if (id_end == std::string_view::npos) return {};
  event.remove_prefix(id_end + 1);
  if (!event.starts_with(kEventField)) return {};
  event.remove_prefix(kEventField.size());
  return event.substr(0, event.find('\n'));
}

EventParts parse_event(std::string_view event) {
  EventParts parts;
  const auto take = [&event](std::string_view field) {
    if (!event.starts_with(field)) return std::string_view{};
    const std::size_t end = event.find('\n');
    const std::string_view value = event.substr(field.size(), end - field.size());
    event.remove_prefix(end + 1);
    return value;
  };
  parts.id = take(kIdField);
  parts.type = take(kEventField);
  parts.except = take(kExceptField);
  event.remove_suffix(1);
  parts.data = event;
  return parts;
}

bool next_data_line(std::string_view& data, std::string_view& line) {
  if (data.empty()) return false;
  const std::size_t end = data.find('\n');
  line = data.substr(kDataField.size(), end - kDataField.size());
  data.remove_prefix(end + 1);
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  out += '"';
  for (;;) {
    std::size_t run = 0;
    while (run < text.size() && plain(text[run])) ++run;
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) break;
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  out += '"';
}

void append_id(std::string& out, std::string_view id) {
  out += "id: ";
  out += id;
  out += "\n\n";
}

void append_gap(std::string& out, const Gap& gap, std::string_view resume_id, const EventIds& ids) {
  if (!resume_id.empty()) {
    out += "id: ";
    out += resume_id;
    out += '\n';
  }
  out += "event: gap\ndata: {\"requested\":";
  append_json_string(out, gap.requested);
  out += ",\"earliest\":";
  if (gap.earliest == 0) {
    out += "null";
  } else {
    append_json_string(out, ids.text(gap.earliest));
  }
  out += ",\"reason\":";
  append_json_string(out, name_of(gap.reason));
  out += ",\"topic\":";
  append_json_string(out, gap.topic);
  out += "}\n\n";
}

}  // namespace ringcast
