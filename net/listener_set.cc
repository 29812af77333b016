#include "net/listener_set.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "net/listener.h"

namespace ringcast {
namespace {

bool is_internet(const SocketAddress& address) {
  return address.storage.ss_family == AF_INET || address.storage.ss_family == AF_INET6;
}

}  // namespace

Result<SocketAddress> listening_address(int fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens == 0 ||
      getsockname(fd, address.get(), &address.length) < 0) {
    return fail("not_listening", fmt::format("Descriptor {} is no socket that listens.", fd));
  }
  return address;
}

bool fits(const SocketAddress& wanted, const SocketAddress& address) {
  if (wanted.storage.ss_family != address.storage.ss_family) return false;
  // The kernel's length of a path may count the zero behind it.
  if (!is_internet(wanted)) return address_text(wanted) == address_text(address);
  if (host_text(wanted) != host_text(address)) return false;
  return port_of(wanted) == 0 || port_of(wanted) == port_of(address);
}

ListenerSet::~ListenerSet() {
  for (const auto& core : by_core_) {
    for (const CoreListener& each : core) ::close(each.fd);
  }
}

Result<std::vector<int>> ListenerSet::open_new(SocketAddress& address, mode_t mode) {
  if (!is_internet(address)) {
    auto listener = open_unix_listener(address, mode, 1);
    if (!listener) return std::unexpected(std::move(listener.error()));
    files_.push_back({std::move(listener->file), listener->descriptors.front()});
    return std::move(listener->descriptors);
  }
  if (auto free = check_free(address); !free) return std::unexpected(std::move(free.error()));
  std::vector<int> sockets;
  while (sockets.size() < by_core_.size()) {
    auto listener = open_listener(address, by_core_.size() > 1);
    if (!listener) {
      for (const int fd : sockets) ::close(fd);
      return std::unexpected(std::move(listener.error()));
    }
    sockets.push_back(*listener);
  }
  return sockets;
}

Result<SocketAddress> ListenerSet::open(const SocketAddress& wanted,
                                        std::vector<InheritedSocket>& inherited, mode_t mode) {
  std::vector<int> sockets;
  SocketAddress address = wanted;
  for (InheritedSocket& each : inherited) {
    if (each.fd < 0 || !fits(address, each.address)) continue;
    address = each.address;
    if (is_internet(address)) set_listener_options(each.fd);
    all_.push_back(each);
    sockets.push_back(std::exchange(each.fd, -1));
  }
  if (sockets.empty()) {
    auto opened = open_new(address, mode);
    if (!opened) return std::unexpected(std::move(opened.error()));
    sockets = std::move(*opened);
    for (const int fd : sockets) all_.push_back({.fd = fd, .address = address});
  } else if (!is_internet(address) && !address_text(address).starts_with("unix:@") &&
             !all_.back().supervised) {
    const auto& path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
    files_.push_back({UnixSocketFile(path), sockets.front()});
    if (chmod(path, mode) < 0 && errno != ENOENT) {  // a file that is gone lets nobody in
      return fail("listen_failed", fmt::format("Cannot set the mode of {}: {}.",
                                               address_text(address), std::strerror(errno)));
    }
  }
  if (auto spread_out = spread(address, sockets); !spread_out) {
    return std::unexpected(std::move(spread_out.error()));
  }
  return address;
}

// More sockets than cores: a core gets several. Fewer: cores share one.
Result<void> ListenerSet::spread(const SocketAddress& address, const std::vector<int>& sockets) {
  const std::size_t cores = by_core_.size();
  const std::size_t which = opened_++;
  for (std::size_t n = 0; n < sockets.size(); ++n) {
    by_core_[n % cores].push_back({sockets[n], which});
  }
  for (std::size_t core = sockets.size(); core < cores; ++core) {
    const int own = sockets[core % sockets.size()];
    const bool supervised = std::ranges::find(all_, own, &InheritedSocket::fd)->supervised;
    const int shared = fcntl(own, F_DUPFD_CLOEXEC, 3);
    if (shared < 0) {
      return fail("listen_failed", fmt::format("Cannot listen on {}: {}.", address_text(address),
                                               std::strerror(errno)));
    }
    by_core_[core].push_back({shared, which});
    all_.push_back({shared, address, supervised});
  }
  return {};
}

std::vector<CoreListener> ListenerSet::take(std::size_t core) { return std::move(by_core_[core]); }

void ListenerSet::leave_files(std::span<const int> sockets) {
  for (File& each : files_) {
    if (std::ranges::find(sockets, each.fd) != sockets.end()) each.file.leave();
  }
}

}  // namespace ringcast
