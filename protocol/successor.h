// Starting the process that is to take over from this one: its own command, from its own path,
// where a newer program may lie by now.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ringcast {

// The words of this process's command line as the kernel has them (`raw`: each ended by a NUL),
// with
// --takeover.
std::vector<std::string> successor_command(std::string_view raw);

// A process that is nobody's child here.
struct Successor {
  pid_t pid = 0;
  int fd = -1;  // pidfd_open(2)
};

// It is left to whoever takes orphans, as systemd does with those of its services: systemd waits
// only for the end of its own children, and kills others. Error: successor_failed.
Result<Successor> start_successor();
bool has_ended(const Successor& successor);

}  // namespace ringcast
