#include "tools/ringcast/cli_subscribe.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_follower.h"

namespace ringcast {
namespace {

constexpr const char* kExamples = R"(Examples:
  Watch a topic:
    ringcast subscribe machine
  All topics of jobs and one more, from the beginning of what is kept (quote patterns):
    ringcast subscribe 'jobs.*' news --from earliest
  For programs, an object a line:
    ringcast subscribe orders --json | jq -r .data
  Wait for the first event of a type, then go on with a script:
    ringcast subscribe jobs.7 --types completed,failed --from earliest --count 1
  Go on where another run ended, with the id of its last event:
    ringcast subscribe orders --last-event-id "$id" --json
  Over WebSocket, compressed:
    ringcast subscribe 'jobs.*' --ws --compress

When the connection is lost, subscribe says so on standard error and connects again with its last
id, so that nothing is missed or shown twice as long as the server's history reaches back. It waits
for as long as the server asks, longer after each failure. Where events are missing
nevertheless, a warning on standard error says why. The first connection must succeed.

Ctrl-C ends it. Exit status: 0 ended or all of --count shown, 1 failed, 2 wrong usage.
)";

void add_subscribe_options(CLI::App& command, SubscribeArguments& arguments) {
  command
      .add_option("TOPIC", arguments.topics, "topics, or patterns in which `*` stands for anything")
      ->required();
  command.add_option("--types", arguments.types, "only events of these types: a,b");
  command
      .add_option("--from", arguments.from,
                  "where to begin: what comes (latest, the default) or all that is kept (earliest)")
      ->check(CLI::IsMember({"earliest", "latest"}));
  command.add_option("--last-event-id", arguments.last_event_id,
                     "begin with what follows the event of this id");
  command.add_option("--count", arguments.count, "end after so many events")
      ->check(CLI::PositiveNumber);
  auto* json = command.add_flag("--json", arguments.json,
                                "an object a line: {\"id\",\"event\",\"topic\",\"data\"}");
  auto* raw = command.add_flag("--raw", arguments.raw,
                               "the stream as it comes; over WebSocket a message a line");
  raw->excludes(json);
  command
      .add_option("--color", arguments.colour,
                  "auto: on a terminal, unless NO_COLOR is set; always; never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  auto* websocket =
      command.add_flag("--ws", arguments.websocket, "over WebSocket instead of server-sent events");
  command.add_flag("--compress", arguments.compress, "over WebSocket: ask for compressed messages")
      ->needs(websocket);
  command
      .add_option("--retry", arguments.retry_ms,
                  "ms before connecting again, instead of what the server asks for")
      ->check(CLI::Range(std::int64_t{1}, kRetryMsMax));
  command
      .add_option("--silence", arguments.silence_s,
                  "connect again when nothing, not even a heartbeat, came for so many seconds; 0: "
                  "wait for ever")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  command.add_flag("--quiet", arguments.quiet, "say nothing about lost connections");
  add_client_options(command, arguments.client);
}

}  // namespace

std::string stream_query(const SubscribeArguments& arguments) {
  std::string query;
  char separator = '?';
  for (const std::string& topic : arguments.topics) {
    query += fmt::format("{}topic={}", std::exchange(separator, '&'), percent_encode(topic));
  }
  if (!arguments.types.empty()) query += "&types=" + percent_encode(arguments.types);
  if (!arguments.from.empty()) query += "&from=" + arguments.from;
  return query;
}

void add_subscribe_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("subscribe", "Print the events of topics as they come.");
  command->footer(kExamples);
  auto arguments = std::make_shared<SubscribeArguments>();
  add_subscribe_options(*command, *arguments);
  command->callback([arguments, &exit_code] {
    const bool bad_id = header_problem({"Last-Event-ID", arguments->last_event_id}).has_value();
    exit_code =
        run_client(arguments->client, bad_id ? "--last-event-id has control characters." : "",
                   [&](Scope* scope, const Endpoint* endpoint) {
                     const auto way = arguments->websocket ? subscribe_websocket : subscribe_events;
                     return way(scope, arguments.get(), endpoint);
                   });
  });
}

}  // namespace ringcast
