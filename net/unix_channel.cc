#include "net/unix_channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace ringcast {
namespace {

// A frame's bytes come in such pieces: what a header says is believed only as it comes.
constexpr std::size_t kPieceBytes = 1 << 20;

struct Header {
  std::uint32_t type;
  std::uint32_t descriptors;
  std::uint64_t bytes;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool fill_in(sockaddr_un& address, const std::string& path) {
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return true;
}

std::unexpected<Error> explain(std::string_view code, std::string_view what,
                               const std::string& path) {
  return fail(code, fmt::format("{} {}: {}.", what, path, std::strerror(errno)));
}

void take_descriptors(const msghdr& message, std::vector<int>* to) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t n = 0; n < count; ++n) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + n * sizeof fd, sizeof fd);
      if (to != nullptr) {
        to->push_back(fd);
      } else {
        ::close(fd);
      }
    }
  }
}

}  // namespace

Result<int> listen_on_path(const std::string& path, bool replace) {
  sockaddr_un address{};
  // Under another name first: who connects finds either the old socket or the new one.
  const std::string fresh = fmt::format("{}.{}", path, getpid());
  if (!fill_in(address, fresh)) return fail("listen_failed", path + " is too long a path.");
  if (!replace && UnixChannel::connect(path)) {
    return fail("address_in_use",
                fmt::format("A server that runs is at {}; --takeover takes over from it.", path));
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return explain("listen_failed", "Cannot listen on", path);
  ::unlink(fresh.c_str());
  const mode_t mask = umask(0177);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  umask(mask);
  if (!bound || listen(fd, 8) < 0 || rename(fresh.c_str(), path.c_str()) < 0) {
    auto error = explain("listen_failed", "Cannot listen on", path);
    ::close(fd);
    ::unlink(fresh.c_str());
    return error;
  }
  return fd;
}

UnixChannel::~UnixChannel() {
  if (fd_ >= 0) ::close(fd_);
}

UnixChannel::UnixChannel(UnixChannel&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), stop_(other.stop_), deadline_ms_(other.deadline_ms_) {}

Result<UnixChannel> UnixChannel::connect(const std::string& path, int stop) {
  sockaddr_un address{};
  if (!fill_in(address, path)) return fail("connect_failed", path + " is too long a path.");
  UnixChannel channel(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), stop);
  if (channel.fd_ < 0 ||
      ::connect(channel.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
    return explain(nobody ? "nobody_there" : "connect_failed", "Cannot connect to", path);
  }
  return channel;
}

Result<UnixChannel::Peer> UnixChannel::peer() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
    return fail("channel_failed", "The kernel does not say who is there.");
  }
  return Peer{.pid = credentials.pid, .uid = credentials.uid};
}

void UnixChannel::set_deadline_in_ms(std::uint64_t ms) {
  deadline_ms_ = now_ms() + static_cast<std::int64_t>(ms);
}

Result<void> UnixChannel::wait(short events) {
  std::array<pollfd, 2> polled{pollfd{.fd = fd_, .events = events, .revents = 0},
                               pollfd{.fd = stop_, .events = POLLIN, .revents = 0}};
  for (;;) {
    const std::int64_t left_ms = deadline_ms_ - now_ms();
    if (left_ms <= 0) return fail("timeout", "It took too long.");
    const int ready = ::poll(polled.data(), polled.size(),
                             static_cast<int>(std::min<std::int64_t>(left_ms, 60'000)));
    if (ready < 0 && errno != EINTR) return fail("channel_failed", std::strerror(errno));
    if (ready <= 0) continue;
    if (polled[1].revents != 0) return fail("stopped", "This server is shutting down.");
    return {};
  }
}

Result<void> UnixChannel::send(std::uint32_t type, std::string_view bytes,
                               std::span<const int> descriptors) {
  Header header{.type = type,
                .descriptors = static_cast<std::uint32_t>(descriptors.size()),
                .bytes = bytes.size()};
  std::string_view head(reinterpret_cast<const char*>(&header), sizeof header);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  while (!head.empty() || !bytes.empty()) {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                               iovec{const_cast<char*>(bytes.data()), bytes.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    if (!descriptors.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
      cmsghdr* const part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
      std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
    }
    if (auto ready = wait(POLLOUT); !ready) return ready;
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) continue;
      if (errno == EPIPE || errno == ECONNRESET) return fail("closed", "The other end is gone.");
      return fail("channel_failed", std::strerror(errno));
    }
    descriptors = {};
    const std::size_t of_head = std::min(static_cast<std::size_t>(sent), head.size());
    head.remove_prefix(of_head);
    bytes.remove_prefix(static_cast<std::size_t>(sent) - of_head);
  }
  return {};
}

Result<std::size_t> UnixChannel::receive_some(char* to, std::size_t bytes,
                                              std::vector<int>* descriptors) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  for (;;) {
    if (auto ready = wait(POLLIN); !ready) return std::unexpected(std::move(ready.error()));
    iovec part{to, bytes};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(fd_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      return fail("closed", "The other end is gone.");
    }
    if (got < 0) return fail("channel_failed", std::strerror(errno));
    take_descriptors(message, descriptors);
    return static_cast<std::size_t>(got);
  }
}

Result<void> UnixChannel::receive_all(char* to, std::size_t bytes, std::vector<int>* descriptors) {
  while (bytes > 0) {
    const auto got = receive_some(to, bytes, descriptors);
    if (!got) return std::unexpected(got.error());
    to += *got;
    bytes -= *got;
  }
  return {};
}

Result<void> UnixChannel::receive(Frame& frame, std::size_t most_bytes) {
  Header header{};
  std::vector<int> descriptors;
  const auto receive_parts = [&]() -> Result<void> {
    if (auto got = receive_all(reinterpret_cast<char*>(&header), sizeof header, &descriptors);
        !got) {
      return got;
    }
    if (header.bytes > most_bytes) return fail("too_large", "A frame is too large.");
    if (header.descriptors != descriptors.size()) {
      return fail("channel_failed", "Descriptors were lost on their way.");
    }
    frame.bytes.clear();
    while (frame.bytes.size() < header.bytes) {
      const std::size_t at = frame.bytes.size();
      frame.bytes.resize(at + std::min<std::size_t>(kPieceBytes, header.bytes - at));
      if (auto got = receive_all(frame.bytes.data() + at, frame.bytes.size() - at, nullptr); !got) {
        return got;
      }
    }
    return {};
  };
  if (auto received = receive_parts(); !received) {
    for (const int fd : descriptors) ::close(fd);
    return received;
  }
  frame.type = header.type;
  frame.descriptors = std::move(descriptors);
  return {};
}

}  // namespace ringcast
