// Whether the user wants to end (SIGINT, SIGTERM); set from the signal handler of main.
#pragma once

#include <atomic>

namespace ringcast::load {

inline std::atomic<bool> interrupted{false};

}  // namespace ringcast::load
