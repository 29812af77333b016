// The listening sockets of a server, by core: those that somebody opened for it (systemd, or the
// process that it takes over from) where they fit, new ones for the rest.
//
// Who owns what: the set owns its sockets until a core takes them (take). Every core gets a socket
// of each address: one of its own where there are enough (SO_REUSEPORT), else a duplicate, from
// which several cores accept in turn.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "net/address.h"
#include "net/unix_listener.h"

namespace ringcast {

// A core's socket, and which call of open() it came from, counted from 0.
struct CoreListener {
  int fd = -1;
  std::size_t which = 0;
};

// A socket that listens already.
struct InheritedSocket {
  int fd = -1;
  SocketAddress address;
  // The service manager listens on it as well, and goes on when we end: clients wait meanwhile.
  bool supervised = false;
};

// What `fd` is listening on. Error: not_listening.
Result<SocketAddress> listening_address(int fd);
// Port 0 fits any port.
bool fits(const SocketAddress& wanted, const SocketAddress& address);

class ListenerSet {
 public:
  explicit ListenerSet(std::size_t cores) : by_core_(cores) {}
  ~ListenerSet();
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  // Takes over those of `inherited` that fit, and marks them (fd = -1). Returns the address with
  // its port. `mode`: of a Unix socket's file, unless the service manager made it. Errors: those of
  // check_free, open_listener and open_unix_listener.
  Result<SocketAddress> open(const SocketAddress& wanted, std::vector<InheritedSocket>& inherited,
                             mode_t mode = 0660);

  // The core's sockets, which are its own from now on.
  std::vector<CoreListener> take(std::size_t core);
  // The files of these Unix sockets are somebody else's from now on.
  void leave_files(std::span<const int> sockets);
  // All of them, also those that were taken.
  const std::vector<InheritedSocket>& all() const { return all_; }

 private:
  Result<std::vector<int>> open_new(SocketAddress& address, mode_t mode);
  Result<void> spread(const SocketAddress& address, const std::vector<int>& sockets);

  struct File {
    UnixSocketFile file;
    int fd;  // of the first socket that is bound to it
  };
  std::vector<std::vector<CoreListener>> by_core_;
  std::vector<InheritedSocket> all_;
  std::vector<File> files_;
  std::size_t opened_ = 0;
};

}  // namespace ringcast
