// The lines of a stream, for any split of the bytes. They end in LF or CRLF; empty ones, which keep
// a connection alive, are passed over.
//
// A line is given as it lies in the bytes. One that is incomplete at the end of the bytes is copied
// and completed by the next ones; it may have at most kLineBytesMax.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringcast::load {

class LineStream {
 public:
  static constexpr std::size_t kLineBytesMax = std::size_t{4} << 20;

  // Calls on_line(std::string_view) for each line, without its end. False if one is too long; the
  // stream is of no use then.
  template <class OnLine>
  bool feed(std::string_view bytes, OnLine&& on_line) {
    std::size_t end = bytes.find('\n');
    if (!carry_.empty()) {
      carry_.append(bytes.substr(0, end));
      if (carry_.size() > kLineBytesMax) return false;
      if (end == std::string_view::npos) return true;
      give(carry_, on_line);
      carry_.clear();
      bytes.remove_prefix(end + 1);
      end = bytes.find('\n');
    }
    while (end != std::string_view::npos) {
      if (end > kLineBytesMax) return false;
      give(bytes.substr(0, end), on_line);
      bytes.remove_prefix(end + 1);
      end = bytes.find('\n');
    }
    if (bytes.size() > kLineBytesMax) return false;
    carry_.assign(bytes);
    return true;
  }

  void restart() { carry_.clear(); }

  // True when the bytes so far end between two lines.
  bool at_boundary() const { return carry_.empty(); }

 private:
  template <class OnLine>
  static void give(std::string_view line, OnLine&& on_line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) on_line(line);
  }

  std::string carry_;  // an incomplete line
};

}  // namespace ringcast::load
