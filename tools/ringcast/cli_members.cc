#include "tools/ringcast/cli_members.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <vector>

#include "core/event_stream.h"
#include "net/http_chars.h"

namespace ringcast {
namespace {

std::unexpected<Error> bad(std::string message) { return fail("bad_member", std::move(message)); }

void add_member(std::string& members, std::string_view key, std::string_view value, bool json) {
  if (!members.empty()) members += ',';
  append_json_string(members, key);
  members += ':';
  if (json) {
    members += value;
  } else {
    append_json_string(members, value);
  }
}

}  // namespace

Result<std::string> json_members(std::span<const std::string> assignments, std::string_view object,
                                 std::span<const std::string_view> taken) {
  simdjson::dom::parser parser;
  std::vector<std::string> keys(taken.begin(), taken.end());
  std::string members;
  const auto claim = [&keys](std::string_view key) {
    const bool free = std::ranges::find(keys, key) == keys.end();
    keys.emplace_back(key);
    return free;
  };
  const auto not_free = [&taken](std::string_view key) {
    const bool ours = std::ranges::find(taken, key) != taken.end();
    return bad(fmt::format("`{}` {}.", key, ours ? "is set by ringcast itself" : "is given twice"));
  };
  for (const std::string& word : assignments) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return bad(fmt::format("`{}` is no member: write key=value.", word));
    }
    const std::string_view key = std::string_view(word).substr(0, equals);
    const std::string_view value = std::string_view(word).substr(equals + 1);
    if (!claim(key)) return not_free(key);
    const bool json = parser.parse(value.data(), value.size()).error() == simdjson::SUCCESS;
    add_member(members, key, value, json);
  }
  object = chars::trim(object);
  if (object.empty()) return members;
  simdjson::dom::object parsed;
  if (parser.parse(object.data(), object.size()).get(parsed) != simdjson::SUCCESS) {
    return bad("--json takes an object such as '{\"value\":0.8}'.");
  }
  for (const auto& [key, value] : parsed) {
    if (!claim(key)) return not_free(key);
    add_member(members, key, simdjson::minify(value), true);
  }
  return members;
}

}  // namespace ringcast
