// A subscriber: a socket, a cursor, and whether a send is in flight. No queue, no coroutine.
//
// What it still has to get is what lies between its cursor and the head of the log; a slow one
// costs this object and its socket's buffer, nothing else. The Hub owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/list.h"
#include "core/operation.h"
#include "core/segment.h"

namespace ringcast {

class Hub;
class Merge;
class TopicView;

// Bytes that one subscriber gets on its own: its response head, a gap event, a farewell.
struct OwnBytes {
  std::uint32_t size;
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  static OwnBytes* create(std::string_view text);
  static void destroy(OwnBytes* own);
};

enum class SubscriberState : std::uint8_t {
  idle,     // has everything
  ready,    // stands in line for the sweep
  sending,  // one send in flight
  ending,   // everything sent, our side shut down, waiting for the peer's end
  closing,  // waiting for the last completions, then for the close
};

enum class CloseReason : std::uint8_t { client, error, timeout, lag, drain, replaced, count };

class Subscriber : public Completion, public ListHook {
 public:
  explicit Subscriber(Hub& hub);
  ~Subscriber();

  Hub& hub;
  Descriptor fd;
  SubscriberState state = SubscriberState::idle;
  CloseReason reason = CloseReason::client;
  std::uint8_t operations = 0;  // with the kernel
  bool polling = false;
  bool beat = false;      // a heartbeat is due
  bool farewell = false;  // end it as soon as it has everything
  bool sending_own = false;
  bool sending_beat = false;
  std::uint32_t in_flight_bytes = 0;
  std::uint32_t in_flight_record = 0;  // the cursor's record when the send is through
  std::uint64_t in_flight_number = 0;  // of the last event in flight
  std::uint32_t last_send_ms = 0;      // of the hub's clock, wraps
  std::uint32_t started_ms = 0;        // of the hub's clock
  std::uint32_t slot = 0;
  TopicView* view = nullptr;  // of a plain subscriber: one topic, everything in it
  Cursor cursor;
  OwnBytes* own = nullptr;
  std::unique_ptr<Merge> merge;  // of a composed one: several topics, patterns or a filter
};

}  // namespace ringcast
