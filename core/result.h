// Errors as values.
//
// A function that can fail for a reason outside the program returns Result<T>; the error carries a
// stable snake_case code (for programs: it is what a client finds in `{"error":{"code":…}}`) and a
// sentence (for people). Violated invariants are assertions instead, see core/check.h.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace ringcast {

struct Error {
  std::string_view code;  // static storage
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string_view code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace ringcast
