// Settings as people write them: sizes, times, lists, and what somebody probably meant.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/config.h"

namespace ringcast {

enum class KeyUnit : uint8_t { kNone, kBytes, kTime };

// "64k", "1MiB" → bytes; "500ms", "15s", "1h" → milliseconds; digits alone are bytes, milliseconds
// or a plain number. Only whole numbers; nothing for what is none or does not fit.
std::optional<uint64_t> parse_amount(std::string_view text, KeyUnit unit);

// With the largest unit that divides it: 65536 → "64KiB", 15000 → "15s".
std::string amount_text(uint64_t value, KeyUnit unit);

// true|false, yes|no, on|off, 1|0 in any case.
std::optional<bool> parse_switch(std::string_view text);

// "a, b,c" → items without blanks around them; an empty text has none.
std::vector<std::string> split_list(std::string_view text);

// A YAML scalar that reads back as the same string.
std::string yaml_string(std::string_view text);

// List settings from their items and back. Errors say what the item is and what is allowed.
Result<void> set_listen(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_listen(const Config& config);
Result<void> set_agent_check(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_agent_check(const Config& config);
Result<void> set_exempt(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_exempt(const Config& config);
Result<void> set_trusted_proxies(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_trusted_proxies(const Config& config);
Result<void> set_cores(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_cores(const Config& config);
Result<void> set_origins(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_origins(const Config& config);
Result<void> set_hosts(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_hosts(const Config& config);
Result<void> set_access(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_access(const Config& config);
Result<void> set_mcp_mount(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_mcp_mount(const Config& config);
Result<void> set_mcp_prompts(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_mcp_prompts(const Config& config);
Result<void> set_mcp_documents(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_mcp_documents(const Config& config);
Result<void> set_handover_socket(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_handover_socket(const Config& config);
Result<void> set_tokens(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_tokens(const Config& config);
Result<void> set_admin_tokens(Config& config, const std::vector<std::string>& items);
std::vector<std::string> get_admin_tokens(const Config& config);

// The most similar of `known`, if it is similar enough to have been meant.
std::optional<std::string> did_you_mean(std::string_view name, std::span<const std::string> known);

}  // namespace ringcast
