// Commands for the workers behind sessions, and the workers' answers.
//
// A command is an event `command` of the topic `control.SESSION`; its data is what the caller said,
// with a ref of ours. The worker, whoever it is and over whatever it is connected, answers with an
// event `reply` of the same topic and that ref. The home core of the topic keeps what has not been
// answered, sees the answers as they are published, and tells the caller, or tells it `timeout`.
//
// Home core only; sessions ask by CoreCall (protocol/ws_agent.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/counter.h"
#include "core/result.h"
#include "core/topic_table.h"
#include "protocol/ws_session.h"

namespace ringcast {

class AgentControl final : public TopicObserver {
 public:
  struct Command {
    std::string_view session;
    std::string_view action;
    std::string_view members;  // of the caller's object, as JSON text, without `ref`
    std::string_view ref;      // the caller's, as JSON text; may be empty
    WsClientId caller;
  };

  explicit AgentControl(Service& service) : service_(service) {}
  ~AgentControl();

  static bool is_action(std::string_view name);

  // Publishes the command and remembers it until it is answered. Errors: topic_limit,
  // too_many_commands, handed_over.
  Result<void> send(const Command& command);

  bool observes(std::string_view topic) const override;
  void published(const Topic& topic, const NewEvent& event) override;

  Counter sent, answered, timed_out, pending;

 private:
  struct Waiting : Timer {
    explicit Waiting(AgentControl& of) : Timer(expire), control(of) {}
    static void expire(Timer& timer);
    AgentControl& control;
    std::size_t slot = 0;
    std::uint32_t serial = 0;  // 0: free
    std::size_t action = 0;
    WsClientId caller{};
    std::string ref;    // the caller's
    std::string topic;  // an answer counts only there
  };

  Waiting& take_slot();
  void settle(Waiting& waiting, std::string_view members, bool has_status);

  Service& service_;
  std::vector<std::unique_ptr<Waiting>> slots_;
  std::vector<std::size_t> free_;
  std::uint32_t serial_ = 0;
};

}  // namespace ringcast
