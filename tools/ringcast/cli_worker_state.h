// What a worker does about commands: a state that obeys, and the answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast {

class WorkerState {
 public:
  explicit WorkerState(std::uint64_t steps) : steps_(steps) {}

  bool paused() const { return paused_; }
  bool cancelled() const { return cancelled_; }
  bool completed() const { return step_ == steps_; }
  bool working() const { return !paused_ && !cancelled_ && !completed(); }

  // One more step is done.
  void advance() { ++step_; }
  // What the worker tells about its progress: a JSON object.
  std::string progress() const;

  // Obeys a command (`{"action":"pause","ref":"…",…}`) and gives the answer, a JSON object; empty
  // if the command has no ref, so that nobody waits. `said` becomes a sentence about it.
  std::string obey(std::string_view command, std::string& said);

 private:
  std::string_view act(std::string_view action, std::string_view members);

  std::uint64_t steps_;
  std::uint64_t step_ = 0;
  std::string threshold_ = "null";  // JSON
  std::string parameters_ = "{}";   // JSON
  bool paused_ = false;
  bool cancelled_ = false;
};

}  // namespace ringcast
