#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "net/http_chars.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_printer.h"
#include "tools/ringcast/event_parser.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kDefaultRetryMs = 3'000;
constexpr std::int64_t kRetryMsMax = 3'600'000;

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

When the connection is lost, subscribe says so on standard error and connects again with its last
id, so that nothing is missed or shown twice as long as the server's history reaches back. It waits
for as long as the server asks (`retry:`), longer after each failure. Where events are missing
nevertheless, a warning on standard error says why. The first connection must succeed.

Ctrl-C ends it. Exit status: 0 ended or all of --count shown, 1 failed, 2 wrong usage.
)";

struct SubscribeArguments {
  ClientOptions client;
  std::vector<std::string> topics;
  std::string types;
  std::string from;
  std::string last_event_id;
  std::string colour = "auto";
  bool json = false;
  bool raw = false;
  bool quiet = false;
  std::uint64_t count = 0;  // 0: all
  std::optional<std::int64_t> retry_ms;
  double silence_s = 60;
};

enum class Ending : std::uint8_t {
  lost,  // to be tried again
  done,
  failed,
};

class Subscriber {
 public:
  Subscriber(Scope& scope, const SubscribeArguments& arguments, const Endpoint& endpoint)
      : scope_(scope),
        arguments_(arguments),
        endpoint_(endpoint),
        client_(scope),
        watching_(scope) {
    const bool one =
        arguments.topics.size() == 1 && arguments.topics.front().find('*') == std::string::npos;
    print_.format = arguments.json ? PrintFormat::json : PrintFormat::pretty;
    print_.colour =
        arguments.colour == "always" ||
        (arguments.colour == "auto" && output_.terminal() && std::getenv("NO_COLOR") == nullptr);
    if (one) print_.topic = arguments.topics.front();
    print_.show_topic = !one;
    parser_.set_last_id(arguments.last_event_id);
  }

  Task<int> run() {
    watching_.spawn(output_.watch(&watching_, &scope_));
    const int code = co_await follow();
    watching_.cancel();
    co_await watching_.join();
    co_return code;
  }

 private:
  Task<int> follow();
  Task<Ending> read_stream();
  Task<Ending> check(ClientResponse response);
  Task<Ending> read_events();
  Task<Ending> take(std::string_view piece);
  Task<bool> flush();
  Ending lose(std::string_view why);
  std::int64_t retry_ms() const;
  std::string target() const;

  Scope& scope_;
  const SubscribeArguments& arguments_;
  const Endpoint& endpoint_;
  HttpClient client_;
  ChildScope watching_;
  Output output_;
  PrintOptions print_;
  EventParser parser_;
  Backoff backoff_;
  std::string out_;
  std::string open_block_;  // raw: the beginning of a block whose end is to come
  std::uint64_t shown_ = 0;
  std::int64_t server_retry_ms_ = 0;  // from Retry-After, for the next attempt
  int code_ = kExitOk;
  bool first_ = true;
  bool lost_ = false;
};

std::string Subscriber::target() const {
  std::string target = endpoint_.target("/events");
  char separator = '?';
  for (const std::string& topic : arguments_.topics) {
    target += fmt::format("{}topic={}", std::exchange(separator, '&'), percent_encode(topic));
  }
  if (!arguments_.types.empty()) target += "&types=" + percent_encode(arguments_.types);
  if (!arguments_.from.empty()) target += "&from=" + arguments_.from;
  return target;
}

std::int64_t Subscriber::retry_ms() const {
  if (arguments_.retry_ms) return *arguments_.retry_ms;
  return std::min(parser_.retry_ms().value_or(kDefaultRetryMs), kRetryMsMax);
}

// Says once for each outage what happened. What is wrong with the first attempt ends the program.
Ending Subscriber::lose(std::string_view why) {
  if (scope_.cancelled()) return Ending::done;
  if (first_) {
    complain(why);
    code_ = kExitFailed;
    return Ending::failed;
  }
  if (!std::exchange(lost_, true) && !arguments_.quiet) {
    const std::string& id = parser_.last_id();
    complain(fmt::format("{} Connecting again{}.", why,
                         id.empty() ? std::string() : fmt::format(" to go on after {}", id)));
  }
  return Ending::lost;
}

Task<int> Subscriber::follow() {
  for (;;) {
    server_retry_ms_ = 0;
    const Ending ending = co_await read_stream();
    client_.close();
    if (scope_.cancelled()) co_return kExitOk;  // Ctrl-C, or nobody reads what it writes
    if (ending != Ending::lost) co_return code_;
    const std::int64_t pause_ms = backoff_.next_ms(std::max(retry_ms(), server_retry_ms_));
    if (!co_await scope_.sleep(pause_ms * kNsPerMs)) co_return kExitOk;
  }
}

Task<Ending> Subscriber::read_stream() {
  if (auto opened = co_await open(&client_, &endpoint_); !opened) {
    co_return lose(opened.error().message);
  }
  std::vector<ClientHeader> headers = endpoint_.headers;
  headers.push_back({"Accept", "text/event-stream"});
  headers.push_back({"Cache-Control", "no-store"});
  if (!parser_.last_id().empty()) headers.push_back({"Last-Event-ID", parser_.last_id()});
  const std::string where = target();
  auto response = co_await client_.request(
      {.host = endpoint_.url.authority, .target = where, .headers = headers});
  if (!response) co_return lose(response.error().message);
  if (const Ending ending = co_await check(*response); ending != Ending::done) co_return ending;
  if (std::exchange(lost_, false) && !arguments_.quiet) complain("Connected again.");
  first_ = false;
  parser_.restart();
  open_block_.clear();
  co_return co_await read_events();
}

// Done: it is a stream to be read.
Task<Ending> Subscriber::check(ClientResponse response) {
  const std::string_view type = response.find("Content-Type");
  const std::string_view media = chars::trim(type.substr(0, type.find(';')));
  if (response.status == 200 && chars::iequals(media, "text/event-stream")) co_return Ending::done;
  code_ = kExitFailed;
  if (response.status == 200) {
    complain("The server's answer is no event stream; is it ringcast?");
    co_return Ending::failed;
  }
  const std::string_view after = response.find("Retry-After");
  std::int64_t after_s = 0;
  std::from_chars(after.data(), after.data() + after.size(), after_s);
  server_retry_ms_ = std::clamp<std::int64_t>(after_s, 0, kRetryMsMax / 1000) * 1000;
  const bool transient = is_transient(response.status);
  const Error error = co_await refusal(&client_, std::move(response));
  if (transient && !first_) {
    code_ = kExitOk;
    co_return lose(error.message);
  }
  complain(error.message);
  co_return Ending::failed;
}

Task<Ending> Subscriber::read_events() {
  const auto silence_ms = static_cast<std::int64_t>(arguments_.silence_s * 1000);
  for (;;) {
    auto piece = co_await client_.next_piece(silence_ms > 0 ? silence_ms : HttpClient::kNoLimit);
    if (!piece) {
      co_return lose(piece.error().code == "timed_out" ? "Nothing was heard from the server."
                                                       : piece.error().message);
    }
    if (piece->empty()) co_return lose("The server ended the stream.");
    backoff_.reset();
    const Ending ending = co_await take(*piece);
    if (ending != Ending::lost) co_return ending;
  }
}

// Lost: there is more to come.
Task<Ending> Subscriber::take(std::string_view piece) {
  Ending ending = Ending::lost;
  while (ending == Ending::lost) {
    const std::string_view before = piece;
    const StreamEvent* event = parser_.next(piece);
    if (arguments_.raw) {
      open_block_ += before.substr(0, before.size() - piece.size());
      const std::size_t open = std::min(parser_.open_bytes(), open_block_.size());
      out_.append(open_block_, 0, open_block_.size() - open);
      open_block_.erase(0, open_block_.size() - open);
    }
    if (event == nullptr) break;
    if (event->type == "gap") {
      complain(describe_gap(*event));
      continue;
    }
    if (!arguments_.raw) append_event(out_, *event, print_);
    if (++shown_ == arguments_.count) ending = Ending::done;
  }
  if (parser_.too_long()) {
    complain("An event of the stream is too long.");
    code_ = kExitFailed;
    ending = Ending::failed;
  }
  if (!co_await flush()) ending = Ending::failed;
  co_return ending;
}

Task<bool> Subscriber::flush() {
  if (out_.empty()) co_return true;
  const Output::Outcome outcome = co_await output_.write(&scope_, out_);
  out_.clear();
  if (outcome == Output::Outcome::written) co_return true;
  code_ = output_.exit_code(outcome);
  co_return false;
}

Task<int> subscribe(Scope* scope, const SubscribeArguments* arguments, const Endpoint* endpoint) {
  Subscriber subscriber(*scope, *arguments, *endpoint);
  co_return co_await subscriber.run();
}

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
  auto* raw = command.add_flag("--raw", arguments.raw, "the stream as it comes");
  raw->excludes(json);
  command
      .add_option("--color", arguments.colour,
                  "auto: on a terminal, unless NO_COLOR is set; always; never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
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

void add_subscribe_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("subscribe", "Print the events of topics as they come.");
  command->footer(kExamples);
  auto arguments = std::make_shared<SubscribeArguments>();
  add_subscribe_options(*command, *arguments);
  command->callback([arguments, &exit_code] {
    auto endpoint = make_endpoint(arguments->client);
    std::string problem = endpoint ? "" : endpoint.error().message;
    if (header_problem({"Last-Event-ID", arguments->last_event_id})) {
      problem = "--last-event-id has control characters.";
    }
    if (!problem.empty()) {
      complain(problem);
      exit_code = kExitUsage;
      return;
    }
    exit_code =
        run_command([&](Scope& scope) { return subscribe(&scope, arguments.get(), &*endpoint); });
  });
}

}  // namespace ringcast
