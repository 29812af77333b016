// Members of a JSON object as people write them on a command line.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ringcast {

// `key=value` words, and the members of a JSON object (empty: none), as `"key":value,…`. A value
// that is JSON is taken as it is, anything else as a string. No key may come twice or be one of
// `taken`. Error: bad_member: wrong usage.
Result<std::string> json_members(std::span<const std::string> assignments, std::string_view object,
                                 std::span<const std::string_view> taken);

}  // namespace ringcast
