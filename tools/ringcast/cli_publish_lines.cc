#include <fmt/format.h>
#include <poll.h>
#include <simdjson.h>

#include <algorithm>
#include <expected>
#include <random>
#include <utility>

#include "core/event_stream.h"
#include "tools/ringcast/cli_lines.h"
#include "tools/ringcast/cli_publish.h"

namespace ringcast {
namespace {

constexpr std::size_t kAnswerBytesMax = 16 << 20;
constexpr std::size_t kChunkBytes = 64 << 10;
constexpr std::size_t kBatchLines = 1000;
constexpr std::int64_t kFirstPauseMs = 500;
constexpr std::int64_t kNsPerMs = 1'000'000;

// What both ways have in common: where to send, and the life of the connection.
struct Sender {
  Sender(Scope* interrupted, const PublishArguments* with, const Endpoint* to)
      : scope(*interrupted), arguments(*with), endpoint(*to), io(scope.reactor()), client(io) {
    io.spawn(cancel_later(&scope, &io));
  }

  // Connects, with pauses in between. The first attempt of all must succeed: what is wrong then is
  // mostly wrong for ever.
  Task<Result<void>> connect() {
    for (;;) {
      auto opened = co_await open(&client, &endpoint);
      if (opened && std::exchange(lost, false)) complain("Connected again.");
      if (opened || first) {
        first = false;
        co_return opened;
      }
      note_loss(opened.error().message);
      if (!co_await scope.sleep(backoff.next_ms(kFirstPauseMs) * kNsPerMs)) co_return opened;
    }
  }

  // Says once for each outage what happened.
  void note_loss(std::string_view why) {
    if (!std::exchange(lost, true)) complain(why);
  }

  Task<void> finish() {
    scope.cancel();
    io.cancel();
    co_await io.join();
  }

  Scope& scope;  // cancelled by Ctrl-C
  const PublishArguments& arguments;
  const Endpoint& endpoint;
  Scope io;  // cancelled a while later
  HttpClient client;
  LineSource source;
  Backoff backoff;
  Published published;
  std::uint64_t unanswered = 0;  // lines sent on the connection at hand, as a stream
  bool first = true;
  bool lost = false;
};

// How a request ended: it is answered, the connection is to be made again, or there is no hope.
enum class Ending : std::uint8_t { answered, again, failed };

// Waits until there are lines, or no more will come.
Task<Result<void>> await_lines(Sender* sender, Scope* scope) {
  while (sender->source.lines(1).empty() && !sender->source.ended()) {
    const auto more = co_await sender->source.more(scope);
    if (!more) co_return std::unexpected(more.error());
    if (*more) continue;
    if (sender->scope.cancelled()) sender->source.stop();
    break;
  }
  co_return Result<void>{};
}

bool exhausted(const Sender& sender) {
  return sender.source.ended() && sender.source.lines(1).empty();
}

Task<void> watch_answer(Scope* round, int fd, bool* answered) {
  if (co_await ready_for(*round, fd, POLLIN) < 0) co_return;
  *answered = true;
  round->cancel();
}

// Sends lines until there are no more or the server has something to say.
Task<Result<void>> send_lines(Sender* sender, Scope* round, const bool* answered) {
  for (;;) {
    if (auto waited = co_await await_lines(sender, round); !waited) co_return waited;
    if (*answered || exhausted(*sender)) co_return Result<void>{};
    const std::string_view lines = sender->source.lines(kChunkBytes);
    if (lines.empty()) continue;
    const auto sent = co_await sender->client.send_chunk(lines);
    // Never sent again: it may have arrived.
    sender->unanswered += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    sender->source.take(lines.size());
    if (!sent) co_return Result<void>{};  // the answer, if any, says why
  }
}

// The body of an answer 200; without one, how the request ended, of which the user is told.
Task<std::expected<std::string, Ending>> answer_body(Sender* sender,
                                                     const Result<ClientResponse>* response) {
  if (!*response) {
    sender->note_loss(response->error().message);
    co_return std::unexpected(Ending::again);
  }
  const int status = (*response)->status;
  if (status != 200) {
    const Error error = co_await refusal(&sender->client, **response);
    sender->note_loss(error.message);
    co_return std::unexpected(is_transient(status) ? Ending::again : Ending::failed);
  }
  auto body = co_await sender->client.body(kAnswerBytesMax);
  if (!body) {
    sender->note_loss(body.error().message);
    co_return std::unexpected(Ending::again);
  }
  co_return *std::move(body);
}

Task<Ending> settle_answer(Sender* sender) {
  const auto response = co_await sender->client.response();
  const auto body = co_await answer_body(sender, &response);
  if (!body) co_return body.error();
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  std::uint64_t count = 0;
  std::string_view id;
  if (parser.parse(*body).get(answer) != simdjson::SUCCESS ||
      answer["count"].get(count) != simdjson::SUCCESS) {
    complain("The server's answer names no count.");
    co_return Ending::failed;
  }
  sender->published.count += count;
  sender->unanswered = 0;
  if (answer["id"].get(id) == simdjson::SUCCESS) sender->published.last_id = id;
  co_return Ending::answered;
}

Task<Ending> stream_once(Sender* sender, const std::string* target) {
  ChildScope round(sender->scope);
  const ClientRequest request{.method = "POST",
                              .host = sender->endpoint.url.authority,
                              .target = *target,
                              .headers = sender->endpoint.headers,
                              .chunked = true};
  bool answered = false;
  auto sent = co_await sender->client.send_head(request);
  if (sent) {
    round.spawn(watch_answer(&round, sender->client.descriptor().number(), &answered));
    sent = co_await send_lines(sender, &round, &answered);
  }
  round.cancel();
  co_await round.join();
  if (!sent) {
    sender->note_loss(sent.error().message);
    co_return sent.error().code == "connection_lost" ? Ending::again : Ending::failed;
  }
  // A failure shows in the answer that does not come.
  if (!answered) (void)co_await sender->client.finish_chunks();
  co_return co_await settle_answer(sender);
}

Task<int> stream_all(Sender* sender) {
  std::string target =
      sender->endpoint.target("/api/events/" + percent_encode(sender->arguments.topic));
  target += "?stream=lines";
  if (!sender->arguments.event.empty()) {
    target += "&event=" + percent_encode(sender->arguments.event);
  }
  for (;;) {
    // After a loss only when there is something to send.
    if (!sender->first) {
      if (auto waited = co_await await_lines(sender, &sender->scope); !waited) {
        co_return fail_with(waited.error());
      }
      if (exhausted(*sender)) co_return kExitOk;
    }
    if (auto opened = co_await sender->connect(); !opened) co_return fail_with(opened.error());
    const std::int64_t begin_ns = sender->scope.reactor().now_ns();
    const std::uint64_t unknown = sender->published.unknown;
    const Ending ending = co_await stream_once(sender, &target);
    sender->client.close();
    sender->published.unknown += std::exchange(sender->unanswered, 0);
    if (ending == Ending::failed) co_return kExitFailed;
    const bool lasted = sender->scope.reactor().now_ns() - begin_ns > 1'000 * kNsPerMs;
    if (lasted) sender->backoff.reset();
    if (exhausted(*sender)) {
      co_return sender->published.unknown == unknown ? kExitOk : kExitFailed;
    }
    if (ending == Ending::again) {
      co_await sender->scope.sleep(sender->backoff.next_ms(kFirstPauseMs) * kNsPerMs);
    }
  }
}

// --- Exact -----------------------------------------------------------------------------------

std::string random_prefix() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// NDJSON of the lines, each with an id; the number of them in `count`.
std::string batch_of(const PublishArguments& arguments, std::string_view lines,
                     const std::string& prefix, std::uint64_t next) {
  std::string batch;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    batch += "{\"topic\":";
    append_json_string(batch, arguments.topic);
    if (!arguments.event.empty()) {
      batch += ",\"event\":";
      append_json_string(batch, arguments.event);
    }
    batch += fmt::format(",\"id\":\"{}-{}\",\"data\":", prefix, next++);
    append_json_string(batch, line);
    batch += "}\n";
  }
  return batch;
}

std::string_view first_lines(std::string_view lines, std::size_t most) {
  std::size_t end = 0;
  for (std::size_t n = 0; n < most && end < lines.size(); ++n) end = lines.find('\n', end) + 1;
  return lines.substr(0, end);
}

Task<Ending> post_batch(Sender* sender, const std::string* target, const std::string* batch,
                        const std::vector<ClientHeader>* headers) {
  const auto response = co_await sender->client.request({.method = "POST",
                                                         .host = sender->endpoint.url.authority,
                                                         .target = *target,
                                                         .headers = *headers,
                                                         .body = *batch});
  const auto body = co_await answer_body(sender, &response);
  if (!body) co_return body.error();
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (parser.parse(*body).get(list) != simdjson::SUCCESS) {
    complain("The server's answer is no list of ids.");
    co_return Ending::failed;
  }
  for (const simdjson::dom::element event : list) {
    std::string_view id;
    if (event["id"].get(id) == simdjson::SUCCESS) sender->published.last_id = id;
  }
  co_return Ending::answered;
}

// A server closes what was idle for long; nothing was lost by that.
bool still_open(const Sender& sender) {
  if (!sender.client.reusable()) return false;
  pollfd socket{.fd = sender.client.descriptor().number(), .events = POLLIN, .revents = 0};
  return ::poll(&socket, 1, 0) == 0;
}

Task<int> post_all(Sender* sender) {
  const std::string target = sender->endpoint.target("/api/events");
  const std::string prefix = random_prefix();
  std::vector<ClientHeader> headers = sender->endpoint.headers;
  headers.push_back({"Content-Type", "application/x-ndjson"});
  for (;;) {
    if (auto waited = co_await await_lines(sender, &sender->scope); !waited) {
      co_return fail_with(waited.error());
    }
    if (exhausted(*sender)) co_return kExitOk;
    const std::string_view lines = first_lines(sender->source.lines(kChunkBytes), kBatchLines);
    const std::string batch =
        batch_of(sender->arguments, lines, prefix, sender->published.count + 1);
    for (Ending ending = Ending::again; ending != Ending::answered;) {
      if (!still_open(*sender)) {
        auto opened = co_await sender->connect();
        if (!opened) co_return fail_with(opened.error());
      }
      ending = co_await post_batch(sender, &target, &batch, &headers);
      if (ending == Ending::failed) co_return kExitFailed;
      if (ending == Ending::answered) break;
      sender->client.close();
      if (!co_await sender->scope.sleep(sender->backoff.next_ms(kFirstPauseMs) * kNsPerMs)) {
        complain("The last lines were not published.");
        co_return kExitFailed;
      }
    }
    sender->backoff.reset();
    sender->lost = false;
    sender->published.count += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    sender->source.take(lines.size());
  }
}

Task<int> run_sender(Scope* scope, const PublishArguments* arguments, const Endpoint* endpoint,
                     Task<int> (*way)(Sender*)) {
  Sender sender(scope, arguments, endpoint);
  const int code = co_await way(&sender);
  co_await sender.finish();
  report_published(*arguments, sender.published);
  co_return code;
}

}  // namespace

Task<int> publish_stream(Scope* scope, const PublishArguments* arguments,
                         const Endpoint* endpoint) {
  return run_sender(scope, arguments, endpoint, stream_all);
}

Task<int> publish_exact(Scope* scope, const PublishArguments* arguments, const Endpoint* endpoint) {
  return run_sender(scope, arguments, endpoint, post_all);
}

}  // namespace ringcast
