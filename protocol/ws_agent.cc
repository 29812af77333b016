// /ws/agent/{session}: what a caller asks of the worker behind a session.
#include <fmt/format.h>

#include "protocol/agent_control.h"
#include "protocol/ws_session.h"

namespace ringcast {
namespace {

class SendCommand final : public CoreCall {
 public:
  SendCommand(Service& from, Service& home, const AgentControl::Command& command)
      : CoreCall(from.reactor(), home.reactor()), home_(home), command_(command) {}
  Result<void> await_resume() { return std::move(result_); }

 private:
  void serve() override { result_ = home_.control().send(command_); }
  TopicTable* publishes_to_held() override {
    TopicTable* const table = home_.shard().topics();
    return table->held() ? table : nullptr;
  }
  Service& home_;
  const AgentControl::Command& command_;
  Result<void> result_;
};

}  // namespace

Task<void> obey_agent_action(WsSession& session, const WsCommand& command) {
  if (!AgentControl::is_action(command.action)) {
    session.refuse("unknown_action",
                   fmt::format("`{}` is none of pause, resume, cancel, adjust_parameters, "
                               "adjust_quality_threshold.",
                               command.action),
                   command.ref);
    co_return;
  }
  const auto object = read_ref_object(command.whole);
  if (!object) co_return;  // it was parsed already
  Service& service = session.service();
  if (service.state().draining()) {
    session.refuse("draining", "This server is shutting down.", command.ref);
    co_return;
  }
  ServerState& state = service.state();
  const std::string topic = "control." + std::string(session.name());
  Service& home = *state.services[state.fabric.home_of(topic)];
  const AgentControl::Command order{.session = session.name(),
                                    .action = command.action,
                                    .members = object->members,
                                    .ref = command.ref,
                                    .caller = session.client_id()};
  session.asked_worker();
  const auto sent = co_await SendCommand(service, home, order);
  if (sent) co_return;
  session.answered_by_worker();
  session.refuse(sent.error().code, sent.error().message, command.ref);
}

}  // namespace ringcast
