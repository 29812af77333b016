// A subscriber: a socket, a cursor, and whether a send is in flight. No queue, no coroutine.
//
// What it still has to get is what lies between its cursor and the head of the log; a slow one
// costs this object and its socket's buffer, nothing else. The Hub owns it.
//
// A subscriber may have an input: then the hub also receives, and the input gets what came in.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/form_log.h"
#include "core/list.h"
#include "core/operation.h"
#include "core/reactor.h"
#include "core/segment.h"

namespace ringcast {

class Hub;
class Merge;
class Subscriber;
class TopicView;

// Bytes that one subscriber gets on its own: its response head, a gap event, a farewell.
struct OwnBytes {
  std::uint32_t size;
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  static OwnBytes* create(std::string_view text);
  static void destroy(OwnBytes* own);
};

enum class CloseReason : std::uint8_t {
  client,
  error,
  timeout,
  lag,
  drain,
  replaced,
  expired,  // Subscription::ends_at_ns
  revoked,  // whoever it belongs to may not any more
  count
};
std::string_view close_reason_name(CloseReason reason);

// What a subscriber that also speaks is told. All calls come from the hub, on its core. The
// subscriber and whoever works for it share the input; the subscriber may go first.
class SubscriberInput {
 public:
  virtual ~SubscriberInput() = default;

  // Null before it has joined and as soon as it closes.
  Subscriber* subscriber() const { return subscriber_; }

 protected:
  // It joins: what is appended to `head` is sent before the first event.
  virtual void joining(const Subscriber& /*subscriber*/, std::string& /*head*/) {}
  // Bytes came in; they may be changed, and are gone when this returns. False: nothing more is
  // received until Hub::receive().
  virtual bool received(std::span<char> bytes) = 0;
  // Everything that was given with Hub::say() is with the kernel.
  virtual void said() {}
  // The subscriber goes: subscriber() is null already.
  virtual void closed(CloseReason reason) = 0;

 private:
  friend class Hub;
  Subscriber* subscriber_ = nullptr;
};

// A coroutine that waits until no send of a subscriber is in flight.
struct StillWaiter {
  std::coroutine_handle<> handle;
  bool open = true;
};

enum class SubscriberState : std::uint8_t {
  idle,     // has everything
  ready,    // stands in line for the sweep
  sending,  // one send in flight
  ending,   // everything sent, our side shut down, waiting for the peer's end
  closing,  // waiting for the last completions, then for the close
};

// What a subscriber with an input needs beyond the others.
struct Duplex {
  std::shared_ptr<SubscriberInput> input;
  std::unique_ptr<BufferWaiter> waiter;  // a receive that found no buffer
  StillWaiter* still = nullptr;
  std::uint32_t last_heard_ms = 0;  // of the hub's clock
  bool pinged = false;              // since then
  bool receiving = false;
  bool paused = false;  // gets what is its own, and no events
};

class Subscriber : public Completion, public ListHook {
 public:
  explicit Subscriber(Hub& hub);
  ~Subscriber();

  Hub& hub;
  Descriptor fd;
  SubscriberState state = SubscriberState::idle;
  CloseReason reason = CloseReason::client;
  std::uint8_t operations = 0;  // with the kernel
  bool polling : 1 = false;
  bool beat : 1 = false;        // a heartbeat is due
  bool farewell : 1 = false;    // end it as soon as it has everything
  bool last_words : 1 = false;  // end it as soon as its own bytes are out
  bool sending_beat : 1 = false;
  std::uint32_t in_flight_bytes = 0;
  std::uint32_t in_flight_record = 0;  // the cursor's record when the send is through
  std::uint64_t in_flight_number = 0;  // of the last event in flight
  std::uint32_t last_send_ms = 0;      // of the hub's clock, wraps
  std::uint32_t started_ms = 0;        // of the hub's clock
  std::uint32_t slot = 0;
  std::uint32_t serial = 0;   // with the slot and the core, a name that no other has soon
  TopicView* view = nullptr;  // of a plain subscriber: one topic, everything in it
  Cursor cursor;
  OwnBytes* own = nullptr;  // waiting
  OwnBytes* own_in_flight = nullptr;
  WireForm* form;                   // the log's own, or one that is made from it
  FormLog::Block* block = nullptr;  // in flight, of another form
  std::unique_ptr<Merge> merge;     // of a composed one: several topics, patterns or a filter
  std::unique_ptr<Duplex> duplex;

  bool paused() const { return duplex && duplex->paused; }
};

static_assert(sizeof(Subscriber) <= 160);  // there are very many

}  // namespace ringcast
