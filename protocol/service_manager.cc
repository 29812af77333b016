#include "protocol/service_manager.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <ctime>
#include <string>

#include "protocol/log.h"

namespace ringcast {
namespace {

constexpr int kFirstActivated = 3;  // SD_LISTEN_FDS_START
constexpr int kMostActivated = 4096;

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

bool read_number(std::string_view text, long& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

void notify(std::string_view state) {
  const std::string_view path = environment("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  if (sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address),
             length) < 0) {
    log_warn("the service manager cannot be told", {{"state", state}});
  }
  ::close(fd);
}

}  // namespace

Result<std::vector<InheritedSocket>> activation_sockets() {
  long pid = 0;
  long count = 0;
  std::vector<InheritedSocket> sockets;
  const std::string_view count_text = environment("LISTEN_FDS");
  if (!read_number(environment("LISTEN_PID"), pid) || pid != getpid()) return sockets;
  if (!read_number(count_text, count) || count < 0 || count > kMostActivated) {
    return fail("bad_activation",
                fmt::format("LISTEN_FDS is `{}`, which is no number of sockets.", count_text));
  }
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  for (int fd = kFirstActivated; fd < kFirstActivated + count; ++fd) {
    auto address = listening_address(fd);
    if (!address) return std::unexpected(std::move(address.error()));
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockets.push_back({.fd = fd, .address = *address, .supervised = true});
  }
  return sockets;
}

void tell_ready() { notify(fmt::format("READY=1\nMAINPID={}", getpid())); }

void tell_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  notify(
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000));
}

void tell_stopping() { notify("STOPPING=1"); }

void tell_main_process(pid_t pid) { notify(fmt::format("MAINPID={}", pid)); }

}  // namespace ringcast
