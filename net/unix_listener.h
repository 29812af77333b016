// Listening Unix sockets.
//
// One socket serves all cores: there is no SO_REUSEPORT, so each core accepts from a duplicate of
// the same descriptor. The file belongs to whoever bound it, until it ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/result.h"
#include "net/address.h"

namespace ringcast {

// The file of a listening socket; removed in the end, unless another one has taken its place.
class UnixSocketFile {
 public:
  UnixSocketFile() = default;
  explicit UnixSocketFile(std::string path);  // which exists
  ~UnixSocketFile() { remove(); }
  UnixSocketFile(UnixSocketFile&& other) noexcept { *this = std::move(other); }
  UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;

  void remove();
  void leave() { path_.clear(); }  // it is somebody else's now

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixListener {
  std::vector<int> descriptors;  // as many as were asked for, of the same socket
  UnixSocketFile file;
};

// `mode`: of the file, as chmod takes it. A file that a server left behind is replaced; one that
// somebody listens on, or that is no socket, is not. Errors: address_in_use, listen_failed.
Result<UnixListener> open_unix_listener(const SocketAddress& address, mode_t mode,
                                        std::size_t copies);

}  // namespace ringcast
