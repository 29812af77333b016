#include "protocol/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "core/check.h"
#include "protocol/config_keys.h"

namespace ringcast {
namespace {

constexpr std::string_view kEnvironmentPrefix = "RINGCAST_";

// Variables that belong to the programs and tests around the server, not to its settings.
constexpr auto kOtherVariables =
    std::to_array<std::string_view>({"RINGCAST_CONFIG", "RINGCAST_URL", "RINGCAST_TOKEN",
                                     "RINGCAST_BIN", "RINGCAST_LOAD_BIN", "RINGCAST_EXAMPLES"});
constexpr std::string_view kTestPrefix = "RINGCAST_TEST_";

bool is_section(std::string_view path) {
  const std::string prefix = fmt::format("{}.", path);
  return std::ranges::any_of(config_keys(),
                             [&](const ConfigKey& key) { return key.path.starts_with(prefix); });
}

std::string suggestion(std::string_view path) {
  // A key in the wrong section is meant more likely than one with another name.
  const std::string_view last = path.substr(path.rfind('.') + 1);
  std::vector<std::string> known;
  for (const ConfigKey& key : config_keys()) {
    if (key.path.substr(key.path.rfind('.') + 1) == last) {
      return fmt::format("; did you mean {}?", key.path);
    }
    known.emplace_back(key.path);
    if (const size_t dot = key.path.find('.'); dot != std::string_view::npos) {
      known.emplace_back(key.path.substr(0, dot));
    }
  }
  const auto meant = did_you_mean(path, known);
  return meant ? fmt::format("; did you mean {}?", *meant) : "";
}

class Loader {
 public:
  Loader() : origins_(config_keys().size(), "default") {}

  Result<void> read_file(const std::string& path) {
    std::error_code error;
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path, error)) {
      const int reason = file ? EISDIR : errno;
      return fail("config_unreadable",
                  fmt::format("Cannot read the configuration {}: {}.", path, strerror(reason)));
    }
    const std::string text(std::istreambuf_iterator<char>(file), {});
    try {
      const YAML::Node root = YAML::Load(text);
      if (!root.IsNull()) walk(root, "", path);
    } catch (const YAML::Exception& problem) {
      problems_.push_back(fmt::format("{}:{}: {}", path, problem.mark.line + 1, problem.msg));
    }
    return {};
  }

  void read_environment(const std::vector<std::pair<std::string, std::string>>& variables) {
    // Short aliases first: the full name wins.
    for (const bool full : {false, true}) {
      for (const auto& [name, value] : variables) {
        if (name.starts_with(kEnvironmentPrefix) != full) continue;
        const auto index = find_config_environment(name);
        if (index && !value.empty()) {
          set_text(*index, value, fmt::format("environment {}", name));
        } else if (!index && full && !belongs_elsewhere(name)) {
          unknown_variable(name);
        }
      }
    }
  }

  void read_overrides(const std::vector<std::string>& overrides) {
    for (const std::string& each : overrides) {
      const size_t equals = std::min(each.find('='), each.size());
      const std::string path = each.substr(0, equals);
      const auto index = find_config_key(path);
      if (!index) {
        problems_.push_back(
            fmt::format("{}: no such key (from the command line){}", path, suggestion(path)));
      } else if (equals == each.size()) {
        problems_.push_back(fmt::format("{}: no value (from the command line); allowed: {}", path,
                                        allowed_text(config_keys()[*index])));
      } else {
        set_text(*index, each.substr(equals + 1), "command line");
      }
    }
  }

  Result<LoadedConfig> finish() {
    read_rules();
    check_order("drain.retry_min_ms", config_.drain.retry_min_ms, "drain.retry_max_ms",
                config_.drain.retry_max_ms);
    check_order("ring.entries", config_.ring.entries, "ring.cq_entries", config_.ring.cq_entries);
    check_order("limits.max_request_line_bytes", config_.limits.max_request_line_bytes,
                "limits.max_header_bytes", config_.limits.max_header_bytes);
    if (config_.limits.receive_bytes_per_s != 0) {
      check_order("limits.min_body_bytes_per_s", config_.limits.min_body_bytes_per_s,
                  "limits.receive_bytes_per_s", config_.limits.receive_bytes_per_s);
    }
    if (config_.cors.credentials &&
        std::ranges::find(config_.cors.origins, "*") != config_.cors.origins.end()) {
      problems_.push_back(
          fmt::format("cors.credentials: \"true\" (from {}) is not allowed beside an origin \"*\"; "
                      "name the origins whose pages may use cookies",
                      origins_[*find_config_key("cors.credentials")]));
    }
    if (!problems_.empty()) {
      return fail("bad_config", fmt::format("{}", fmt::join(problems_, "\n")));
    }
    return LoadedConfig{std::move(config_), std::move(origins_)};
  }

 private:
  static bool belongs_elsewhere(std::string_view name) {
    return name.starts_with(kTestPrefix) ||
           std::ranges::find(kOtherVariables, name) != kOtherVariables.end();
  }

  void unknown_variable(const std::string& name) {
    std::vector<std::string> known;
    for (const ConfigKey& key : config_keys()) known.push_back(environment_name(key.path));
    const auto meant = did_you_mean(name, known);
    problems_.push_back(fmt::format("{}: no such setting (from the environment){}", name,
                                    meant ? fmt::format("; did you mean {}?", *meant) : ""));
  }

  void refused(std::string_view path, std::string_view value, std::string_view origin,
               std::string_view allowed) {
    problems_.push_back(fmt::format("{}: \"{}\" (from {}) is not allowed; allowed: {}", path, value,
                                    origin, allowed));
  }

  void walk(const YAML::Node& map, const std::string& prefix, const std::string& file) {
    if (!map.IsMap()) {
      problems_.push_back(fmt::format("{}:{}: expected keys and values{}", file,
                                      map.Mark().line + 1,
                                      prefix.empty() ? "" : fmt::format(" in {}", prefix)));
      return;
    }
    for (const auto& entry : map) {
      const std::string origin = fmt::format("{}:{}", file, entry.first.Mark().line + 1);
      const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      const std::string path = prefix.empty() ? name : fmt::format("{}.{}", prefix, name);
      if (!seen_.insert(path).second) {
        problems_.push_back(fmt::format("{}: given twice (from {})", path, origin));
      } else if (const auto index = find_config_key(path)) {
        set_node(*index, entry.second, origin);
      } else if (!is_section(path)) {
        problems_.push_back(
            fmt::format("{}: no such key (from {}){}", path, origin, suggestion(path)));
      } else if (!entry.second.IsNull()) {
        walk(entry.second, path, file);
      }
    }
  }

  void set_node(size_t index, const YAML::Node& node, const std::string& origin) {
    const ConfigKey& key = config_keys()[index];
    if (std::holds_alternative<TopicRulesKey>(key.kind)) {
      rules_ = node;
      origins_[index] = origin;
      return;
    }
    std::vector<std::string> items;
    bool plain = node.IsScalar();
    if (std::holds_alternative<ListKey>(key.kind) && node.IsSequence()) {
      plain = std::ranges::all_of(node, [](const YAML::Node& item) { return item.IsScalar(); });
      if (key.path == "listen") return set_listen_nodes(index, node, origin);
      for (const YAML::Node& item : node) {
        if (item.IsScalar()) items.push_back(item.Scalar());
      }
    } else if (node.IsScalar()) {
      items = std::holds_alternative<ListKey>(key.kind) ? split_list(node.Scalar())
                                                        : std::vector{node.Scalar()};
    }
    if (!plain) {
      const auto* const list = std::get_if<ListKey>(&key.kind);
      const bool secret = list != nullptr && list->secret;
      refused(key.path, secret ? "(not shown)" : YAML::Dump(node), origin, allowed_text(key));
    } else {
      set(index, items, origin);
    }
  }

  // An item of `listen` may be `{address: 0.0.0.0:8081, proxy_protocol: true}` as well.
  void set_listen_nodes(size_t index, const YAML::Node& node, const std::string& origin) {
    std::vector<std::string> items;
    for (const YAML::Node& item : node) {
      if (item.IsScalar()) {
        items.push_back(item.Scalar());
      } else if (item.IsMap()) {
        const std::string path = fmt::format("listen[{}]", items.size());
        auto text = listen_item(item, path, origin);
        if (!text) return;
        items.push_back(std::move(*text));
      } else {
        return refused("listen", YAML::Dump(item), origin, allowed_text(config_keys()[index]));
      }
    }
    set(index, items, origin);
  }

  // As the command line writes it; nothing once it is refused.
  std::optional<std::string> listen_item(const YAML::Node& map, const std::string& path,
                                         const std::string& origin) {
    std::string address;
    std::string options;
    for (const auto& entry : map) {
      const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      const std::string value =
          entry.second.IsScalar() ? entry.second.Scalar() : YAML::Dump(entry.second);
      if (name == "address") {
        address = value;
      } else if (name == "proxy_protocol") {
        const auto on = parse_switch(value);
        if (!on) {
          refused(path + ".proxy_protocol", value, origin, "true or false");
          return std::nullopt;
        }
        if (*on) options += ",proxy";
      } else if (name == "mode") {
        options += ",mode=" + value;
      } else {
        problems_.push_back(fmt::format(
            "{}.{}: no such key (from {}); an item has address, proxy_protocol and mode", path,
            name, origin));
        return std::nullopt;
      }
    }
    return address + options;
  }

  void set_text(size_t index, const std::string& text, const std::string& origin) {
    const ConfigKey& key = config_keys()[index];
    if (std::holds_alternative<ListKey>(key.kind)) return set(index, split_list(text), origin);
    if (!std::holds_alternative<TopicRulesKey>(key.kind)) return set(index, {text}, origin);
    try {
      set_node(index, YAML::Load(text), origin);
    } catch (const YAML::Exception&) {
      refused(key.path, text, origin, allowed_text(key));
    }
  }

  void set(size_t index, const std::vector<std::string>& items, const std::string& origin) {
    const ConfigKey& key = config_keys()[index];
    if (const auto done = set_config_value(config_, key, items); !done) {
      refused(key.path, done.error().message, origin, allowed_text(key));
    } else {
      origins_[index] = origin;
    }
  }

  // Last of all, because what a rule leaves out comes from the final `history`.
  void read_rules() {
    if (!rules_ || rules_->IsNull()) return;
    const size_t index = *find_config_key("topics");
    const std::string allowed = allowed_text(config_keys()[index]);
    if (!rules_->IsSequence()) {
      return refused("topics", YAML::Dump(*rules_), origins_[index], allowed);
    }
    for (size_t i = 0; i < rules_->size(); ++i) {
      const YAML::Node rule = (*rules_)[i];
      if (rule.IsMap()) {
        read_rule(rule, fmt::format("topics[{}]", i), origins_[index]);
      } else {
        refused(fmt::format("topics[{}]", i), YAML::Dump(rule), origins_[index], allowed);
      }
    }
  }

  void read_rule(const YAML::Node& node, const std::string& path, const std::string& origin) {
    Config scratch;
    scratch.history = config_.history;
    TopicRule rule;
    for (const auto& entry : node) {
      const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      const std::string value =
          entry.second.IsScalar() ? entry.second.Scalar() : YAML::Dump(entry.second);
      const auto index = find_config_key(fmt::format("history.{}", name));
      if (name == "match") {
        rule.match = value;
      } else if (!index) {
        problems_.push_back(fmt::format(
            "{}.{}: no such key (from {}); a rule has match, bytes, events, age_ms and on_lag",
            path, name, origin));
      } else if (!set_config_value(scratch, config_keys()[*index], {value})) {
        refused(fmt::format("{}.{}", path, name), value, origin,
                allowed_text(config_keys()[*index]));
      }
    }
    rule.history = scratch.history;
    const bool printable = std::ranges::none_of(
        rule.match, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
    if (rule.match.empty() || rule.match.size() > 200 || !printable) {
      refused(path + ".match", rule.match, origin, "a glob of 1 to 200 bytes, as jobs.*");
    } else {
      config_.topics.push_back(std::move(rule));
    }
  }

  void check_order(std::string_view low_path, uint64_t low, std::string_view high_path,
                   uint64_t high) {
    if (low <= high) return;
    problems_.push_back(
        fmt::format("{}: \"{}\" (from {}) is more than {} \"{}\" (from {}); allowed: at most that",
                    low_path, low, origins_[*find_config_key(low_path)], high_path, high,
                    origins_[*find_config_key(high_path)]));
  }

  Config config_;
  std::vector<std::string> origins_;
  std::vector<std::string> problems_;
  std::set<std::string> seen_;
  std::optional<YAML::Node> rules_;
};

}  // namespace

Result<LoadedConfig> load_config(const ConfigSources& sources) {
  Loader loader;
  if (!sources.file.empty()) {
    if (const auto read = loader.read_file(sources.file); !read)
      return std::unexpected(read.error());
  }
  loader.read_environment(sources.environment);
  loader.read_overrides(sources.overrides);
  return loader.finish();
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

std::string print_config(const LoadedConfig& loaded) {
  std::string text;
  std::string_view section;
  for (size_t i = 0; i < config_keys().size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    const size_t dot = key.path.find('.');
    const std::string_view own = dot == std::string_view::npos ? "" : key.path.substr(0, dot);
    if (own != section && !own.empty()) text += fmt::format("{}:\n", own);
    section = own;
    const auto* list = std::get_if<ListKey>(&key.kind);
    const std::size_t hidden =
        list != nullptr && list->secret ? list->get(loaded.config).size() : 0;
    text += fmt::format("{}{}: {}  # {}{}\n", own.empty() ? "" : "  ",
                        own.empty() ? key.path : key.path.substr(dot + 1),
                        hidden == 0 ? config_value_text(loaded.config, key) : "[]",
                        hidden == 0 ? "" : fmt::format("{} not shown, from ", hidden),
                        loaded.origins[i]);
  }
  return text;
}

ReloadDiff diff_reload(const Config& before, const Config& after) {
  ReloadDiff diff;
  for (const ConfigKey& key : config_keys()) {
    if (config_value_text(before, key) == config_value_text(after, key)) continue;
    (key.reloadable ? diff.applied : diff.needs_restart).push_back(key.path);
  }
  return diff;
}

Config apply_reload(const Config& before, const Config& after) {
  Config result = before;
  for (const ConfigKey& key : config_keys()) {
    if (!key.reloadable) continue;
    // What came from a loaded configuration is valid, so setting it cannot fail.
    Result<void> done;
    if (std::holds_alternative<TopicRulesKey>(key.kind)) {
      result.topics = after.topics;
    } else if (const auto* list = std::get_if<ListKey>(&key.kind)) {
      done = list->set(result, list->get(after));
    } else {
      done = set_config_value(result, key, {config_value_text(after, key)});
    }
    RINGCAST_CHECK(done);
  }
  return result;
}

}  // namespace ringcast
