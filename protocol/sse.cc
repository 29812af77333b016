#include "protocol/sse.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/topic_name.h"
#include "net/url.h"

namespace ringcast {
namespace {

constexpr std::string_view kEventStream = "text/event-stream";
constexpr std::size_t kMostEchoedIdBytes = 256;  // of a malformed id, in the gap event
constexpr std::size_t kMostTypes = 64;

struct Failure {
  int status;
  std::string_view code;
  std::string message;
};

std::string printable(std::string_view text) {
  return is_valid_utf8(text) ? std::string(text.substr(0, 200)) : std::string("(not UTF-8)");
}

std::optional<Failure> add_topic(Subscription& wanted, std::string_view name,
                                 const Limits& limits) {
  const bool pattern = name.find('*') != std::string_view::npos;
  if (!is_valid_utf8(name) || !(pattern ? is_topic_pattern(name) : is_topic_name(name))) {
    return Failure{
        400, "bad_topic",
        fmt::format("Topic `{}` is not valid: 1 to {} bytes, without spaces or controls.",
                    printable(name), kMostTopicBytes)};
  }
  auto& list = pattern ? wanted.patterns : wanted.topics;
  if (std::ranges::find(list, name) != list.end()) return {};
  if (wanted.topics.size() + wanted.patterns.size() >= limits.max_topics_per_subscriber) {
    return Failure{400, "too_many_topics",
                   fmt::format("One connection may name {} topics and patterns.",
                               limits.max_topics_per_subscriber)};
  }
  list.emplace_back(name);
  return {};
}

std::optional<Failure> add_types(Subscription& wanted, std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view type = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (type.empty()) continue;
    if (!is_event_type(type) || wanted.types.size() >= kMostTypes) {
      return Failure{400, "bad_types",
                     fmt::format("Parameter types= takes up to {} event types of at most "
                                 "128 bytes, separated by commas.",
                                 kMostTypes)};
    }
    wanted.types.emplace_back(type);
  }
  return {};
}

// What all streams take from the query and the headers.
std::optional<Failure> read_request(const RequestHead& head, const Limits& limits, bool topics,
                                    Subscription& wanted) {
  std::string scratch(head.query.size() + 1, '\0');
  Query query(head.query, scratch);
  while (query.next()) {
    std::optional<Failure> failure;
    if (query.key() == "topic" && topics) {
      failure = add_topic(wanted, query.value(), limits);
    } else if (query.key() == "types") {
      failure = add_types(wanted, query.value());
    } else if (query.key() == "lastEventId" && !query.value().empty()) {
      wanted.from = Subscription::From::after_id;
      wanted.last_id = query.value().substr(0, kMostEchoedIdBytes);
    } else if (query.key() == "from" && wanted.from != Subscription::From::after_id) {
      if (query.value() == "earliest") {
        wanted.from = Subscription::From::earliest;
      } else if (query.value() != "latest") {
        failure = Failure{400, "bad_from", "Parameter from= takes `earliest` or `latest`."};
      }
    }
    if (failure) return failure;
  }
  if (query.failed()) {
    return Failure{query.error().status, query.error().code, std::string(query.error().message)};
  }
  // A browser that reconnects repeats its URL; the header is newer.
  if (const auto id = head.find("Last-Event-ID"); id && !id->empty()) {
    wanted.from = Subscription::From::after_id;
    wanted.last_id = id->substr(0, kMostEchoedIdBytes);
  }
  return {};
}

Task<void> serve(Service& service, HttpExchange& exchange, Subscription wanted,
                 std::string_view greeting) {
  const RequestHead& head = exchange.head();
  exchange.add_header("Cache-Control", "no-cache, no-transform");
  exchange.add_header("X-Accel-Buffering", "no");
  if (head.method == Method::head) {
    co_await exchange.start_stream(200, kEventStream);
    co_await exchange.finish_stream();
    co_return;
  }
  if (!co_await exchange.flush()) {
    exchange.refuse(HttpError{});
    co_return;
  }
  wanted.head = exchange.head_until_close(200, kEventStream);
  wanted.head += fmt::format("retry: {}\n\n", service.config().sse.retry_ms);
  wanted.head += greeting;
  auto joined = co_await service.shard().subscribe(exchange.descriptor(), std::move(wanted));
  if (joined) {
    service.counters.streams.add();
    exchange.socket_taken();
  } else {
    exchange.refuse(503, joined.error().code, joined.error().message);
  }
}

bool refuse_if_off(Service& service, HttpExchange& exchange) {
  if (service.config().sse.enabled) return false;
  exchange.refuse(501, "sse_disabled", "Server-sent events are switched off (sse.enabled).");
  return true;
}

}  // namespace

Task<void> serve_events(Service& service, HttpExchange& exchange) {
  if (refuse_if_off(service, exchange)) co_return;
  Subscription wanted;
  const Limits& limits = service.config().limits;
  if (const auto failure = read_request(exchange.head(), limits, true, wanted)) {
    exchange.refuse(failure->status, failure->code, failure->message);
    co_return;
  }
  if (wanted.topics.empty() && wanted.patterns.empty()) {
    exchange.refuse(400, "missing_topic",
                    "Name at least one topic, such as /events?topic=news or /events?topic=jobs.*.");
    co_return;
  }
  co_await serve(service, exchange, std::move(wanted), {});
}

Task<void> serve_topic(Service& service, HttpExchange& exchange, std::string topic,
                       std::string_view greeting) {
  if (refuse_if_off(service, exchange)) co_return;
  Subscription wanted;
  const Limits& limits = service.config().limits;
  auto failure = read_request(exchange.head(), limits, false, wanted);
  if (!failure && topic.find('*') != std::string::npos) {
    failure = Failure{400, "bad_topic", "This stream takes no patterns; /events does."};
  }
  if (!failure) failure = add_topic(wanted, topic, limits);
  if (failure) {
    exchange.refuse(failure->status, failure->code, failure->message);
    co_return;
  }
  co_await serve(service, exchange, std::move(wanted), greeting);
}

}  // namespace ringcast
