// The text of a file that is kept in memory as a whole, and so must not be larger than is said.
#pragma once

#include <cstddef>
#include <string>

#include "core/result.h"

namespace ringcast {

// Errors: unreadable_file, whose message has the system's reason or the limit, without the name.
Result<std::string> read_small_file(const std::string& path, std::size_t most_bytes);

}  // namespace ringcast
