#include "net/unix_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace ringcast {
namespace {

constexpr int kBacklog = 4096;

std::unexpected<Error> failed(const SocketAddress& address, int error) {
  const std::string where = address_text(address);
  switch (error) {
    case EADDRINUSE:
      return fail("address_in_use",
                  fmt::format("Somebody else listens on {}; see `ss -lxp`, or choose another "
                              "address with --listen.",
                              where));
    case ENOENT:
      return fail("listen_failed", fmt::format("The directory of {} does not exist.", where));
    case EACCES:
    case EPERM:
      return fail("listen_failed", fmt::format("No permission to make or use {}.", where));
    case ENOTSOCK:
      return fail("listen_failed",
                  fmt::format("{} names a file that is no socket; it is left alone.", where));
    default:
      return fail("listen_failed",
                  fmt::format("Cannot listen on {}: {}.", where, std::strerror(error)));
  }
}

// Removes a socket file that nobody listens on. Otherwise why not, as errno.
int remove_stale(const SocketAddress& address) {
  const char* const path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
  struct stat file{};
  if (lstat(path, &file) < 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(file.st_mode)) return ENOTSOCK;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return errno;
  const int connected = connect(probe, address.get(), address.length);
  const int error = connected < 0 ? errno : EADDRINUSE;
  ::close(probe);
  if (error != ECONNREFUSED) return error == EAGAIN ? EADDRINUSE : error;
  return unlink(path) < 0 ? errno : 0;
}

}  // namespace

UnixSocketFile::UnixSocketFile(std::string path) : path_(std::move(path)) {
  struct stat file{};
  if (stat(path_.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
  remove();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

void UnixSocketFile::remove() {
  struct stat file{};
  const bool ours = !path_.empty() && stat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
                    file.st_ino == inode_;
  if (ours) unlink(path_.c_str());
  path_.clear();
}

Result<UnixListener> open_unix_listener(const SocketAddress& address, mode_t mode,
                                        std::size_t copies) {
  const char* const path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
  const bool abstract = path[0] == '\0';
  if (const int error = abstract ? 0 : remove_stale(address)) return failed(address, error);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(address, errno);
  // The file is never there with other permissions; no other thread makes files yet.
  const mode_t before = umask(~mode & 0777U);
  const int bound = bind(fd, address.get(), address.length);
  const int error = errno;
  umask(before);
  if (bound < 0 || ::listen(fd, kBacklog) < 0) {
    const int why = bound < 0 ? error : errno;
    ::close(fd);
    return failed(address, why);
  }
  UnixListener listener{.descriptors = {fd}, .file = {}};
  if (!abstract) listener.file = UnixSocketFile(path);
  while (listener.descriptors.size() < copies) {
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      const int why = errno;
      for (const int open : listener.descriptors) ::close(open);
      return failed(address, why);
    }
    listener.descriptors.push_back(copy);
  }
  return listener;
}

}  // namespace ringcast
