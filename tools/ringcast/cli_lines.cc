#include "tools/ringcast/cli_lines.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tools/ringcast/cli_client.h"

namespace ringcast {

Task<Result<bool>> LineSource::more(Scope* scope) {
  if (ended_) co_return true;
  // Also what cannot be polled can be read: an error of the poll is left to the read.
  if (co_await ready_for(*scope, STDIN_FILENO, POLLIN) == -ECANCELED) co_return false;
  std::array<char, 64 << 10> bytes;
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count < 0 && errno != EINTR && errno != EAGAIN) {
    co_return fail("read_failed",
                   fmt::format("Cannot read standard input: {}.", std::strerror(errno)));
  }
  if (count == 0) {
    ended_ = true;
    if (complete_ < buffer_.size()) buffer_ += '\n';
    complete_ = buffer_.size();
  }
  if (count > 0) {
    const std::string_view read(bytes.data(), static_cast<std::size_t>(count));
    const std::size_t last = read.rfind('\n');
    if (last != std::string_view::npos) complete_ = buffer_.size() + last + 1;
    buffer_ += read;
    if (buffer_.size() - complete_ > kLineBytesMax) {
      co_return fail("line_too_long", fmt::format("A line has more than {} bytes.", kLineBytesMax));
    }
  }
  co_return true;
}

std::string_view LineSource::lines(std::size_t most_bytes) const {
  const std::string_view all(buffer_.data() + begin_, complete_ - begin_);
  if (all.size() <= most_bytes) return all;
  const std::size_t last = all.rfind('\n', most_bytes - 1);
  return all.substr(0, (last != std::string_view::npos ? last : all.find('\n')) + 1);
}

void LineSource::take(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ < complete_) return;
  buffer_.erase(0, begin_);
  begin_ = complete_ = 0;
}

void LineSource::stop() {
  ended_ = true;
  buffer_.resize(complete_);
}

}  // namespace ringcast
