// Frames between two processes of one machine, over a Unix socket: a type, bytes, descriptors.
//
// It blocks, so it is for threads that are no core's. Every call ends at the deadline, and as soon
// as the descriptor `stop` becomes readable (an eventfd; -1: none).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ringcast {

// A listening socket in the file system, for the owner of the process only. Replaces one that
// nobody listens on any more; with `replace` also one that somebody does. Errors: address_in_use,
// listen_failed.
Result<int> listen_on_path(const std::string& path, bool replace);

class UnixChannel {
 public:
  // Takes the connected socket over.
  UnixChannel(int fd, int stop) : fd_(fd), stop_(stop) {}
  ~UnixChannel();
  UnixChannel(UnixChannel&& other) noexcept;
  UnixChannel(const UnixChannel&) = delete;
  UnixChannel& operator=(const UnixChannel&) = delete;

  // Errors: nobody_there, and connect_failed for everything else.
  static Result<UnixChannel> connect(const std::string& path, int stop = -1);

  // Who is at the other end, as the kernel knows it.
  struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
  };
  Result<Peer> peer() const;

  void set_deadline_in_ms(std::uint64_t ms);

  struct Frame {
    std::uint32_t type = 0;
    std::string bytes;
    std::vector<int> descriptors;  // of whoever receives them
  };
  // As many descriptors as the kernel passes at once.
  static constexpr std::size_t kMostDescriptors = 200;

  // Errors: timeout, closed (by the peer), stopped, channel_failed; with receive too_large.
  Result<void> send(std::uint32_t type, std::string_view bytes,
                    std::span<const int> descriptors = {});
  // The descriptors of a frame that is not returned are closed.
  Result<void> receive(Frame& frame, std::size_t most_bytes);

 private:
  Result<void> wait(short events);
  Result<std::size_t> receive_some(char* to, std::size_t bytes, std::vector<int>* descriptors);
  Result<void> receive_all(char* to, std::size_t bytes, std::vector<int>* descriptors);

  int fd_;
  int stop_;
  std::int64_t deadline_ms_ = 0;
};

}  // namespace ringcast
