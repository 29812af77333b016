// /ws/admin: what the server has, and switching it.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "core/merge.h"
#include "core/topic_listing.h"
#include "protocol/topics_json.h"
#include "protocol/ws_form.h"
#include "protocol/ws_session.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostListed = 1000;  // connections of each core

// Runs `work` with the service of another core, and comes back with its result.
template <class Work>
class OnCore final : public CoreCall {
 public:
  OnCore(Service& from, Service& to, Work work)
      : CoreCall(from.reactor(), to.reactor()), to_(to), work_(std::move(work)) {}
  auto await_resume() { return std::move(*result_); }

 private:
  void serve() override { result_.emplace(work_(to_)); }
  Service& to_;
  Work work_;
  std::optional<std::invoke_result_t<Work&, Service&>> result_;
};

std::string_view route_name(WsRoute route) {
  switch (route) {
    case WsRoute::agent:
      return "agent";
    case WsRoute::rooms:
      return "rooms";
    case WsRoute::admin:
      return "admin";
    default:
      return "stream";
  }
}

void append_topics(std::string& out, const Subscriber& subscriber) {
  out += "\"topics\":[";
  for_each_name(subscriber, [&out](std::string_view topic) {
    if (out.back() != '[') out += ',';
    append_json_string(out, topic);
  });
  out += ']';
}

std::string connection_json(Service& service, const Subscriber& subscriber) {
  const WsSession* const session =
      subscriber.duplex ? dynamic_cast<WsSession*>(subscriber.duplex->input.get()) : nullptr;
  const auto now_ms = static_cast<std::uint32_t>(service.reactor().now_ns() / 1'000'000);
  std::string text =
      fmt::format("{{\"id\":\"{}{}-{}-{}\",\"transport\":\"{}\",\"seconds\":{},",
                  session ? 'w' : 's', service.reactor().core(), subscriber.slot, subscriber.serial,
                  session ? "websocket" : "sse", (now_ms - subscriber.started_ms) / 1000);
  if (session != nullptr) {
    ClientAddress::TextBuffer peer;
    text += fmt::format("\"peer\":\"{}\",\"route\":\"{}\",\"paused\":{},",
                        session->address().text(peer), route_name(session->route()),
                        subscriber.paused());
    if (!session->name().empty()) {
      text += "\"name\":";
      append_json_string(text, session->name());
      text += ',';
    }
  }
  const auto owner = std::static_pointer_cast<const Principal>(
      session != nullptr ? session->principal() : service.shard().hub().owner_of(subscriber));
  if (owner != nullptr) {
    text += "\"principal\":";
    append_json_string(text, owner->name);
    text += ',';
  }
  append_topics(text, subscriber);
  text += '}';
  return text;
}

Task<void> list_connections(WsSession& session, const WsCommand& command) {
  Service& here = session.service();
  std::string list = "\"connections\":[";
  std::size_t total = 0;
  for (Service* there : here.state().services) {
    const auto found = co_await OnCore(here, *there, [](Service& service) {
      std::string text;
      std::size_t count = 0;
      service.shard().hub().for_each([&](const Subscriber& subscriber) {
        if (subscriber.last_words) return;  // it is ending
        if (++count > kMostListed) return;
        if (!text.empty()) text += ',';
        text += connection_json(service, subscriber);
      });
      return std::pair(std::move(text), count);
    });
    total += found.second;
    if (list.back() != '[' && !found.first.empty()) list += ',';
    list += found.first;
  }
  session.answer("connections", list + fmt::format("],\"total\":{}", total), command.ref);
}

Task<void> list_sessions(WsSession& session, const WsCommand& command) {
  struct Callers {
    unsigned callers = 0;
    unsigned waiting = 0;
  };
  Service& here = session.service();
  std::map<std::string, Callers> sessions;
  for (Service* there : here.state().services) {
    co_await OnCore(here, *there, [&sessions](Service& service) {
      service.shard().hub().for_each([&](const Subscriber& subscriber) {
        if (!subscriber.duplex) return;
        const auto* each = dynamic_cast<WsSession*>(subscriber.duplex->input.get());
        if (each == nullptr || each->route() != WsRoute::agent) return;
        Callers& callers = sessions[std::string(each->name())];
        ++callers.callers;
        callers.waiting += each->waiting();
      });
      return true;
    });
  }
  std::string list = "\"sessions\":[";
  for (const auto& [name, callers] : sessions) {
    if (list.back() != '[') list += ',';
    list += "{\"session\":";
    append_json_string(list, name);
    list += fmt::format(",\"callers\":{},\"waiting\":{}}}", callers.callers, callers.waiting);
  }
  session.answer("sessions", list + ']', command.ref);
}

Task<void> disconnect(WsSession& session, const WsCommand& command) {
  std::string text(command.id);
  const bool stream = text.starts_with('s');
  if (stream) text.front() = 'w';
  const auto id = parse_client_id(text);
  Service& here = session.service();
  if (!id || id->core >= here.state().services.size()) {
    session.refuse("bad_command", "Name a connection by its `id`, such as \"w0-3-7\".",
                   command.ref);
    co_return;
  }
  const std::string named(command.id);
  const bool done = co_await OnCore(here, *here.state().services[id->core], [&](Service& service) {
    Hub& hub = service.shard().hub();
    Subscriber* const subscriber = hub.find(id->slot, id->serial);
    if (subscriber == nullptr || (subscriber->duplex == nullptr) != stream) return false;
    if (stream || subscriber->last_words) {
      hub.disconnect(*subscriber);
    } else if (WsSession* const other = find_session(service, *id)) {
      other->end(ws_close::kPolicy, "Disconnected by the administrator.", CloseReason::replaced);
    }
    return true;
  });
  if (done) {
    session.answer("disconnected", fmt::format("\"id\":\"{}\"", named), command.ref);
  } else {
    session.refuse("not_connected", "There is no such connection.", command.ref);
  }
}

void switch_feature(WsSession& session, const WsCommand& command) {
  const auto feature = find_feature(command.member_name);
  if (!feature || !command.enabled) {
    session.refuse("bad_command",
                   "Name a feature and whether it is `enabled`; `features` lists them.",
                   command.ref);
    return;
  }
  session.service().switch_feature(*feature, *command.enabled, session.address(),
                                   *session.principal());
  session.answer(
      "feature",
      fmt::format("\"name\":\"{}\",\"enabled\":{}", feature_name(*feature), *command.enabled),
      command.ref);
}

Task<void> follow_metrics(WsSession& session, const WsCommand& command) {
  Subscription more;
  more.topics = {"metrics"};
  append_text_frame(more.head,
                    fmt::format("{{\"type\":\"subscribed\",\"topics\":[\"metrics\"]{}{}}}",
                                command.ref.empty() ? "" : ",\"ref\":", command.ref));
  const auto done =
      co_await session.service().shard().follow_more(session.shared_from_this(), std::move(more));
  if (!done) session.refuse(done.error().code, done.error().message, command.ref);
}

}  // namespace

Task<void> obey_admin_command(WsSession& session, const WsCommand& command, bool& known) {
  Service& service = session.service();
  known = true;
  if (command.name == "topics") {
    std::string list = "\"topics\":[";
    TopicListing listing(service.shard());
    for (auto some = co_await listing.next(); !some.empty(); some = co_await listing.next()) {
      for (const TopicInfo& topic : some) append_topic(list, topic, service.state().fabric.ids);
    }
    session.answer("topics", list + ']', command.ref);
  } else if (command.name == "connections") {
    co_await list_connections(session, command);
  } else if (command.name == "sessions") {
    co_await list_sessions(session, command);
  } else if (command.name == "disconnect") {
    co_await disconnect(session, command);
  } else if (command.name == "features") {
    session.answer("features", "\"features\":" + service.state().features.json(), command.ref);
  } else if (command.name == "feature") {
    switch_feature(session, command);
  } else if (command.name == "metrics") {
    co_await follow_metrics(session, command);
  } else if (command.name == "drain") {
    session.answer("draining", {}, command.ref);
    kill(getpid(), SIGTERM);  // as whoever operates the process would
  } else {
    known = false;
  }
}

}  // namespace ringcast
