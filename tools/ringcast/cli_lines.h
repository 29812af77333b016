// Standard input line by line, without ever blocking the reactor.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/scope.h"

namespace ringcast {

class LineSource {
 public:
  static constexpr std::size_t kLineBytesMax = std::size_t{16} << 20;

  // Waits for more bytes. True if there may be complete lines now or the end was reached; false if
  // the scope was cancelled. Errors: line_too_long, read_failed.
  Task<Result<bool>> more(Scope* scope);

  // Complete lines at the front, each with its `\n`; empty if there is none. The last line gets one
  // if it has none. At most `most_bytes`, but always one line.
  std::string_view lines(std::size_t most_bytes) const;
  void take(std::size_t bytes);

  // Reads no more; what is incomplete is dropped.
  void stop();
  bool ended() const { return ended_; }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;     // taken before it
  std::size_t complete_ = 0;  // end of the last complete line
  bool ended_ = false;
};

}  // namespace ringcast
