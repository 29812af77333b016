#include "tools/ringload/load_process.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tools/ringload/interruption.h"
#include "tools/ringload/result_file.h"
#include "tools/ringload/text_file.h"

namespace ringcast::load {
namespace {

constexpr int kUsage = 2;
constexpr int kIncorrect = 3;      // measured all the same
constexpr double kPatienceS = 30;  // of an interrupted load, which drains
constexpr auto kStep = std::chrono::milliseconds(10);

// What it said, without its name in front.
std::string complaint(const std::string& output) {
  const std::string text = tail_of(output, 5);
  constexpr std::string_view kName = "ringload: ";
  return text.starts_with(kName) ? text.substr(kName.size()) : text;
}

int wait_for(Process& load) {
  while (!interrupted) {
    if (const auto status = load.status()) return *status;
    std::this_thread::sleep_for(kStep);
  }
  load.signal(SIGTERM);
  load.stop(kPatienceS);
  return -1;
}

}  // namespace

Result<LoadRun> run_load(const std::vector<std::string>& words, const TemporaryFolder& folder,
                         Errors errors) {
  const std::string json = folder.file("run.json");
  const std::string output = folder.file("load.log");
  for (const std::string& file : {json, output}) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
  }
  std::error_code unknown;
  std::vector<std::string> command = {std::filesystem::read_symlink("/proc/self/exe", unknown)};
  command.insert(command.end(), words.begin(), words.end());
  for (const char* word : {"--quiet", "--json"}) command.emplace_back(word);
  command.push_back(json);
  Process::Setup setup{.command = command};
  if (errors == Errors::kept) setup.output = output;
  setup.shows_errors = errors == Errors::shown;
  auto load = Process::start(setup);
  if (!load) return std::unexpected(load.error());
  const int status = wait_for(*load);
  if (interrupted) return fail("interrupted", "Interrupted.");
  if (status != 0 && status != kIncorrect) {
    return fail(status == kUsage ? "bad_usage" : "load_failed",
                errors == Errors::kept ? complaint(output) : "The load could not be measured.");
  }
  LoadRun run;
  run.json = read_text(json).value_or("");
  auto results = parse_results(run.json, json);
  if (!results) return std::unexpected(results.error());
  run.result = std::move(results->front().runs.front());
  while (run.json.ends_with('\n')) run.json.pop_back();
  return run;
}

}  // namespace ringcast::load
