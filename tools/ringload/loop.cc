#include "tools/ringload/loop.h"

#include <sys/resource.h>

#include <algorithm>

#include "core/uring_driver.h"

namespace ringcast::load {
namespace {

// Large enough for everything a socket has by default, so that one receive takes what has gathered;
// few enough to stay in the cache when receives are short.
constexpr unsigned kBufferBytes = 64 << 10;
constexpr unsigned kBuffers = 128;

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Loop::Loop(std::unique_ptr<Driver> driver) {
  rings_.push_back(std::move(driver));
  now_ns_ = clock_ns();
}

Result<std::unique_ptr<Loop>> Loop::create(std::size_t connections) {
  raise_descriptor_limit();
  std::unique_ptr<Loop> loop(new Loop);
  const std::size_t rings = (connections + kConnectionsPerRing - 1) / kConnectionsPerRing;
  for (std::size_t ring = 0; ring < std::max<std::size_t>(rings, 1); ++ring) {
    auto driver =
        UringDriver::create({.recv_buffers = kBuffers, .recv_buffer_bytes = kBufferBytes});
    if (!driver) return std::unexpected(driver.error());
    loop->rings_.push_back(std::move(*driver));
  }
  loop->finished_.reserve(4096);
  loop->now_ns_ = loop->clock_ns();
  return loop;
}

std::size_t Loop::turn(std::int64_t wait_ns) {
  finished_.clear();
  if (rings_.size() == 1) {
    rings_.front()->turn(wait_ns, finished_);
  } else {
    for (const auto& ring : rings_) ring->turn(0, finished_);
    if (finished_.empty() && wait_ns > 0) {
      wait_on_ = (wait_on_ + 1) % rings_.size();
      rings_[wait_on_]->turn(std::min(wait_ns, kSharedWaitNs), finished_);
    }
  }
  now_ns_ = clock_ns();
  for (const Finished& done : finished_) {
    done.completion->handler(*done.completion, done.result, done.flags, done.tag);
  }
  return finished_.size();
}

}  // namespace ringcast::load
