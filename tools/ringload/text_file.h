// Where commands put what they write, and how wide what they print may be.
#pragma once

#include <cstddef>
#include <string>

#include "core/result.h"

namespace ringcast::load {

// Into the file, or to standard output if it is called `-`; nowhere without a name. Error:
// cannot_write.
Result<void> write_text(const std::string& file, const std::string& text);

// Columns of the terminal; where there is none, what lines in documents may have.
std::size_t text_width();

}  // namespace ringcast::load
