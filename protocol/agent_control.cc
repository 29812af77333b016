#include "protocol/agent_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/service.h"

namespace ringcast {
namespace {

constexpr std::string_view kTopicPrefix = "control.";
constexpr std::string_view kReply = "reply";

// What a caller may ask of a worker, and the status of a worker that did it and says no other.
struct Action {
  std::string_view name;
  std::string_view done;
};
constexpr Action kActions[] = {
    {"pause", "paused"},
    {"resume", "resumed"},
    {"cancel", "cancelled"},
    {"adjust_parameters", "parameters_updated"},
    {"adjust_quality_threshold", "threshold_updated"},
};

std::size_t index_of(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(kActions, name, &Action::name) - kActions);
}

// The answer on its way to the caller's core.
struct AnswerMessage : Message {
  AnswerMessage(Service& of, const WsClientId& to, std::string text)
      : Message(arrive), service(of), caller(to), json(std::move(text)) {}
  static void arrive(Message& message) {
    const std::unique_ptr<AnswerMessage> self(static_cast<AnswerMessage*>(&message));
    tell(self->service, self->caller, self->json);
  }
  static void tell(Service& service, const WsClientId& caller, std::string_view json) {
    WsSession* const session = find_session(service, caller);
    if (session == nullptr) return;
    session->answered_by_worker();
    session->say(json);
  }
  Service& service;
  WsClientId caller;
  std::string json;
};

}  // namespace

AgentControl::~AgentControl() {
  for (const auto& slot : slots_) TimerWheel::disarm(*slot);
}

bool AgentControl::is_action(std::string_view name) { return index_of(name) < std::size(kActions); }

bool AgentControl::observes(std::string_view topic) const {
  return topic.starts_with(kTopicPrefix);
}

AgentControl::Waiting& AgentControl::take_slot() {
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.push_back(std::make_unique<Waiting>(*this));
    slots_.back()->slot = free_.back();
  }
  Waiting& waiting = *slots_[free_.back()];
  free_.pop_back();
  if (++serial_ == 0) ++serial_;
  waiting.serial = serial_;
  pending.add();
  return waiting;
}

Result<void> AgentControl::send(const Command& command) {
  const Config::Control& limits = service_.config().control;
  if (pending.get() >= limits.max_pending) {
    return fail("too_many_commands",
                "As many commands wait for an answer as control.max_pending allows.");
  }
  TopicTable& table = *service_.shard().topics();
  const std::string name = std::string(kTopicPrefix).append(command.session);
  auto topic = table.find_to_publish(name);
  if (!topic) return std::unexpected(std::move(topic.error()));
  Waiting& waiting = take_slot();
  waiting.action = index_of(command.action);
  waiting.caller = command.caller;
  waiting.ref = command.ref;
  waiting.topic = name;
  Reactor& reactor = service_.reactor();
  reactor.timers().arm(waiting,
                       reactor.now_ns() + static_cast<std::int64_t>(limits.timeout_ms) * 1'000'000);
  const std::string data =
      fmt::format("{{{}{}\"ref\":\"c{}-{}-{}\"}}", command.members,
                  command.members.empty() ? "" : ",", reactor.core(), waiting.slot, waiting.serial);
  table.publish(**topic, {.type = "command", .data = data, .key = {}});
  sent.add();
  return {};
}

void AgentControl::published(const Topic& topic, const NewEvent& event) {
  if (event.type != kReply) return;
  const auto reply = read_ref_object(event.data);
  if (!reply) return;
  // `cCORE-SLOT-SERIAL`, as a client's id has it.
  std::string id = reply->ref;
  if (!id.starts_with('c')) return;
  id.front() = 'w';
  const auto parts = parse_client_id(id);
  if (!parts || parts->core != service_.reactor().core() || parts->slot >= slots_.size()) return;
  Waiting& waiting = *slots_[parts->slot];
  if (waiting.serial != parts->serial || waiting.topic != topic.name()) return;
  answered.add();
  settle(waiting, reply->members, reply->has_status);
}

void AgentControl::settle(Waiting& waiting, std::string_view members, bool has_status) {
  TimerWheel::disarm(waiting);
  std::string json = "{";
  if (!has_status) json += fmt::format("\"status\":\"{}\"", kActions[waiting.action].done);
  if (!has_status && !members.empty()) json += ',';
  json += members;
  if (!waiting.ref.empty()) json += fmt::format(",\"ref\":{}", waiting.ref);
  json += '}';
  waiting.serial = 0;
  free_.push_back(waiting.slot);
  pending.sub();
  Service& there = *service_.state().services[waiting.caller.core];
  if (&there == &service_) {
    AnswerMessage::tell(there, waiting.caller, json);
    return;
  }
  auto message = std::make_unique<AnswerMessage>(there, waiting.caller, std::move(json));
  service_.reactor().send_to(there.reactor(), *message.release());
}

void AgentControl::Waiting::expire(Timer& timer) {
  auto& waiting = static_cast<Waiting&>(timer);
  waiting.control.timed_out.add();
  waiting.control.settle(waiting, "\"status\":\"timeout\"", true);
}

}  // namespace ringcast
