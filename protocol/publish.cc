#include "protocol/publish.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "core/reactor.h"
#include "core/topic_name.h"
#include "core/utf8.h"
#include "net/url.h"
#include "protocol/access.h"
#include "protocol/batch_parser.h"
#include "protocol/event_reader.h"

namespace ringcast {
namespace {

constexpr std::string_view kJson = "application/json";

struct PublishQuery {
  std::string event;
  std::string id;
  bool lines = false;
};

constexpr HttpError kDraining{503, "draining", "This server is shutting down; publish elsewhere."};
constexpr HttpError kHandedOver{503, "handed_over", "Another process has taken over."};
constexpr HttpError kLengthRequired{411, "length_required",
                                    "Send Content-Length or Transfer-Encoding: chunked."};
constexpr HttpError kNotUtf8{400, "bad_utf8", "The data is not valid UTF-8."};

// Every length is known or chunked, and the server takes events.
bool refuse_early(Service& service, HttpExchange& exchange) {
  const RequestHead& head = exchange.head();
  if (!head.chunked && !head.content_length) {
    exchange.refuse(kLengthRequired);
    return true;
  }
  if (service.state().draining()) {
    exchange.close_after();
    exchange.refuse(kDraining);
    return true;
  }
  service.counters.publish_requests.add();
  return false;
}

// What could not be published; elsewhere it can, if somebody has taken over from us.
void refuse_unpublished(HttpExchange& exchange, const Error& error) {
  if (error.code == "handed_over") {
    exchange.close_after();
    exchange.refuse(503, error.code, error.message, {{"Retry-After", "0"}});
  } else {
    exchange.refuse(503, error.code, error.message);
  }
}

// It came whole, and is text.
bool refuse_body(HttpExchange& exchange, const HttpResult<std::string_view>& body) {
  if (body && is_valid_utf8(*body)) return false;
  exchange.refuse(body ? kNotUtf8 : body.error());
  return true;
}

std::optional<HttpError> read_query(std::string_view raw, PublishQuery& out) {
  if (raw.empty()) return {};
  std::string scratch(raw.size() + 1, '\0');
  Query query(raw, scratch);
  while (query.next()) {
    if (!is_valid_utf8(query.value())) return kNotUtf8;
    if (query.key() == "event") {
      out.event = query.value();
    } else if (query.key() == "id") {
      out.id = query.value();
    } else if (query.key() == "stream") {
      if (query.value() != "lines") {
        return HttpError{400, "bad_stream", "Parameter stream= takes `lines` only."};
      }
      out.lines = true;
    } else if (query.key() != "token") {
      return HttpError{400, "unknown_parameter", "Parameters are event, id and stream."};
    }
  }
  if (query.failed()) return query.error();
  return {};
}

void respond_published(HttpExchange& exchange, const EventIds& ids, std::uint64_t number,
                       std::string_view topic) {
  // Topics have no characters that JSON escapes.
  std::array<char, kMostIdBytes> id;
  const std::string_view id_text(id.data(), ids.write(id.data(), number));
  std::array<char, kMostTopicBytes + kMostIdBytes + 32> body;
  const auto end = fmt::format_to_n(body.data(), body.size(),
                                    "{{\"id\":\"{}\",\"topic\":\"{}\"}}\n", id_text, topic);
  exchange.respond(200, kJson, {body.data(), end.size});
}

// Publishes line by line as they arrive; the answer comes when the body ends.
class LinePublisher {
 public:
  LinePublisher(Service& service, std::string_view topic, const PublishQuery& query)
      : service_(service), topic_(topic), type_(query.event) {}

  Task<std::optional<HttpError>> take(std::string_view piece) {
    while (!piece.empty()) {
      const auto* end = static_cast<const char*>(std::memchr(piece.data(), '\n', piece.size()));
      const std::size_t bytes =
          end == nullptr ? piece.size() : static_cast<std::size_t>(end - piece.data());
      if (rest_.size() + bytes > service_.config().limits.max_event_bytes) {
        co_return HttpError{413, "event_too_large",
                            "A line is longer than limits.max_event_bytes."};
      }
      std::string_view line = piece.substr(0, bytes);
      piece.remove_prefix(bytes + (end == nullptr ? 0 : 1));
      if (end == nullptr || !rest_.empty()) {
        if (!rest_.may_append(line.size())) co_return kTooBusy;
        rest_.append(line);
        line = rest_.view();
      }
      if (end == nullptr) break;
      const auto failed = co_await publish(line);
      rest_.clear();
      if (failed) co_return failed;
    }
    co_return std::nullopt;
  }

  Task<std::optional<HttpError>> finish() {
    if (rest_.empty()) co_return std::nullopt;
    co_return co_await publish(rest_.view());
  }

  // What was accepted, as members of JSON.
  std::string summary() const {
    const EventIds& ids = service_.shard().fabric().ids;
    const std::string id = last_ == 0 ? "null" : fmt::format("\"{}\"", ids.text(last_));
    return fmt::format("\"count\":{},\"id\":{},\"topic\":\"{}\"", count_, id, topic_);
  }

 private:
  Task<std::optional<HttpError>> publish(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!is_valid_utf8(line)) co_return kNotUtf8;
    const auto number =
        co_await service_.shard().publish(topic_, {.type = type_, .data = line, .key = {}});
    if (!number && number.error().code == "handed_over") co_return kHandedOver;
    if (!number)
      co_return HttpError{503, number.error().code, "The server has no room for topics."};
    service_.counters.publish_bytes.add(line.size());
    last_ = *number;
    ++count_;
    co_return std::nullopt;
  }

  Service& service_;
  std::string_view topic_;
  std::string_view type_;
  Buffer rest_;
  std::uint64_t last_ = 0;
  std::uint64_t count_ = 0;
};

// Ends a body that goes on with the key or token that was brought for it.
class EndOfLines final : public Standing {
 public:
  EndOfLines(Service& service, HttpExchange& exchange, std::string_view topic, PrincipalPtr who)
      : exchange_(exchange), topic_(topic) {
    begin(&service.standings(), std::move(who));
  }
  const std::optional<StandingEnd>& why() const { return why_; }

 private:
  void over(StandingEnd why) override {
    why_ = why;
    exchange_.end_pauses({401, standing_code(why), standing_message(why)});
  }
  bool covered() override { return who()->grants.allows(Action::publish, topic_); }
  HttpExchange& exchange_;
  std::string_view topic_;
  std::optional<StandingEnd> why_;
};

// What came before is stored: its publisher is told how much that is.
void refuse_rest(Service& service, HttpExchange& exchange, StandingEnd why,
                 const LinePublisher& lines) {
  const std::string challenge = service.challenge_of(exchange, ended_access());
  exchange.close_after();
  exchange.respond(401, kJson,
                   fmt::format(R"({{"error":{{"code":"{}","message":"{}"}},{}}})",
                               standing_code(why), standing_message(why), lines.summary()) +
                       '\n',
                   {{"WWW-Authenticate", challenge}});
}

Task<void> publish_lines(Service& service, HttpExchange& exchange, std::string_view topic,
                         const PublishQuery& query, PrincipalPtr who) {
  LinePublisher lines(service, topic, query);
  exchange.allow_pauses();
  const EndOfLines end(service, exchange, topic, std::move(who));
  for (;;) {
    const auto piece = co_await exchange.next_piece();
    if (end.why()) co_return refuse_rest(service, exchange, *end.why(), lines);
    if (!piece && piece.error().code == "draining") break;  // what came is stored: say so
    if (!piece) {
      exchange.refuse(piece.error());
      co_return;
    }
    const auto failed = piece->empty() ? co_await lines.finish() : co_await lines.take(*piece);
    if (failed) {
      exchange.close_after();
      if (failed->code == kHandedOver.code) break;  // as with draining
      exchange.refuse(*failed);
      co_return;
    }
    if (piece->empty()) break;
    if (service.state().draining()) {
      exchange.close_after();
      break;
    }
  }
  exchange.respond(200, kJson, fmt::format("{{{}}}\n", lines.summary()));
}

// `[{"id":"…","topic":"…"},…]`
std::string published_json(const EventIds& ids, std::span<const BatchEvent> events) {
  std::string text = "[";
  for (const BatchEvent& event : events) {
    std::array<char, kMostIdBytes> id;
    if (text.size() > 1) text += ',';
    text += R"({"id":")";
    text.append(id.data(), ids.write(id.data(), event.number));
    text += R"(","topic":")";
    text += event.topic;
    text += R"("})";
  }
  return text += "]\n";
}

// A slice a turn: others are not kept waiting by a large body.
Task<Result<void>> read_batch(Service& service, BatchParser& batch) {
  for (;;) {
    const auto read = batch.read_on();
    if (!read) co_return std::unexpected(read.error());
    if (*read == BatchParser::Progress::done) co_return Result<void>();
    co_await NextTurn{service.reactor()};
  }
}

}  // namespace

Task<void> publish_to_topic(Service& service, HttpExchange& exchange, std::string_view raw_topic) {
  if (refuse_early(service, exchange)) co_return;
  const Limits& limits = service.config().limits;
  PublishQuery query;
  std::array<char, 3 * kMostTopicBytes + 3> decoded;
  if (raw_topic.size() > decoded.size()) raw_topic = {};  // too long whatever it decodes to
  const auto topic = percent_decode(raw_topic, decoded);
  if (!topic || !is_valid_utf8(*topic) || !is_topic_name(*topic)) {
    exchange.refuse(400, "bad_topic",
                    fmt::format("A topic has 1 to {} bytes, without spaces, "
                                "controls or `*`.",
                                kMostTopicBytes));
    co_return;
  }
  if (const auto error = read_query(exchange.head().query, query)) {
    exchange.refuse(*error);
    co_return;
  }
  NewEvent event{.type = query.event, .data = {}, .key = query.id};
  if (const auto problem = event_problem(*topic, event); !problem.empty()) {
    exchange.refuse(400, "bad_event", "The event is not valid: " + problem);
    co_return;
  }
  const PrincipalPtr who = service.identify_or_refuse(exchange);
  if (who == nullptr) co_return;
  if (const auto refusal = refusal_of(*who, Action::publish, *topic)) {
    service.refuse(exchange, *refusal);
    co_return;
  }
  if (query.lines) {
    co_await publish_lines(service, exchange, *topic, query, who);
    co_return;
  }
  const auto body = co_await exchange.body(limits.max_event_bytes);
  if (refuse_body(exchange, body)) co_return;
  event.data = *body;
  const auto number = co_await service.shard().publish(*topic, event);
  if (!number) {
    refuse_unpublished(exchange, number.error());
    co_return;
  }
  service.counters.publish_bytes.add(body->size());
  respond_published(exchange, service.shard().fabric().ids, *number, *topic);
}

Task<void> publish_batch(Service& service, HttpExchange& exchange) {
  if (refuse_early(service, exchange)) co_return;
  const PrincipalPtr who = service.identify_or_refuse(exchange);
  if (who == nullptr) co_return;
  // Whoever may publish nothing need not send it first.
  if (!who->grants.allows_some(Action::publish)) {
    service.refuse(exchange, *refusal_of(*who, Action::publish, "*"));
    co_return;
  }
  const auto body = co_await exchange.body(service.config().limits.max_batch_bytes);
  if (!body) {
    exchange.refuse(body.error());
    co_return;
  }
  BatchParser batch(service.event_reader());
  batch.begin(*body, service.config().limits);
  const auto read = co_await read_batch(service, batch);
  if (!read) {
    const std::string_view code = read.error().code;
    const bool large = code == "too_many_events" || code == "event_too_large";
    exchange.refuse(large ? 413 : 400, code, read.error().message);
    co_return;
  }
  // With the grants that the request began with, as every request that comes to an end.
  const std::span<BatchEvent> events = batch.events();
  for (const BatchEvent& event : events) {
    if (const auto refusal = refusal_of(*who, Action::publish, event.topic)) {
      service.refuse(exchange, *refusal);
      co_return;
    }
  }
  const auto published = co_await service.shard().publish_batch(events);
  if (!published) {
    refuse_unpublished(exchange, published.error());
    co_return;
  }
  service.counters.publish_bytes.add(body->size());
  exchange.respond(200, kJson, published_json(service.shard().fabric().ids, events));
}

}  // namespace ringcast
