#include "protocol/sse.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "protocol/access.h"
#include "protocol/log.h"
#include "protocol/session_path.h"
#include "protocol/sse_request.h"
#include "protocol/stream_format.h"

namespace ringcast {
namespace {

constexpr std::string_view kEventStream = "text/event-stream";

// What a stream follows, for the log; empty if nobody reads it there.
std::string names_of(const Subscription& wanted) {
  if (!log_enabled(LogLevel::kDebug)) return {};
  const bool both = !wanted.topics.empty() && !wanted.patterns.empty();
  return fmt::format("{}{}{}", fmt::join(wanted.topics, ","), both ? "," : "",
                     fmt::join(wanted.patterns, ","));
}

// The head of the response, and what comes before the first event.
void begin_events(Service& service, HttpExchange& exchange, std::string_view greeting,
                  Subscription& wanted) {
  wanted.head = exchange.head_until_close(200, kEventStream);
  wanted.head += fmt::format("retry: {}\n\n", service.config().sse.retry_ms);
  if (!greeting.empty()) wanted.head += fmt::format("data: {}\n\n", greeting);
  wanted.ends_with = sse_ending(StandingEnd::expired);
}

void begin_lines(Service& service, HttpExchange& exchange, std::string_view greeting,
                 Subscription& wanted) {
  const bool chunked = exchange.head().version_minor >= 1;
  LinesForm& form = service.line_forms().of(chunked);
  wanted.form = &form;
  wanted.head = chunked ? exchange.head_in_chunks(200, kLinesType)
                        : exchange.head_until_close(200, kLinesType);
  if (!greeting.empty()) form.append_line(wanted.head, greeting);
  wanted.ends_with = form.ending(StandingEnd::expired);
}

Task<void> serve(Service& service, HttpExchange& exchange, Subscription wanted,
                 std::string_view greeting, StreamFormat format, const PrincipalPtr& who) {
  const RequestHead& head = exchange.head();
  const bool lines = format == StreamFormat::lines;
  exchange.add_header("Cache-Control", "no-cache, no-transform");
  exchange.add_header("X-Accel-Buffering", "no");
  if (head.method == Method::head) {
    co_await exchange.start_stream(200, lines ? kLinesType : kEventStream);
    co_await exchange.finish_stream();
    co_return;
  }
  if (service.limits().refuse_stream(exchange, wanted.place)) co_return;
  if (!co_await exchange.flush()) {
    exchange.refuse(HttpError{});
    co_return;
  }
  lines ? begin_lines(service, exchange, greeting, wanted)
        : begin_events(service, exchange, greeting, wanted);
  wanted.announce_position = true;
  wanted.ends_at_ns = service.standings().ends_at_ns(*who);
  wanted.owner = who;
  const std::string names = names_of(wanted);
  auto joined = co_await service.shard().subscribe(exchange.descriptor(), std::move(wanted));
  if (joined) {
    service.counters.streams.add();
    service.review().joined(who);
    exchange.socket_taken();
    ClientAddress::TextBuffer client;
    log_debug("stream opened", {{"request_id", exchange.request_id()},
                                {"client_ip", exchange.client().text(client)},
                                {"principal", who->proved ? who->name : ""},
                                {"session_id", session_of(head.path)},
                                {"topics", names}});
  } else {
    exchange.refuse(503, joined.error().code, joined.error().message);
  }
}

// Null if it was refused.
PrincipalPtr subscriber_of(Service& service, HttpExchange& exchange, const Subscription& wanted) {
  PrincipalPtr who = service.identify_or_refuse(exchange);
  if (who == nullptr) return nullptr;
  if (const auto refusal = refusal_to_subscribe(*who, wanted)) {
    service.refuse(exchange, *refusal);
    return nullptr;
  }
  return who;
}

// Nothing if it was refused.
std::optional<StreamFormat> format_of(Service& service, HttpExchange& exchange) {
  if (!service.state().features.on(Feature::sse_streaming)) {
    exchange.refuse(501, "sse_disabled", "Server-sent events are switched off.");
    return std::nullopt;
  }
  const auto format = stream_format(exchange.head());
  if (!format) {
    exchange.refuse(400, "bad_format", "Parameter format= takes `sse` or `ndjson`.");
  }
  return format;
}

}  // namespace

Task<void> serve_events(Service& service, HttpExchange& exchange) {
  const auto format = format_of(service, exchange);
  if (!format) co_return;
  Subscription wanted;
  const Limits& limits = service.config().limits;
  if (const auto failure = read_stream_request(exchange.head(), limits, true, wanted)) {
    exchange.refuse(failure->status, failure->code, failure->message);
    co_return;
  }
  if (wanted.topics.empty() && wanted.patterns.empty()) {
    exchange.refuse(400, "missing_topic",
                    "Name at least one topic, such as /events?topic=news or /events?topic=jobs.*.");
    co_return;
  }
  const PrincipalPtr who = subscriber_of(service, exchange, wanted);
  if (who == nullptr) co_return;
  co_await serve(service, exchange, std::move(wanted), {}, *format, who);
}

Task<void> serve_topic(Service& service, HttpExchange& exchange, std::string topic,
                       std::string_view greeting) {
  const auto format = format_of(service, exchange);
  if (!format) co_return;
  Subscription wanted;
  const Limits& limits = service.config().limits;
  auto failure = read_stream_request(exchange.head(), limits, false, wanted);
  if (!failure && topic.find('*') != std::string::npos) {
    failure = SseRefusal{400, "bad_topic", "This stream takes no patterns; /events does."};
  }
  if (!failure) failure = add_stream_topic(wanted, topic, limits);
  if (failure) {
    exchange.refuse(failure->status, failure->code, failure->message);
    co_return;
  }
  const PrincipalPtr who = subscriber_of(service, exchange, wanted);
  if (who == nullptr) co_return;
  co_await serve(service, exchange, std::move(wanted), greeting, *format, who);
}

}  // namespace ringcast
