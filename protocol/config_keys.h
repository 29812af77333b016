// The one table of settings: from it come parsing, environment names, error messages, the printed
// configuration and the table in the documentation.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "protocol/config.h"
#include "protocol/config_values.h"

namespace ringcast {

// A whole number in [min, max]. Where 0 is outside of that or means something else than nothing,
// `zero` says what, and 0 is allowed.
struct NumberKey {
  std::variant<uint32_t& (*)(Config&), uint64_t& (*)(Config&)> at;
  KeyUnit unit = KeyUnit::kNone;
  uint64_t min = 0;
  uint64_t max = std::numeric_limits<uint32_t>::max();
  std::string_view zero = {};
  bool power_of_two = false;
};

struct SwitchKey {
  bool& (*at)(Config&);
};

// One of the names in `choices` ("gap|close"), in the order of the enumeration.
struct ChoiceKey {
  std::string_view choices;
  uint8_t (*get)(const Config&);
  void (*set)(Config&, uint8_t);
};

// Lists. As text (environment, flags) their items are separated by commas. A failed `set` leaves
// the setting alone; its message is the item.
struct ListKey {
  std::string_view allowed;
  Result<void> (*set)(Config&, const std::vector<std::string>&);
  std::vector<std::string> (*get)(const Config&);
  bool secret = false;  // not to be shown
};

// The rules of `topics`: YAML, also in the environment and in flags.
struct TopicRulesKey {};

struct ConfigKey {
  std::string_view path;   // "sse.heartbeat_ms"
  std::string_view alias;  // further name of the environment variable, or empty
  bool reloadable;         // takes effect on SIGHUP
  std::variant<NumberKey, SwitchKey, ChoiceKey, ListKey, TopicRulesKey> kind;
  std::string_view help;
};

std::span<const ConfigKey> config_keys();

// Indexes into config_keys().
std::optional<size_t> find_config_key(std::string_view path);
std::optional<size_t> find_config_environment(std::string_view name);

// "RINGCAST_SSE_HEARTBEAT_MS" for "sse.heartbeat_ms".
std::string environment_name(std::string_view path);

// Sets a key (other than `topics`) from the texts of its items: one, unless it is a list. The
// error's message is the text that was refused.
Result<void> set_config_value(Config& config, const ConfigKey& key,
                              const std::vector<std::string>& items);

// The value as YAML on one line.
std::string config_value_text(const Config& config, const ConfigKey& key);

// What is allowed, for people: "a size from 1KiB to 1GiB, as 64k or 1MiB".
std::string allowed_text(const ConfigKey& key);

// All keys as a Markdown table: key, environment, default, allowed, SIGHUP, help.
std::string config_table_markdown();

}  // namespace ringcast
