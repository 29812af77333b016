// A place in a JSON document, as a chain on the stack of whoever walks there: it costs nothing
// until it is written as a JSON pointer (RFC 6901).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringcast {

struct JsonPlace {
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  const JsonPlace* up = nullptr;  // none: where the walk began
  std::string_view name{};        // of a member; where the walk began: the pointer of that
  std::size_t index = kNoIndex;   // of an item
};

// Empty for the whole document. Long names are cut, and of a long pointer the end remains.
std::string json_pointer(const JsonPlace& place);

}  // namespace ringcast
