// Everything a server listens on: what its configuration names, what systemd opened for it, and
// what it got from the process that it takes over from.
//
// The thread that starts the server opens it all; each core then takes its own.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/listener_set.h"
#include "protocol/config.h"

namespace ringcast {

class ServerListeners {
 public:
  explicit ServerListeners(std::size_t cores) : cores_(cores), clients_(cores), agents_(1) {}

  // What systemd listens on counts as if it stood in config.listen, and is added there. Errors:
  // bad_activation, and those of ListenerSet::open.
  static Result<void> add_activated(Config& config, std::vector<InheritedSocket>& inherited);
  Result<void> open(const Config& config, std::vector<InheritedSocket>& inherited,
                    std::string_view version);

  struct Listener {
    int fd;
    bool proxied;  // connections begin with a PROXY header
  };
  std::vector<Listener> take(std::size_t core);
  std::vector<int> take_agents();  // of core 0

  // Those first that the service manager listens on as well.
  std::vector<int> all() const;
  std::vector<int> supervised() const;
  // A successor accepts from these, and owns the files of those that are Unix sockets.
  void leave_to_successor(std::span<const int> kept);

 private:
  std::vector<int> of_kind(bool supervised) const;

  std::size_t cores_;
  ListenerSet clients_;
  ListenerSet agents_;
  std::vector<bool> proxied_;  // by address
};

}  // namespace ringcast
