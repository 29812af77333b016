#include "tools/ringcast/cli_manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/config.h"
#include "protocol/config_keys.h"
#include "protocol/features.h"
#include "tools/manual/roff.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/version.h"

namespace ringcast {
namespace {

constexpr const char* kDescription =
    "Publish an event with one HTTP request; every subscriber gets it over server-sent events or "
    "WebSocket at once, in order, and with an id from which it resumes exactly. `ringcast serve` "
    "is "
    "the server, the other commands speak to one.";

constexpr const char* kConfigDescription =
    "The configuration of `ringcast serve`, named by --config. A setting that is not there has its "
    "default. The environment comes before the file, and flags (--set KEY=VALUE) before both. "
    "`ringcast serve --check` only checks, `--print-config` shows what is in force and where each "
    "value came from.";

constexpr const char* kConfigForms =
    "A key such as `sse.heartbeat_ms` is the member `heartbeat_ms` of the mapping `sse`. Sizes: "
    "4096, 64k, 64KiB (1024 bytes each k), 1MiB, 1MB (a million). Times: 500 (milliseconds), "
    "500ms, 15s, 1m, 1h, 1d. Lists may be one text with commas in the environment and in flags.";

constexpr const char* kConfigExample = R"(listen: ["0.0.0.0:8080"]
history: {events: 10000, bytes: 1MiB, age_ms: 1h}
topics:
  - {match: "audit.*", events: 1000000, bytes: 1GiB, age_ms: 0}
cors: {origins: ["https://app.example"]}
)";

std::vector<Candidate> settings(std::string_view text) {
  std::vector<Candidate> candidates;
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    for (const ConfigKey& key : config_keys()) {
      candidates.push_back({std::string(key.path) + "=", std::string(key.help)});
    }
    return candidates;
  }
  const std::string_view path = text.substr(0, equals);
  const auto at = find_config_key(path);
  if (!at) return candidates;
  const ConfigKey& key = config_keys()[*at];
  const auto add = [&](std::string_view value) {
    candidates.push_back({fmt::format("{}={}", path, value), ""});
  };
  if (std::holds_alternative<SwitchKey>(key.kind)) {
    for (const char* value : {"true", "false"}) add(value);
  }
  if (const auto* choice = std::get_if<ChoiceKey>(&key.kind)) {
    for (std::string_view rest = choice->choices; !rest.empty();) {
      const std::size_t end = std::min(rest.find('|'), rest.size());
      add(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return candidates;
}

std::vector<Candidate> features(std::string_view) {
  std::vector<Candidate> candidates;
  candidates.reserve(Features::kCount);
  for (std::size_t i = 0; i < Features::kCount; ++i) {
    candidates.push_back({std::string(feature_name(static_cast<Feature>(i))), ""});
  }
  return candidates;
}

Values words(std::span<const std::string> all) {
  return [all](std::string_view) {
    std::vector<Candidate> candidates;
    for (const std::string& word : all) candidates.push_back({word, ""});
    return candidates;
  };
}

}  // namespace

std::string config_man_page() {
  std::string text = man_title("ringcast.yaml", 5, kVersion);
  text += ".SH NAME\nringcast.yaml \\- configuration of the event\\-streaming server ringcast\n";
  text += fmt::format(".SH DESCRIPTION\n{}\n.PP\n{}\n", roff_text(kConfigDescription),
                      roff_text(kConfigForms));
  text += ".SH SETTINGS\n";
  const Config defaults;
  for (const ConfigKey& key : config_keys()) {
    text += fmt::format(".TP\n{}\n{}\n.br\n", roff_bold(key.path), roff_text(key.help));
    text += fmt::format("Allowed: {}. Default: {}.\n.br\nEnvironment: {}{}. {}\n",
                        roff_text(allowed_text(key)), roff_bold(config_value_text(defaults, key)),
                        roff_bold(environment_name(key.path)),
                        key.alias.empty() ? "" : ", " + roff_bold(key.alias),
                        key.reloadable ? "SIGHUP applies it." : "It needs a restart.");
  }
  text += ".SH EXAMPLES\n" + roff_block(kConfigExample);
  return text + man_end({.version = kVersion,
                         .description = "",
                         .files = {{"/etc/ringcast/ringcast.yaml", "where the service has it"}},
                         .see_also = {"ringcast(1)"}});
}

Manual ringcast_manual() {
  Manual manual;
  manual.page = {.version = kVersion,
                 .description = kDescription,
                 .files = {{"/etc/ringcast/ringcast.yaml", "configuration of the service"},
                           {"/etc/default/ringcast", "environment of the service, if there"}},
                 .see_also = {"ringcast.yaml(5)", "ringload(1)", "curl(1)"}};
  manual.more_pages["ringcast.yaml"] = config_man_page;
  CompletionHints& hints = manual.hints;
  for (const std::string command : {"serve ", "mcp "}) {
    hints.values[command + "--set"] = settings;
    hints.files.push_back(command + "--config");
  }
  hints.files.emplace_back("publish --file");
  hints.values["features ACTION"] = words(features_actions());
  hints.values["features NAME"] = features;
  hints.values["control ACTION"] = words(control_actions());
  hints.values["admin ACTION"] = words(admin_actions());
  return manual;
}

}  // namespace ringcast
