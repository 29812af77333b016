#include "protocol/config_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <utility>

#include "protocol/site_policy.h"

namespace ringcast {
namespace {

struct Unit {
  std::string_view name;  // lower case
  uint64_t factor;
};

constexpr uint64_t kKiB = 1024;
constexpr auto kByteUnits = std::to_array<Unit>({{"b", 1},
                                                 {"k", kKiB},
                                                 {"kib", kKiB},
                                                 {"kb", 1000},
                                                 {"m", kKiB* kKiB},
                                                 {"mib", kKiB* kKiB},
                                                 {"mb", 1'000'000},
                                                 {"g", kKiB* kKiB* kKiB},
                                                 {"gib", kKiB* kKiB* kKiB},
                                                 {"gb", 1'000'000'000}});
constexpr auto kTimeUnits = std::to_array<Unit>(
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}});

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

template <class T>
std::optional<T> parse_digits(std::string_view text) {
  T value{};
  const auto [stop, error] = std::from_chars(text.begin(), text.end(), value);
  if (text.empty() || error != std::errc{} || stop != text.end()) return std::nullopt;
  return value;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<uint64_t> parse_amount(std::string_view text, KeyUnit unit) {
  text = trim(text);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_digits<uint64_t>(text.substr(0, digits));
  const std::string name = lower(trim(text.substr(digits)));
  if (!number) return std::nullopt;
  if (name.empty()) return number;
  if (unit == KeyUnit::kNone) return std::nullopt;
  const std::span<const Unit> units =
      unit == KeyUnit::kBytes ? std::span<const Unit>(kByteUnits) : kTimeUnits;
  const auto found = std::ranges::find(units, std::string_view(name), &Unit::name);
  uint64_t value = 0;
  if (found == units.end() || __builtin_mul_overflow(*number, found->factor, &value)) {
    return std::nullopt;
  }
  return value;
}

std::string amount_text(uint64_t value, KeyUnit unit) {
  static constexpr auto kBytes =
      std::to_array<Unit>({{"GiB", kKiB * kKiB * kKiB}, {"MiB", kKiB * kKiB}, {"KiB", kKiB}});
  static constexpr auto kTime =
      std::to_array<Unit>({{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}});
  if (unit == KeyUnit::kNone || value == 0) return fmt::format("{}", value);
  const std::span<const Unit> units =
      unit == KeyUnit::kBytes ? std::span<const Unit>(kBytes) : kTime;
  for (const Unit& each : units) {
    if (value % each.factor == 0) return fmt::format("{}{}", value / each.factor, each.name);
  }
  return fmt::format("{}{}", value, unit == KeyUnit::kBytes ? "" : "ms");
}

std::optional<bool> parse_switch(std::string_view text) {
  const std::string word = lower(trim(text));
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  if (trim(text).empty()) return items;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    items.emplace_back(trim(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return items;
}

std::string yaml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + '"';
}

Result<void> set_listen(Config& config, const std::vector<std::string>& items) {
  std::vector<ListenAddress> addresses;
  for (const std::string& item : items) {
    const std::vector<std::string> parts = split_list(item);
    if (parts.empty()) return fail("bad_config", item);
    for (const std::string& part : parts) {
      // An option belongs to the address before it; as text, all of them are one list.
      if (!addresses.empty() && set_listen_option(addresses.back(), part)) continue;
      const auto address = parse_listen(part);
      if (!address) return fail("bad_config", item);
      addresses.push_back(*address);
    }
  }
  std::vector<ListenAddress> different;
  for (const ListenAddress& address : addresses) {
    const auto same = [&](const ListenAddress& other) {
      return other.address_text() == address.address_text();
    };
    const auto found = std::ranges::find_if(different, same);
    if (found == different.end()) {
      different.push_back(address);
    } else if (*found != address) {
      return fail("bad_config", address.text());  // what should hold for its connections?
    }
  }
  if (different.empty()) return fail("bad_config", "");
  config.listen = std::move(different);
  return {};
}

std::vector<std::string> get_listen(const Config& config) {
  std::vector<std::string> items;
  items.reserve(config.listen.size());
  for (const ListenAddress& address : config.listen) items.push_back(address.text());
  return items;
}

Result<void> set_agent_check(Config& config, const std::vector<std::string>& items) {
  std::vector<ListenAddress> addresses;
  for (const std::string& item : items) {
    const auto address = parse_listen(item);
    if (!address || address->is_unix()) return fail("bad_config", item);
    if (std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
  }
  config.agent_check = std::move(addresses);
  return {};
}

std::vector<std::string> get_agent_check(const Config& config) {
  std::vector<std::string> items;
  items.reserve(config.agent_check.size());
  for (const ListenAddress& address : config.agent_check) items.push_back(address.text());
  return items;
}

namespace {

Result<void> set_ranges(std::vector<std::string>& to, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    if (!AddressRange::parse(item)) return fail("bad_config", item);
  }
  to = items;
  return {};
}

}  // namespace

Result<void> set_exempt(Config& config, const std::vector<std::string>& items) {
  return set_ranges(config.limits.exempt, items);
}

std::vector<std::string> get_exempt(const Config& config) { return config.limits.exempt; }

Result<void> set_trusted_proxies(Config& config, const std::vector<std::string>& items) {
  return set_ranges(config.net.trusted_proxies, items);
}

std::vector<std::string> get_trusted_proxies(const Config& config) {
  return config.net.trusted_proxies;
}

Result<void> set_cores(Config& config, const std::vector<std::string>& items) {
  static constexpr uint32_t kMaxCore = 1023;  // what a cpu_set_t holds
  std::set<uint32_t> cores;
  for (const std::string& item : items) {
    const size_t dash = std::min(item.find('-'), item.size());
    const auto first = parse_digits<uint32_t>(std::string_view(item).substr(0, dash));
    const auto last = dash == item.size()
                          ? first
                          : parse_digits<uint32_t>(std::string_view(item).substr(dash + 1));
    if (!first || !last || *first > *last || *last > kMaxCore) return fail("bad_config", item);
    for (uint32_t core = *first; core <= *last; ++core) cores.insert(core);
  }
  config.cores.assign(cores.begin(), cores.end());
  return {};
}

std::vector<std::string> get_cores(const Config& config) {
  std::vector<std::string> items;
  items.reserve(config.cores.size());
  for (const uint32_t core : config.cores) items.push_back(fmt::format("{}", core));
  return items;
}

Result<void> set_origins(Config& config, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    if (!is_origin_rule(item)) return fail("bad_config", item);
  }
  config.cors.origins = items;
  return {};
}

std::vector<std::string> get_origins(const Config& config) { return config.cors.origins; }

namespace {

// RFC 6750 §2.1: what may follow `Bearer`. The message must not repeat a secret.
Result<void> set_secrets(std::vector<std::string>& secrets, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    const bool good =
        item.size() >= 16 && std::ranges::all_of(item, [](unsigned char c) {
          return std::isalnum(c) != 0 || std::string_view("-._~+/=").contains(static_cast<char>(c));
        });
    if (!good) return fail("bad_config", "(a token)");
  }
  secrets = items;
  return {};
}

// Texts that may be anything but empty.
Result<void> set_texts(std::vector<std::string>& to, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    if (item.empty()) return fail("bad_value", item);
  }
  to = items;
  return {};
}

}  // namespace

Result<void> set_hosts(Config& config, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    if (!is_host_rule(item)) return fail("bad_config", item);
  }
  config.hosts = items;
  return {};
}

std::vector<std::string> get_hosts(const Config& config) { return config.hosts; }

Result<void> set_mcp_mount(Config& config, const std::vector<std::string>& items) {
  if (items.size() > 1) return fail("too_many", items[1]);
  for (const std::string& path : items) {
    const bool plain = std::ranges::all_of(path, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
             std::string_view("/-._~").contains(c);
    });
    if (!plain || !path.starts_with('/') || path.ends_with('/') || path.contains("//")) {
      return fail("bad_path", path);
    }
  }
  config.mcp.mount = items;
  return {};
}

std::vector<std::string> get_mcp_mount(const Config& config) { return config.mcp.mount; }

Result<void> set_mcp_prompts(Config& config, const std::vector<std::string>& items) {
  return set_texts(config.mcp.prompts, items);
}

std::vector<std::string> get_mcp_prompts(const Config& config) { return config.mcp.prompts; }

Result<void> set_mcp_documents(Config& config, const std::vector<std::string>& items) {
  return set_texts(config.mcp.documents, items);
}

std::vector<std::string> get_mcp_documents(const Config& config) { return config.mcp.documents; }

Result<void> set_access(Config& config, const std::vector<std::string>& items) {
  if (items.size() > 1) return fail("too_many", items[1]);
  return set_texts(config.auth.access, items);
}

std::vector<std::string> get_access(const Config& config) { return config.auth.access; }

// The kernel takes no longer path, and one that is not absolute would be another one after a chdir.
Result<void> set_handover_socket(Config& config, const std::vector<std::string>& items) {
  constexpr std::size_t kMostPathBytes = 90;
  if (items.size() > 1) return fail("too_many", items[1]);
  if (!items.empty() && !items[0].empty() &&
      (!items[0].starts_with('/') || items[0].size() > kMostPathBytes)) {
    return fail("bad_path", items[0]);
  }
  return set_texts(config.handover.socket, items);
}

std::vector<std::string> get_handover_socket(const Config& config) {
  return config.handover.socket;
}

Result<void> set_tokens(Config& config, const std::vector<std::string>& items) {
  return set_secrets(config.auth.tokens, items);
}

std::vector<std::string> get_tokens(const Config& config) { return config.auth.tokens; }

Result<void> set_admin_tokens(Config& config, const std::vector<std::string>& items) {
  return set_secrets(config.auth.admin_tokens, items);
}

std::vector<std::string> get_admin_tokens(const Config& config) { return config.auth.admin_tokens; }

std::optional<std::string> did_you_mean(std::string_view name, std::span<const std::string> known) {
  const std::string folded = lower(name);
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  std::optional<std::string> result;
  for (const std::string& each : known) {
    const size_t distance = edit_distance(folded, lower(each));
    if (distance < best) {
      best = distance;
      result = each;
    }
  }
  return result;
}

}  // namespace ringcast
