#include "tools/ringload/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace ringcast::load {
namespace {

constexpr std::size_t kUsualColumns = 80;
// A line that is too long after all, since the window has shrunk, must not become two.
constexpr std::string_view kNoWrap = "\033[?7l";
constexpr std::string_view kWrap = "\033[?7h";
constexpr std::string_view kClearBelow = "\r\033[J";

bool can_draw(int descriptor) {
  const char* kind = std::getenv("TERM");
  return isatty(descriptor) != 0 && kind != nullptr && std::string_view(kind) != "dumb";
}

}  // namespace

Terminal::Terminal(int descriptor) : descriptor_(descriptor), there_(can_draw(descriptor)) {}

std::size_t Terminal::columns() const {
  winsize size{};
  const bool known = ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

void Terminal::draw(const std::vector<std::string>& lines) {
  if (!there_ || !takes_more()) return;
  std::string text;
  if (drawn_ > 1) text = fmt::format("\033[{}A", drawn_ - 1);
  text += kClearBelow;
  text += kNoWrap;
  text += fmt::format("{}", fmt::join(lines, "\r\n"));
  text += kWrap;
  write(text);
  drawn_ = lines.size();
}

void Terminal::clear() {
  if (drawn_ == 0 || !takes_more()) return;
  std::string text;
  if (drawn_ > 1) text = fmt::format("\033[{}A", drawn_ - 1);
  text += kClearBelow;
  write(text);
  drawn_ = 0;
}

bool Terminal::takes_more() const {
  pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

void Terminal::write(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t taken = ::write(descriptor_, rest.data(), rest.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(taken));
  }
}

}  // namespace ringcast::load
