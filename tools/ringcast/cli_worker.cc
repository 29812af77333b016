#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "core/event_stream.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_printer.h"
#include "tools/ringcast/cli_worker_state.h"
#include "tools/ringcast/cli_ws_follower.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::string_view kLastRef = "last";

constexpr const char* kExamples = R"(Examples, each in a terminal of its own:
  ringcast worker-demo 42
  ringcast subscribe progress.42
  ringcast control 42 pause
  ringcast control 42 adjust_quality_threshold value=0.8
  ringcast control 42 resume
  A worker that is quick:
    ringcast worker-demo 43 --interval 0.1 --steps 50

It works in steps and publishes an event `step_progress` to progress.SESSION for each, at the end
`completed` or `cancelled`. It follows control.SESSION, obeys each event `command` there, and
answers with an event `reply` that has the command's `ref`. What it does it prints. A lost
connection is made again; commands sent meanwhile are obeyed then.

tools/examples/worker.py and worker.mjs are the same in Python and JavaScript, to begin with.

Exit status: 0 completed, cancelled or interrupted, 1 failed, 2 wrong usage.
)";

struct WorkerArguments {
  ClientOptions client;
  std::string session;
  double interval_s = 1;
  std::uint64_t steps = 100;
  bool quiet = false;
};

// `data` is JSON, which travels as it is.
std::string publish_command(std::string_view topic, std::string_view event, std::string_view data,
                            std::string_view ref = {}) {
  std::string command = "{\"type\":\"publish\",\"topic\":";
  append_json_string(command, topic);
  command += ",\"event\":";
  append_json_string(command, event);
  command += ",\"data\":";
  command += data;
  if (!ref.empty()) {
    command += ",\"ref\":";
    append_json_string(command, ref);
  }
  return command += '}';
}

class Worker final : WsFollower {
 public:
  Worker(Scope& scope, const WorkerArguments& arguments, const Endpoint& endpoint)
      : WsFollower(
            scope, endpoint,
            {.follow = {.retry_ms = {}, .quiet = arguments.quiet},
             .socket = {},
             .path = "/ws?types=command&topic=" + percent_encode("control." + arguments.session),
             .last_event_id = {}}),
        progress_topic_("progress." + arguments.session),
        control_topic_("control." + arguments.session),
        interval_ns_(static_cast<std::int64_t>(arguments.interval_s * 1e9)),
        state_(arguments.steps) {}

  using Follower::follow;

 private:
  void on_connected() override;
  Ending on_event(const StreamEvent& event) override;
  Ending on_answer(const ServerMessage& answer) override;
  Task<std::optional<int>> on_pause() override;
  std::int64_t pause_ms() const override;

  void tell(std::string_view event);
  void say(std::string_view line);
  std::int64_t now_ns() const { return reactor_.driver().now_ns(); }

  Reactor& reactor_ = scope().reactor();
  std::string progress_topic_;
  std::string control_topic_;
  std::int64_t interval_ns_;
  std::int64_t next_step_ns_ = 0;
  WorkerState state_;
  bool told_end_ = false;
  bool output_broken_ = false;
};

void Worker::say(std::string_view line) {
  fmt::print("{}\n", line);
  output_broken_ = std::fflush(stdout) != 0;
}

void Worker::on_connected() {
  if (next_step_ns_ == 0) {
    say(fmt::format("Working; telling {}, listening to {}.", progress_topic_, control_topic_));
  }
  told_end_ = false;  // the end may not have got through
  next_step_ns_ = now_ns() + interval_ns_;
}

Ending Worker::on_event(const StreamEvent& event) {
  if (event.type == "gap") complain(describe_gap(event));
  if (event.type != "command") return Ending::lost;
  std::string said;
  const std::string answer = state_.obey(event.data, said);
  if (!answer.empty()) socket().queue(publish_command(control_topic_, "reply", answer));
  say(said);
  return Ending::lost;
}

Ending Worker::on_answer(const ServerMessage& answer) {
  return answer.ref == kLastRef ? Ending::done : Ending::lost;
}

// The next step, if it is time for it; the end, once.
Task<std::optional<int>> Worker::on_pause() {
  if (state_.working() && now_ns() >= next_step_ns_) {
    next_step_ns_ = now_ns() + interval_ns_;
    state_.advance();
    tell("step_progress");
  }
  if ((state_.cancelled() || state_.completed()) && !told_end_) {
    told_end_ = true;
    tell(state_.cancelled() ? "cancelled" : "completed");
  }
  if (output_broken_) co_return kExitOk;  // nobody watches any more
  co_return std::nullopt;
}

void Worker::tell(std::string_view event) {
  const std::string progress = state_.progress();
  socket().queue(publish_command(progress_topic_, event, progress, told_end_ ? kLastRef : ""));
  say(fmt::format("{} {}", event, progress));
}

std::int64_t Worker::pause_ms() const {
  if (!state_.working()) return HttpClient::kNoLimit;
  return std::max<std::int64_t>((next_step_ns_ - now_ns() + kNsPerMs - 1) / kNsPerMs, 1);
}

Task<int> work(Scope* scope, const WorkerArguments* arguments, const Endpoint* endpoint) {
  Worker worker(*scope, *arguments, *endpoint);
  co_return co_await worker.follow();
}

}  // namespace

void add_worker_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "worker-demo", "A worker to control: tells its progress and obeys commands.");
  command->footer(kExamples);
  auto arguments = std::make_shared<WorkerArguments>();
  command->add_option("SESSION", arguments->session, "whose worker it is")->required();
  command->add_option("--interval", arguments->interval_s, "seconds from step to step")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  command->add_option("--steps", arguments->steps, "steps until the work is done")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--quiet", arguments->quiet, "say nothing about lost connections");
  add_client_options(*command, arguments->client);
  command->callback([arguments, &exit_code] {
    exit_code = run_client(arguments->client, arguments->session.empty() ? "SESSION is empty." : "",
                           [&](Scope* scope, const Endpoint* endpoint) {
                             return work(scope, arguments.get(), endpoint);
                           });
  });
}

}  // namespace ringcast
