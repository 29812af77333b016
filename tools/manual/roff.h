// Text as a manual page has it (groff_man(7)).
#pragma once

#include <string>
#include <string_view>

namespace ringcast {

// Nothing in it is a command to roff; hyphens are those that people copy. `Words in backquotes`
// become bold where `bold` says so.
std::string roff_text(std::string_view text, bool bold = true);

// Lines as they are, each at its place: examples, tables.
std::string roff_block(std::string_view text);

std::string roff_bold(std::string_view word);

}  // namespace ringcast
