// Events as lines of JSON (NDJSON), for streams over HTTP: the texts of protocol/event_message.h,
// each with its line feed, encoded once for all subscribers of a core who share the form.
//
// Over HTTP/1.1 every line is a chunk (RFC 9112 §7.1), so that a client can tell a stream that came
// to its end from one that was cut off. HTTP/1.0 has no chunks: the stream ends with the
// connection.
//
// A gap is an event `gap`; a heartbeat an empty line; a position without an event
// `{"type":"position","id":"…"}`. The last line of a drained server is
// `{"type":"drain","retry_ms":N}`, that of a stream whose access has ended
// `{"type":"error","error":{"code":"…","message":"…"}}`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/wire_form.h"
#include "protocol/auth/standing.h"
#include "protocol/event_message.h"

namespace ringcast {

class LinesForm final : public WireForm {
 public:
  explicit LinesForm(bool chunked) : chunked_(chunked) {}

  void append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                    std::string_view id) override;
  void append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                  const EventIds& ids) override;
  void append_id(std::string& out, std::string_view id) override;
  std::string_view heartbeat() const override;
  void append_farewell(std::string& out, std::uint64_t retry_ms) override;

  // `text` has no line end.
  void append_line(std::string& out, std::string_view text) const;
  // The last bytes of a stream whose access has ended; of static storage.
  std::string_view ending(StandingEnd why) const;

 private:
  bool chunked_;
  EventMessage message_;
};

// The forms of a core.
class LinesForms {
 public:
  LinesForm& of(bool chunked) { return chunked ? chunks_ : plain_; }

 private:
  LinesForm plain_{false};
  LinesForm chunks_{true};
};

}  // namespace ringcast
