#include "tools/ringload/text_file.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace ringcast::load {

Result<void> write_text(const std::string& file, const std::string& text) {
  if (file.empty()) return {};
  if (file == "-") {
    std::fputs(text.c_str(), stdout);
    return {};
  }
  std::ofstream stream(file, std::ios::binary);
  stream << text << std::flush;
  if (stream) return {};
  return fail("cannot_write", fmt::format("Cannot write {}: {}.", file, std::strerror(errno)));
}

std::optional<std::string> read_text(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream) return {};
  return std::move(text).str();
}

std::size_t text_width() {
  constexpr std::size_t kNoTerminal = 120;
  winsize size{};
  const bool terminal = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return terminal && size.ws_col != 0 ? size.ws_col : kNoTerminal;
}

}  // namespace ringcast::load
