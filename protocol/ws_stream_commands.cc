// What every WebSocket client may say: follow topics and no longer, publish, halt and go on.
#include <fmt/format.h>

#include <algorithm>

#include "core/merge.h"
#include "protocol/event_reader.h"
#include "protocol/sse_request.h"
#include "protocol/ws_form.h"
#include "protocol/ws_session.h"

namespace ringcast {
namespace {

// `"topics":["a","b"]`
std::string topics_json(const std::vector<std::string_view>& topics) {
  std::string text = "\"topics\":[";
  for (const std::string_view topic : topics) {
    if (text.back() != '[') text += ',';
    append_json_string(text, topic);
  }
  text += ']';
  return text;
}

std::size_t topics_followed(const Subscriber& subscriber) {
  if (subscriber.merge) return subscriber.merge->names.size() + subscriber.merge->patterns.size();
  return subscriber.view == nullptr ? 0 : 1;
}

bool refuse_no_topic(WsSession& session, const WsCommand& command) {
  if (!command.topics.empty()) return false;
  session.refuse("bad_command", "Name a topic: \"topic\":\"news\", or \"topics\":[…].",
                 command.ref);
  return true;
}

// False if it was refused.
bool read_subscription(WsSession& session, const WsCommand& command, Subscription& wanted) {
  const Limits& limits = session.service().config().limits;
  if (refuse_no_topic(session, command)) return false;
  for (const std::string_view topic : command.topics) {
    if (!session.may(Action::subscribe, topic, command.ref)) return false;
    if (const auto failure = add_stream_topic(wanted, topic, limits)) {
      session.refuse(failure->code, failure->message, command.ref);
      return false;
    }
  }
  const std::size_t more = wanted.topics.size() + wanted.patterns.size();
  if (topics_followed(*session.subscriber()) + more > limits.max_topics_per_subscriber) {
    session.refuse("too_many_topics",
                   fmt::format("One connection may name {} topics and patterns.",
                               limits.max_topics_per_subscriber),
                   command.ref);
    return false;
  }
  if (!command.last_event_id.empty()) {
    wanted.from = Subscription::From::after_id;
    wanted.last_id = command.last_event_id.substr(0, kMostEchoedIdBytes);
  } else if (command.from == "earliest") {
    wanted.from = Subscription::From::earliest;
  } else if (!command.from.empty() && command.from != "latest") {
    session.refuse("bad_from", "Member `from` takes `earliest` or `latest`.", command.ref);
    return false;
  }
  return true;
}

Task<void> subscribe(WsSession& session, const WsCommand& command) {
  Subscription wanted;
  if (!read_subscription(session, command, wanted)) co_return;
  append_text_frame(wanted.head,
                    fmt::format("{{\"type\":\"subscribed\",{}{}{}}}", topics_json(command.topics),
                                command.ref.empty() ? "" : ",\"ref\":", command.ref));
  const auto done =
      co_await session.service().shard().follow_more(session.shared_from_this(), std::move(wanted));
  if (!done) session.refuse(done.error().code, done.error().message, command.ref);
}

Task<void> unsubscribe(WsSession& session, const WsCommand& command) {
  if (refuse_no_topic(session, command)) co_return;
  if (!co_await Hub::still(session.shared_from_this())) co_return;
  Hub& hub = session.service().shard().hub();
  for (const std::string_view topic : command.topics) {
    if (hub.remove_topic(*session.subscriber(), topic)) continue;
    session.refuse("not_subscribed", fmt::format("Topic `{}` was not subscribed to.", topic),
                   command.ref);
    co_return;
  }
  session.answer("unsubscribed", topics_json(command.topics), command.ref);
}

Task<void> publish(WsSession& session, const WsCommand& command) {
  Service& service = session.service();
  if (service.state().draining()) {
    session.refuse("draining", "This server is shutting down; publish elsewhere.", command.ref);
    co_return;
  }
  if (command.topics.size() != 1 || !command.data) {
    session.refuse("bad_command", "Publishing takes one `topic` and `data`.", command.ref);
    co_return;
  }
  const std::string_view topic = command.topics.front();
  const NewEvent event{.type = command.event, .data = *command.data, .key = command.id};
  if (const auto problem = event_problem(topic, event); !problem.empty()) {
    session.refuse("bad_event", "The event is not valid: " + problem, command.ref);
    co_return;
  }
  if (!session.may(Action::publish, topic, command.ref)) co_return;
  if (event.data.size() > service.config().limits.max_event_bytes) {
    session.refuse("event_too_large", "The data is longer than limits.max_event_bytes.",
                   command.ref);
    co_return;
  }
  const auto number = co_await service.shard().publish(topic, event);
  if (!number) {
    session.refuse(number.error().code, number.error().message, command.ref);
    co_return;
  }
  service.counters.publish_bytes.add(event.data.size());
  session.answer("published",
                 fmt::format("\"id\":\"{}\",\"topic\":\"{}\"",
                             service.shard().fabric().ids.text(*number), topic),
                 command.ref);
}

}  // namespace

Task<void> obey_stream_command(WsSession& session, const WsCommand& command, bool& known) {
  Hub& hub = session.service().shard().hub();
  known = true;
  if (command.name == "subscribe") {
    co_await subscribe(session, command);
  } else if (command.name == "unsubscribe") {
    co_await unsubscribe(session, command);
  } else if (command.name == "publish") {
    co_await publish(session, command);
  } else if (command.name == "pause") {
    hub.pause(*session.subscriber());
    session.answer("paused", {}, command.ref);
  } else if (command.name == "resume") {
    hub.unpause(*session.subscriber());
    session.answer("resumed", {}, command.ref);
  } else if (command.name == "ping") {
    session.answer("pong", {}, command.ref);
  } else {
    known = false;
  }
}

}  // namespace ringcast
