// What somebody may have meant who mistyped a word.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ringcast {

// ` Did you mean `X`?`, if one of the words is near; otherwise empty.
std::string suggestion(std::string_view word, std::span<const std::string> known);

// `There is no KIND `WORD`. Did you mean …? There are: A, B, C.`
std::string unknown_word(std::string_view kind, std::string_view word,
                         std::span<const std::string> known);

}  // namespace ringcast
