#include "net/head_referee.h"

#include <llhttp.h>

#include <array>

#include "net/http_chars.h"

namespace ringcast {
namespace {

struct Reading {
  const RequestHead& head;
  std::size_t names = 0;
  std::size_t values = 0;
  bool complete = false;
  bool same = true;
};

bool same_place(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || a.data() == b.data());
}

Reading& reading_of(llhttp_t* parser) { return *static_cast<Reading*>(parser->data); }

int on_name(llhttp_t* parser, const char* at, std::size_t length) {
  Reading& r = reading_of(parser);
  r.same = r.same && r.names == r.values && r.names < r.head.field_count() &&
           same_place({at, length}, r.head.field(r.names).name);
  ++r.names;
  return 0;
}

int on_value(llhttp_t* parser, const char* at, std::size_t length) {
  Reading& r = reading_of(parser);
  r.same = r.same && r.names == r.values + 1 && r.names <= r.head.field_count() &&
           same_place(chars::trim({at, length}), r.head.field(r.values).value);
  ++r.values;
  return 0;
}

int on_headers_complete(llhttp_t* parser) {
  Reading& r = reading_of(parser);
  const RequestHead& head = r.head;
  const bool has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
  r.complete = true;
  r.same = r.same && r.names == head.field_count() && r.values == head.field_count() &&
           head.content_length.has_value() == has_length &&
           parser->content_length == head.content_length.value_or(0) &&
           head.chunked == ((parser->flags & F_CHUNKED) != 0) &&
           head.chunked == ((parser->flags & F_TRANSFER_ENCODING) != 0);
  return HPE_PAUSED;
}

const llhttp_settings_t& settings() {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_header_field = on_name;
    s.on_header_value = on_value;
    s.on_headers_complete = on_headers_complete;
    return s;
  }();
  return kSettings;
}

// llhttp knows a fixed set of methods, we take any; so it never sees the request line of the
// client. Its state after a line of ours is copied instead.
llhttp_t after_request_line(std::string_view line) {
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings());
  llhttp_execute(&parser, line.data(), line.size());
  return parser;
}

}  // namespace

bool llhttp_agrees(std::string_view fields, const RequestHead& head) {
  static const std::array<llhttp_t, 2> kStarts{after_request_line("POST / HTTP/1.0\r\n"),
                                               after_request_line("POST / HTTP/1.1\r\n")};
  Reading reading{head};
  llhttp_t parser = kStarts[head.version_minor];
  parser.data = &reading;
  const llhttp_errno_t verdict = llhttp_execute(&parser, fields.data(), fields.size());
  return verdict == HPE_PAUSED && reading.complete && reading.same &&
         llhttp_get_error_pos(&parser) == fields.data() + fields.size();
}

}  // namespace ringcast
