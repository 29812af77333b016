// One TCP connection of the client, driven by callbacks: no coroutine and no allocation per event.
//
// Lifecycle: open() → on_connected() → send() → on_sent(), receive() → on_bytes()… → on_end(). It
// lives in its ring as a direct descriptor and must stay where it is until the loop is gone, or
// until on_end() and no send is under way. At any time: abandon() → on_abandoned(), after which it
// can be opened again.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/operation.h"
#include "tools/ringload/address.h"
#include "tools/ringload/arrival_stamp.h"
#include "tools/ringload/loop.h"

namespace ringcast::load {

class Connection : public Completion {
 public:
  Connection(Loop& loop, std::size_t ring);
  virtual ~Connection() = default;

  // `to` must outlive the connecting. False if there is no socket: on_end() was called.
  bool open(const Address& to, const SocketOptions& options);
  bool opened() const { return fd_.valid(); }

 protected:
  // All of the bytes, which must stay until on_sent(). One send at a time.
  void send(std::string_view bytes);
  // The same of what lies in several places; the header and the list in it must stay, too.
  void send_parts(msghdr& parts);
  // Receives once; on_bytes() or on_end() follows.
  void receive();
  void close();
  // Ends it from this side, whatever it is doing. Of its callbacks only on_abandoned() follows,
  // when the kernel has let go of it; at once if it already has.
  void abandon();

  Loop& loop() { return loop_; }
  // Of what on_bytes() gets: when it was collected, or when it came to the kernel (`stamped`).
  std::int64_t arrived_ns() const { return stamp_ ? stamped_ns_ : loop_.now_ns(); }

 private:
  enum Tag : std::uint8_t { kAdopt, kConnect, kSend, kReceive };

  virtual void on_connected() = 0;
  virtual void on_sent() = 0;
  // What came in; valid during the call. Call receive() for more.
  virtual void on_bytes(std::string_view bytes) = 0;
  // Nothing more comes. `error`: 0 when the peer has closed, else what happened (errno) in `where`.
  virtual void on_end(int error, std::string_view where) = 0;
  virtual void on_abandoned() {}

  static std::uint8_t bit(unsigned tag) { return static_cast<std::uint8_t>(1U << tag); }
  static void finish(Completion& completion, std::int32_t result, std::uint32_t flags,
                     unsigned tag);
  void finish_abandoned(std::int32_t result, std::uint32_t flags, unsigned tag);
  void let_go();
  void finish_adopt(std::int32_t result);
  void finish_receive(std::int32_t result, std::uint32_t flags);
  void push(Operation operation, Tag tag);

  Loop& loop_;
  Driver& ring_;
  Descriptor fd_;
  int adopted_ = -1;       // in: ordinary descriptor; out: index
  int ordinary_ = -1;      // to be closed once adopted
  std::uint8_t busy_ = 0;  // a bit for each tag, of which there is one at a time
  bool abandoned_ = false;
  std::unique_ptr<ArrivalStamp> stamp_;
  std::int64_t stamped_ns_ = 0;
  const Address* to_ = nullptr;
};

}  // namespace ringcast::load
