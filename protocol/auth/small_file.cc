#include "protocol/auth/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringcast {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

std::unexpected<Error> system_error() { return fail("unreadable_file", std::strerror(errno)); }

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t most_bytes) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return system_error();
  std::string text;
  std::size_t length = 0;
  for (;;) {
    text.resize(std::min(length + 16'384, most_bytes + 1));
    const ssize_t got = read(file.fd, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error();
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
    if (length <= most_bytes) continue;
    return fail("unreadable_file", fmt::format("It has more than {} bytes", most_bytes));
  }
  text.resize(length);
  return text;
}

}  // namespace ringcast
