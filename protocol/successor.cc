#include "protocol/successor.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace ringcast {
namespace {

constexpr std::string_view kFlag = "--takeover";

}  // namespace

std::vector<std::string> successor_command(std::string_view raw) {
  std::vector<std::string> words;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('\0'), raw.size());
    words.emplace_back(raw.substr(0, end));
    raw.remove_prefix(std::min(end + 1, raw.size()));
  }
  if (!words.empty() && std::ranges::find(words, kFlag) == words.end()) {
    words.emplace_back(kFlag);
  }
  return words;
}

Result<Successor> start_successor() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string raw(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> words = successor_command(raw);
  if (words.empty()) return fail("successor_failed", "/proc does not tell our command line.");
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Ours blocks what a thread of its own waits for.
  sigset_t none;
  sigset_t usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  // Both share our memory and stop us until they are done or have become another program.
  volatile pid_t pid = 0;
  volatile int error = 0;
  // A fork would copy the page tables of all histories. NOLINTNEXTLINE(bugprone-unsafe-functions)
  const pid_t between = vfork();
  if (between == 0) {
    pid_t started = 0;
    error = posix_spawnp(&started, arguments[0], nullptr, &attributes, arguments.data(), environ);
    pid = started;
    _exit(0);
  }
  if (between < 0) error = errno;
  posix_spawnattr_destroy(&attributes);
  if (between > 0) waitpid(between, nullptr, 0);
  if (error != 0) {
    return fail("successor_failed",
                fmt::format("Cannot start {}: {}.", words[0], std::strerror(error)));
  }
  return Successor{.pid = pid, .fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
}

bool has_ended(const Successor& successor) {
  // An orphan of ours is our child if we are the first process of a container.
  waitpid(successor.pid, nullptr, WNOHANG);
  pollfd polled{.fd = successor.fd, .events = POLLIN, .revents = 0};
  return successor.fd < 0 || poll(&polled, 1, 0) > 0;
}

}  // namespace ringcast
