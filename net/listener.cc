#include "net/listener.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace ringcast {
namespace {

constexpr int kBacklog = 4096;
// How much may lie unsent in a socket: beyond, a slow reader costs its cursor only.
constexpr int kNotSentLowWater = 128 << 10;
// The kernel takes down the ring of a killed process some milliseconds after the process has ended,
// and its listener only then: who starts the next one at once would find the address taken.
constexpr int kFreeTries = 50;
constexpr std::chrono::milliseconds kFreePause{10};

int open_bound(const SocketAddress& address, bool shared) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (address.storage.ss_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  set_listener_options(fd);
  if (bind(fd, address.get(), address.length) < 0) {
    const int error = errno;
    ::close(fd);
    return -error;
  }
  return fd;
}

std::unexpected<Error> explain(const SocketAddress& address, int error) {
  const std::string where = address_text(address);
  switch (error) {
    case EADDRINUSE:
      return fail("address_in_use",
                  fmt::format("Somebody else listens on {}; see `ss -ltnp`, or choose another "
                              "address with --listen.",
                              where));
    case EACCES:
      return fail("listen_failed",
                  fmt::format("No permission to listen on {}; ports below 1024 need "
                              "CAP_NET_BIND_SERVICE.",
                              where));
    case EADDRNOTAVAIL:
      return fail("listen_failed", fmt::format("{} is no address of this machine.", where));
    default:
      return fail("listen_failed",
                  fmt::format("Cannot listen on {}: {}.", where, std::strerror(error)));
  }
}

}  // namespace

Result<void> check_free(const SocketAddress& address) {
  int fd = open_bound(address, false);
  for (int tries = kFreeTries; fd == -EADDRINUSE && tries > 0; --tries) {
    std::this_thread::sleep_for(kFreePause);
    fd = open_bound(address, false);
  }
  if (fd < 0) return explain(address, -fd);
  ::close(fd);
  return {};
}

void set_listener_options(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentLowWater, sizeof kNotSentLowWater);
}

void set_send_rate(int listener, std::uint64_t bytes_per_s) {
  const std::uint64_t rate = bytes_per_s == 0 ? ~std::uint64_t{0} : bytes_per_s;
  (void)setsockopt(listener, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
}

Result<int> open_listener(SocketAddress& address, bool shared) {
  const int fd = open_bound(address, shared);
  if (fd < 0) return explain(address, -fd);
  if (listen(fd, kBacklog) < 0) {
    const int error = errno;
    ::close(fd);
    return explain(address, error);
  }
  getsockname(fd, address.get(), &address.length);
  return fd;
}

Acceptor::Acceptor(Reactor& reactor, int listener, Sink& sink)
    : reactor_(reactor), listener_(listener), sink_(sink), retry_(*this) {
  for (auto& accept : accepts_) accept = std::make_unique<Accept>(*this);
}

Acceptor::~Acceptor() {
  if (listener_ >= 0) ::close(listener_);
}

void Acceptor::start() { arm_all(); }

void Acceptor::stop(bool others_go_on) {
  if (stopped_) return;
  stopped_ = true;
  TimerWheel::disarm(retry_);
  Operation cancel{.code = OpCode::cancel_all, .fd = Descriptor::ordinary(listener_)};
  reactor_.push(cancel);
  if (others_go_on) return;
  // Refuses new connections at once, so that clients go elsewhere.
  Operation shut{
      .code = OpCode::shutdown, .fd = Descriptor::ordinary(listener_), .size = SHUT_RDWR};
  reactor_.push(shut);
}

bool Acceptor::has_room() const {
  const std::uint64_t most = reactor_.driver().counters().direct_descriptors_max;
  return reactor_.direct_descriptors() + under_way_ + kReserve < most;
}

void Acceptor::arm_all() {
  for (auto& accept : accepts_) {
    if (accept->under_way) continue;
    if (!has_room()) {
      // The backlog holds what comes until a connection ends.
      counters.paused.add();
      reactor_.timers().arm(retry_, reactor_.now_ns() + kPauseNs);
      return;
    }
    arm(*accept);
  }
}

void Acceptor::arm(Accept& accept) {
  accept.under_way = true;
  ++under_way_;
  accept.peer.length = sizeof accept.peer.storage;
  Operation operation{.code = OpCode::accept, .fd = Descriptor::ordinary(listener_)};
  operation.address = accept.peer.get();
  operation.address_length = &accept.peer.length;
  operation.completion = &accept;
  reactor_.push(operation);
}

void Acceptor::finished(Completion& completion, std::int32_t result, std::uint32_t, unsigned) {
  auto& accept = static_cast<Accept&>(completion);
  Acceptor& self = accept.acceptor;
  accept.under_way = false;
  --self.under_way_;
  if (result >= 0) {
    self.counters.accepted.add();
    self.reactor_.opened_descriptor();
    self.sink_.accepted(Descriptor::direct(result), accept.peer);
  } else if (result != -ECANCELED) {
    self.counters.errors.add();
  }
  if (self.stopped_) return;
  const bool exhausted = result == -ENFILE || result == -EMFILE || result == -ENOMEM;
  if (exhausted || !self.has_room()) {
    self.counters.paused.add();
    self.reactor_.timers().arm(self.retry_, self.reactor_.now_ns() + kPauseNs);
  } else {
    self.arm(accept);
  }
}

void Acceptor::expired(Timer& timer) { static_cast<Retry&>(timer).acceptor.arm_all(); }

}  // namespace ringcast
