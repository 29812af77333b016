// A TCP connection to 127.0.0.1 that closes itself.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace ringcast {

class TcpSocket {
 public:
  TcpSocket() = default;
  // Connects; not valid if nobody listens. `receive_buffer` 0 leaves the kernel's choice.
  explicit TcpSocket(int port, int receive_buffer = 0);
  TcpSocket(TcpSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TcpSocket& operator=(TcpSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~TcpSocket() { close(); }

  bool valid() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool send_all(std::string_view bytes) const;
  // As recv(): 0 at the end, negative on an error; waits if the socket blocks.
  long receive(char* to, std::size_t most) const;
  void set_nonblocking() const;
  void close();
  void reset();  // closes with a RST

 private:
  int fd_ = -1;
};

}  // namespace ringcast
