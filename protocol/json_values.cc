#include "protocol/json_values.h"

namespace ringcast {

namespace ondemand = simdjson::ondemand;

simdjson::error_code raw_json(ondemand::value& value, std::string_view& raw) {
  ondemand::json_type type{};
  if (const auto code = value.type().get(type)) return code;
  simdjson::error_code code = simdjson::SUCCESS;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    code = value.get_object().get(object);
    if (code == simdjson::SUCCESS) code = object.raw_json().get(raw);
  } else if (type == ondemand::json_type::array) {
    ondemand::array array;
    code = value.get_array().get(array);
    if (code == simdjson::SUCCESS) code = array.raw_json().get(raw);
  } else {
    raw = value.raw_json_token();
  }
  raw = raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
  return code;
}

std::string_view keep_text(std::string& texts, std::string_view text) {
  const std::size_t begin = texts.size();
  texts.append(text);
  return std::string_view(texts).substr(begin);
}

}  // namespace ringcast
