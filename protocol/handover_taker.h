// The new process's side of a hand-over (protocol/handover.h). Blocks; for the start of the server.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/event_id.h"
#include "core/result.h"
#include "net/listener_set.h"
#include "net/unix_channel.h"
#include "protocol/handover.h"

namespace ringcast {

class TopicTable;

class HandoverTaker {
 public:
  // Null: nobody runs there. Errors: those of the channel, and the other's refusal (`refused`,
  // bad_handover, too_few_cores).
  static Result<std::unique_ptr<HandoverTaker>> ask(const std::string& path, std::size_t cores,
                                                    const std::string& program,
                                                    std::uint64_t timeout_ms);
  ~HandoverTaker();

  const HandoverOffer& offer() const { return offer_; }
  // The old one's sockets. Whoever uses one sets it to -1; the others are closed in the end.
  std::vector<InheritedSocket>& listeners() { return listeners_; }

  // Puts the histories into the tables, one for each home; when this returns without an error, this
  // process is the one that serves.
  Result<void> take(const EventIds& ids, std::span<TopicTable* const> tables);
  std::uint64_t topics() const { return topics_; }
  std::uint64_t events() const { return events_; }

 private:
  HandoverTaker(UnixChannel channel, std::uint64_t timeout_ms)
      : channel_(std::move(channel)), timeout_ms_(timeout_ms) {}
  Result<void> ask_first(std::size_t cores, const std::string& program);
  Result<void> receive(HandoverFrame expected);

  UnixChannel channel_;
  std::uint64_t timeout_ms_;
  HandoverOffer offer_;
  UnixChannel::Frame frame_;
  std::vector<InheritedSocket> listeners_;
  std::uint64_t topics_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace ringcast
