// What `ringload sse` was asked to do.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/ringload/target.h"

namespace ringcast::load {

enum class Mode : std::uint8_t {
  closed,  // a window of events under way
  open,    // a rate that nothing slows down
  idle,    // nothing is published
};

struct Options {
  Target target;
  Mode mode = Mode::closed;
  std::uint32_t subscribers = 1000;
  std::uint32_t slow_readers = 0;  // in addition
  std::uint32_t publishers = 1;
  std::uint32_t topics = 1;
  double rate = 0;  // events/s over all publishers; open loop
  std::uint32_t window = 64;
  std::uint32_t pipeline = 1;  // unanswered requests per publisher
  std::uint32_t size = 128;    // bytes of payload
  double ramp = 5000;          // connects/s; 0: no limit
  double warmup_s = 1;
  double time_s = 5;
  std::string topic_prefix = "load";
  std::string event = "load";
  std::vector<pid_t> server_pids;
  int cpu = -1;  // -1: wherever the system puts us
  std::string json_file;
  bool raise_backlog = false;
  bool quiet = false;
  bool strict = false;
};

}  // namespace ringcast::load
