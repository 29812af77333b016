// ringload: puts a server under load, checks what it delivers and says what it cost.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/manual/commands.h"
#include "tools/ringload/interruption.h"
#include "tools/ringload/limit_command.h"
#include "tools/ringload/load_arguments.h"
#include "tools/ringload/machine.h"
#include "tools/ringload/options.h"
#include "tools/ringload/report.h"
#include "tools/ringload/report_command.h"
#include "tools/ringload/run.h"
#include "tools/ringload/run_command.h"
#include "tools/ringload/soak_command.h"
#include "tools/ringload/table_command.h"
#include "tools/ringload/text_file.h"

namespace {

using namespace ringcast;
using namespace ringcast::load;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kIncorrect = 3;  // or worse than before

constexpr const char* kDescription =
    "Opens subscribers and publishers on a server, any server, and says what it delivers, how "
    "fast, "
    "and at what cost. Every subscriber checks loss, duplicates and order; latency counts from the "
    "intended send time.";

Manual ringload_manual() {
  Manual manual;
  manual.page.version = RINGCAST_VERSION;
  manual.page.description = kDescription;
  manual.page.see_also = {"ringcast(1)"};
  for (const std::string command : {"sse ", "ws ", "chunked ", "storm ", "mcp "}) {
    manual.hints.files.push_back(command + "--json");
    manual.hints.files.push_back(command + "--target");
  }
  for (const char* place :
       {"report FILE", "report --csv", "report --html", "diff BEFORE", "diff AFTER", "run SCENARIO",
        "run --json", "run --html", "run --csv", "table --json", "table --html", "table --csv",
        "table --ringcast", "table --reference", "limit --json", "soak --json"}) {
    manual.hints.files.emplace_back(place);
  }
  return manual;
}

// The exit status.
int complain(const Error& error) {
  std::fprintf(stderr, "ringload: %s\n", error.message.c_str());
  return error.code == "bad_usage" ? kUsage : kFailed;
}

int measure(const Options& options) {
  Backlog backlog;
  if (options.raise_backlog) {
    const auto wanted = static_cast<int>(2 * options.subscribers);
    if (auto raised = backlog.raise(wanted); !raised) return complain(raised.error());
  }
  auto run = Run::create(options);
  if (!run) return complain(run.error());
  const auto report = (*run)->run();
  if (!report) return complain(report.error());
  if (!options.quiet && options.json_file != "-") {
    std::fputs(to_text(options, *report).c_str(), stdout);
  }
  const auto written = write_text(options.json_file, to_json(options, *report));
  if (!written) return complain(written.error());
  return options.strict && !report->correct() ? kIncorrect : 0;
}

// The commands that are no load themselves.
class Commands {
 public:
  void add_to(CLI::App& app) {
    add(app, "run", "Several servers, several loads, in rounds, as a scenario file says.", run_);
    add(app, "table", "Four transports: ringcast beside FastAPI and Uvicorn.", table_);
    add(app, "limit", "The highest rate at which a load keeps its bounds.", limit_);
    add(app, "soak", "A load for hours: does memory grow, does latency?", soak_);
    add(app, "report", "Results side by side: a table, CSV, an HTML file with plots.", report_);
    add(app, "diff", "Compares results: what is better, what is worse.", diff_);
  }

  // Whether all is well, of the one that was given.
  std::optional<Result<bool>> run() const {
    for (const auto& [app, run] : all_) {
      if (app->parsed()) return run();
    }
    return std::nullopt;
  }

 private:
  template <class Command>
  void add(CLI::App& app, const char* name, const char* description, Command& command) {
    CLI::App* const added = app.add_subcommand(name, description);
    command.add_to(*added);
    all_.emplace_back(added, [&command] { return command.run(); });
  }

  RunCommand run_;
  TableCommand table_;
  LimitCommand limit_;
  SoakCommand soak_;
  ReportCommand report_;
  DiffCommand diff_;
  std::vector<std::pair<CLI::App*, std::function<Result<bool>()>>> all_;
};

void end_on_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Puts an event-streaming server under load and measures it.", "ringload");
  app.require_subcommand(1);
  LoadArguments load;
  load.add_to(app);
  Commands commands;
  commands.add_to(app);
  const Manual manual = ringload_manual();
  int printed = -1;  // by the commands of the manual
  add_manual_commands(app, manual, printed);
  if (auto answered = answer_completion(app, manual.hints, argc, argv)) return *answered;
  try {
    app.parse(argc, argv);
    if (printed >= 0) return printed;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  end_on_signals();
  if (const auto outcome = commands.run()) {
    if (!*outcome) return complain(outcome->error());
    return **outcome ? 0 : kIncorrect;
  }
  auto options = load.settle();
  if (!options) return complain(options.error());
  options->command = {argv, argv + argc};
  return measure(*options);
}
