#include "tools/ringcast/serve.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "protocol/auth/access_source.h"
#include "protocol/config.h"
#include "protocol/config_keys.h"
#include "protocol/exposure.h"
#include "protocol/log.h"
#include "protocol/server.h"
#include "tools/ringcast/pages.h"
#include "tools/ringcast/version.h"

namespace ringcast {
namespace {

struct ServeFlags {
  std::string config_file;
  std::vector<std::string> listen;
  std::string cores;
  std::vector<std::string> settings;
  bool check = false;
  bool print_config = false;
  bool list_keys = false;
  bool on_stdio = false;
  bool takeover = false;

  ConfigSources sources() const {
    ConfigSources sources;
    sources.file = config_file;
    sources.environment = process_environment();
    sources.overrides = settings;
    std::string addresses;
    for (const std::string& address : listen) {
      addresses += (addresses.empty() ? "" : ",") + address;
    }
    if (!addresses.empty()) sources.overrides.push_back("listen=" + addresses);
    if (!cores.empty()) sources.overrides.push_back("cores=" + cores);
    return sources;
  }
};

int explain(const Error& error) {
  fmt::print(stderr, "ringcast: {}\n", error.message);
  return 1;
}

// What the start would refuse although each setting is right: the access file and the key set that
// it names on this machine, and a public listener that asks nobody. Nothing is asked over the
// network.
Result<void> check_access(const Config& config) {
  std::fflush(stdout);
  log_configure({.format = LogFormat::kText});
  const AccessSource source;
  const auto access =
      source.read(config.auth.access.empty() ? std::string() : config.auth.access.front());
  if (!access) return std::unexpected(access.error());
  return check_public(config.listen, config.auth, access->get());
}

int serve(const ServeFlags& flags) {
  if (flags.list_keys) {
    fmt::print("{}", config_table_markdown());
    return 0;
  }
  auto loaded = load_config(flags.sources());
  if (!loaded) return explain(loaded.error());
  if (flags.print_config) fmt::print("{}", print_config(*loaded));
  if (flags.print_config || flags.check) {
    if (auto good = check_access(loaded->config); !good) return explain(good.error());
    if (!flags.print_config) fmt::print("The configuration is valid.\n");
    return 0;
  }
  ServerOptions options;
  options.config = loaded->config;
  options.pages = embedded_pages();
  options.version = kVersion;
  options.reload = [&flags]() -> Result<Config> {
    auto again = load_config(flags.sources());
    if (!again) return std::unexpected(std::move(again.error()));
    return std::move(again->config);
  };
  options.mcp_on_stdio = flags.on_stdio;
  options.takeover = flags.takeover;
  // A child of an AI client opens no port unless it is asked to.
  if (flags.on_stdio && flags.listen.empty()) options.config.listen.clear();
  const auto served = run_server(std::move(options));
  return served ? 0 : explain(served.error());
}

}  // namespace

namespace {

void add_settings(CLI::App& command, ServeFlags& flags) {
  command.add_option("-c,--config", flags.config_file, "Configuration file (YAML).")
      ->envname("RINGCAST_CONFIG");
  command.add_option("--cores", flags.cores,
                     "Cores to run on, a thread each: 0,1 or 0-3. Default: all.");
  command.add_option("-s,--set", flags.settings,
                     "Any setting, KEY=VALUE, such as sse.heartbeat_ms=5s; may be repeated.");
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "Run the server.");
  add_settings(*command, *flags);
  command->add_option(
      "-l,--listen", flags->listen,
      "Address to listen on, HOST:PORT or unix:/PATH, with `,proxy` where PROXY headers\n"
      "are required; may be repeated. Default 127.0.0.1:8080.");
  command->add_flag(
      "--takeover", flags->takeover,
      "Take over from the server at handover.socket: its listening sockets, histories\n"
      "and ids, without losing anything. If none runs there, start afresh.");
  command->add_flag("--check", flags->check,
                    "Check the configuration, and the access file that it names, and exit.");
  command->add_flag("--print-config", flags->print_config,
                    "Print every setting, and where its value came from, and exit.");
  command->add_flag("--list-settings", flags->list_keys, "Print a table of all settings and exit.");
  command->footer(
      "Settings come from the file, then the environment (RINGCAST_SSE_HEARTBEAT_MS for\n"
      "sse.heartbeat_ms), then flags; the later ones win.\n\n"
      "Signals: TERM and INT drain and exit 0 (a second one closes at once), HUP reloads,\n"
      "USR2 starts this program anew with --takeover.\n\n"
      "Examples:\n"
      "  ringcast serve\n"
      "  ringcast serve --listen 0.0.0.0:8080 --cores 0-3 --config /etc/ringcast.yaml\n"
      "  ringcast serve --listen 127.0.0.1:8081,proxy --listen unix:/run/ringcast.sock,mode=0600\n"
      "  ringcast serve --config ringcast.yaml --check\n"
      "  ringcast serve --config ringcast.yaml --takeover\n"
      "  ringcast serve --set history.events=1000 --set cors.origins=https://app.example");
  command->callback([flags, &exit_code] { exit_code = serve(*flags); });
}

void add_mcp_command(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand(
      "mcp", "Run the server for one AI client, on standard input and output (MCP).");
  command->add_flag("--stdio", flags->on_stdio, "Speak MCP on standard input and output.")
      ->required();
  add_settings(*command, *flags);
  command->add_option("-l,--listen", flags->listen,
                      "Serve HTTP and WebSocket here as well; may be repeated. Default: nowhere.");
  command->footer(
      "It is a whole server: what comes in over --listen, the client sees, and the other way "
      "round.\n"
      "It ends when its input does. `ringcast serve` has MCP over HTTP at /mcp.\n\n"
      "Examples:\n"
      "  ringcast mcp --stdio\n"
      "  ringcast mcp --stdio --listen 127.0.0.1:8080\n"
      "  ringcast mcp --stdio --set mcp.documents=/home/me/notes");
  command->callback([flags, &exit_code] { exit_code = serve(*flags); });
}

}  // namespace ringcast
