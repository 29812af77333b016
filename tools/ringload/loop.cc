#include "tools/ringload/loop.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>

#include "core/uring_driver.h"

namespace ringcast::load {
namespace {

// Large enough for everything a socket has by default, so that one receive takes what has gathered;
// few enough to stay in the cache when receives are short.
constexpr unsigned kBufferBytes = 64 << 10;
constexpr unsigned kBuffers = 128;

// What the limit is then.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

constexpr std::int64_t kMostLateNs = 10'000'000'000;

std::int64_t wall_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

Loop::Loop(std::unique_ptr<Driver> driver) {
  rings_.push_back(std::move(driver));
  now_ns_ = clock_ns();
}

Result<std::unique_ptr<Loop>> Loop::create(std::size_t connections) {
  const std::size_t limit = raise_descriptor_limit();
  // A twentieth is left for connections that were closed and whose places are not free yet.
  const std::size_t each = std::clamp<std::size_t>(limit / 20 * 19, 1, kConnectionsPerRing);
  const std::size_t rings = (connections + each - 1) / each;
  if (rings > kMostRings) {
    return fail("too_few_descriptors",
                fmt::format("{} connections are more than the limit of open files ({}, ulimit -Hn) "
                            "allows here, which is {}: raise it.",
                            connections, limit, kMostRings * each));
  }
  std::unique_ptr<Loop> loop(new Loop);
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

std::int64_t Loop::on_loops_clock(std::int64_t wall_ns) {
  if (compared_ns_ != now_ns_) {
    wall_ahead_ns_ = wall_clock_ns() - clock_ns();
    compared_ns_ = now_ns_;
  }
  const std::int64_t at_ns = wall_ns - wall_ahead_ns_;
  return at_ns > now_ns_ || at_ns < now_ns_ - kMostLateNs ? now_ns_ : at_ns;
}

}  // namespace ringcast::load
