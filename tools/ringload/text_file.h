// Files that commands read and write whole, and how wide what they print may be.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "core/result.h"

namespace ringcast::load {

// Into the file, or to standard output if it is called `-`; nowhere without a name. Error:
// cannot_write.
Result<void> write_text(const std::string& file, const std::string& text);

// All of a file; nothing if it cannot be read.
std::optional<std::string> read_text(const std::string& file);

// Columns of the terminal; where there is none, what lines in documents may have.
std::size_t text_width();

}  // namespace ringcast::load
