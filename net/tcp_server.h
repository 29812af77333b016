// A TCP server on all cores: every connection is one call of a coroutine.
#pragma once

#include <functional>
#include <string>

#include "core/result.h"
#include "core/socket.h"
#include "core/task.h"

namespace ringcast {

// Serves one connection. When it has returned, what it spawned into socket.scope() is awaited, then
// the socket is closed; it does neither itself.
using TcpFunction = std::function<Task<void>(Socket)>;

// Listens on `address` on all cores until SIGINT or SIGTERM. Then nothing is accepted any more and
// every connection is read to the end of what has come in (receive() gives 0 after that); scopes of
// connections that have not ended 5 s later are cancelled. Errors: see run_servers().
Result<void> serve_tcp(const std::string& address, TcpFunction serve);

}  // namespace ringcast
