// Assertions on invariants of the program. They stay in release builds: each costs a predicted
// branch, and a server that goes on with a broken invariant loses events silently.
#pragma once

#include <cstdio>
#include <cstdlib>

#define RINGCAST_CHECK(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
