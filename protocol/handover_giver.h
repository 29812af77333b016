// The old process's side of a hand-over (protocol/handover.h): a thread that waits on a Unix socket
// for a process that wants to take over, and then sees it through.
//
// Who owns what: the thread owns the conversation; it works on the cores by message and waits for
// each to be done, so the cores must run until stop() has returned. `given` is called on it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/result.h"
#include "core/topic_table.h"
#include "net/unix_channel.h"
#include "protocol/server_state.h"

namespace ringcast {

class HandoverGiver {
 public:
  // What is offered: the first `supervised` are the service manager's as well.
  struct Sockets {
    std::vector<int> listeners;
    std::size_t supervised;
  };
  struct Given {
    pid_t pid;              // who serves now
    std::vector<int> kept;  // the sockets from which it accepts
    std::uint64_t topics;
    std::uint64_t events;
  };

  // `replace`: somebody may still listen there, because it has handed over to us. Errors: those of
  // listen_on_path.
  static Result<std::unique_ptr<HandoverGiver>> open(const std::string& path, bool replace,
                                                     ServerState& state, Sockets sockets,
                                                     std::function<void(const Given&)> given);
  ~HandoverGiver();

  void start();
  // Ends the thread; one that is handing over gives that up, unless it is done already.
  void stop();

 private:
  HandoverGiver(std::string path, int listener, int stop_event, ServerState& state, Sockets sockets,
                std::function<void(const Given&)> given);
  void run();
  // True: it was given.
  bool answer(UnixChannel& channel);
  Result<void> offer(UnixChannel& channel, const UnixChannel::Peer& peer);
  Result<void> give(UnixChannel& channel, Given& given);
  void hold_back();
  Result<void> send_histories(UnixChannel& channel, Given& given);
  void set_intake(Intake intake);  // of all homes

  const std::string path_;
  const int listener_;
  const int stop_event_;
  ServerState& state_;
  const std::vector<int> listeners_;
  const std::size_t supervised_;
  const std::function<void(const Given&)> given_;
  bool handed_over_ = false;
  std::thread thread_;
};

}  // namespace ringcast
