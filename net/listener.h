// Listening sockets, and accepting from them on a core.
//
// Every core has its own socket on the same address (SO_REUSEPORT), so the kernel spreads new
// connections and no core waits for another. Accepted sockets are direct descriptors, which
// RLIMIT_NOFILE bounds per core only; their options are inherited from the listening socket.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/counter.h"
#include "core/operation.h"
#include "core/reactor.h"
#include "core/result.h"
#include "net/address.h"

namespace ringcast {

// Opens a listening socket. `shared`: others of this process will listen on the same address.
// Port 0 takes a free one; the address is updated. Errors: address_in_use, listen_failed.
Result<int> open_listener(SocketAddress& address, bool shared);
// What connections accepted from a TCP listener inherit; for one that somebody else opened.
void set_listener_options(int fd);
// How fast the kernel sends on connections that it accepts from now on (tcp(7):
// SO_MAX_PACING_RATE); 0: as fast as it can. Unix sockets have no such rate.
void set_send_rate(int listener, std::uint64_t bytes_per_s);
// Fails if somebody else listens there: SO_REUSEPORT alone would silently share with a stranger.
// Waits up to half a second for the address; blocks, so it is for the start only.
Result<void> check_free(const SocketAddress& address);

class Acceptor {
 public:
  // The new connection's descriptor now belongs to the callee.
  class Sink {
   public:
    virtual void accepted(Descriptor fd, const SocketAddress& peer) = 0;

   protected:
    ~Sink() = default;
  };

  Acceptor(Reactor& reactor, int listener, Sink& sink);  // takes the listener over
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void start();
  // Accepts no more; what is under way may still be. Clients are refused then, unless others go on
  // to accept from the same socket.
  void stop(bool others_go_on = false);
  int listener() const { return listener_; }
  bool idle() const { return under_way_ == 0; }

  struct Counters {
    Counter accepted, errors, paused;
  } counters;

 private:
  // Several at once, so that a burst needs few turns; each has room for its peer's address, which
  // a multishot accept cannot give.
  static constexpr unsigned kDepth = 8;
  // Descriptors kept for what is not a connection, and for accepts under way.
  static constexpr std::size_t kReserve = 32;
  static constexpr std::int64_t kPauseNs = 20'000'000;

  struct Accept : Completion {
    explicit Accept(Acceptor& of) : Completion(finished), acceptor(of) {}
    Acceptor& acceptor;
    SocketAddress peer;
    bool under_way = false;
  };
  struct Retry : Timer {
    explicit Retry(Acceptor& of) : Timer(expired), acceptor(of) {}
    Acceptor& acceptor;
  };

  void arm(Accept& accept);
  void arm_all();
  bool has_room() const;
  static void finished(Completion& completion, std::int32_t result, std::uint32_t, unsigned);
  static void expired(Timer& timer);

  Reactor& reactor_;
  int listener_;
  Sink& sink_;
  bool stopped_ = false;
  unsigned under_way_ = 0;
  std::array<std::unique_ptr<Accept>, kDepth> accepts_;
  Retry retry_;
};

}  // namespace ringcast
