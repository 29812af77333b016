// A program that serves one address on all cores until SIGINT or SIGTERM.
//
// Who owns what: run_servers() makes one CoreServer a core and destroys it when every core has
// stopped, both on its core's thread. In between only its core touches a server.
//
// The end: on the first signal every core drains; cores that are not finished after the time of
// grace abort what is left. A core stops when its server has finished.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/reactor.h"
#include "core/result.h"

namespace ringcast {

class CoreServer {
 public:
  virtual ~CoreServer() = default;
  virtual void drain() = 0;           // takes nothing new, ends what is idle
  virtual void abort() = 0;           // ends everything now
  virtual bool finished() const = 0;  // nothing is left: the core may stop
};

// Takes the listening socket over.
using MakeCoreServer = std::function<std::unique_ptr<CoreServer>(Reactor&, int listener)>;

inline constexpr std::int64_t kDrainGraceNs = 5'000'000'000;

// Blocks until the end. Errors: those of parse_address, open_listener and Runtime; nothing was
// served then.
Result<void> run_servers(const std::string& address, const MakeCoreServer& make);

}  // namespace ringcast
