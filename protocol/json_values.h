// What the readers of JSON share: values as they are written (RFC 8259), texts that stay.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace ringcast {

// The value as it is written, without the blanks behind it.
simdjson::error_code raw_json(simdjson::ondemand::value& value, std::string_view& raw);

// Copies text to the end of `texts`, which has room for it and so does not move.
std::string_view keep_text(std::string& texts, std::string_view text);

}  // namespace ringcast
