// What systemd and the server say to each other: sockets that it opened for us (sd_listen_fds(3)),
// and in which state we are (sd_notify(3)). Without systemd nothing happens.
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/listener_set.h"

namespace ringcast {

// The sockets of $LISTEN_FDS, if they are for this process. Their variables are removed, so that no
// child takes them for its own. Errors: bad_activation, not_listening.
Result<std::vector<InheritedSocket>> activation_sockets();

// Each is one message to $NOTIFY_SOCKET.
void tell_ready();
void tell_reloading();  // ended by tell_ready()
void tell_stopping();
void tell_main_process(pid_t pid);  // it is the service from now on, not we

}  // namespace ringcast
