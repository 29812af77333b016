// A kernel for one simulated core, behind the same seam as the real one (core/driver.h).
//
// It keeps to what io_uring promises and to nothing more: completions come late and in any order, a
// send takes its bytes in pieces and ends short only together with a broken connection, a cancelled
// operation may still end by itself, receive buffers run out. What the core must never do ends the
// program with a sentence: closing a descriptor under an operation in flight, or using a closed
// one. Bytes are copied when they are "sent", so AddressSanitizer sees ranges that were freed too
// early.
//
// Turns of two cores overlap as far as one thread can have it: while a core asks for the time or
// pushes an operation, others may have whole turns.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/driver.h"
#include "tests/core/sim/world.h"

namespace ringcast::sim {

class SimDriver final : public Driver {
 public:
  SimDriver(World& world, unsigned core, std::uint16_t buffers, std::size_t buffer_bytes);

  void push(const Operation& operation) override;
  void turn(std::int64_t wait_ns, std::vector<Finished>& finished) override;
  void wake() override {}
  std::int64_t now_ns() const override { return world_.now_ns; }
  std::int64_t wall_clock_ms() const override {
    world_.let_others_run();
    return world_.wall_ms + world_.now_ns / 1'000'000;
  }
  std::span<char> buffer(std::uint16_t id) override;
  void return_buffer(std::uint16_t id) override;
  Counters counters() const override { return counters_; }

  // A listening socket; connections come to it through arrive().
  Descriptor listen();
  void arrive(std::shared_ptr<Connection> connection) { backlog_.push_back(std::move(connection)); }

  std::size_t open_descriptors() const;
  std::size_t in_flight() const { return in_flight_.size() + ended_.size() + queued_.size(); }
  // When something will happen here by itself; negative if nothing will.
  std::int64_t next_event_ns() const;

 private:
  struct File {
    bool open = false;
    bool listener = false;
    std::shared_ptr<Connection> connection;
    unsigned operations = 0;  // whose completion was not handed over yet
  };
  struct InFlight {
    Operation operation;
    std::int64_t at_ns = 0;  // not before
    std::uint32_t progress = 0;
    bool cancelled = false;
  };
  struct Ended {
    Finished finished;
    int file = -1;
    std::int64_t at_ns = 0;  // visible from then on
  };

  [[noreturn]] void bug(const Operation& operation, const char* what) const;
  void submit();
  void submit(const Operation& operation);
  void cancel(const Operation& operation);
  void close(const Operation& operation);
  int open_file(std::shared_ptr<Connection> connection);
  bool attempt(InFlight& entry);
  bool attempt_accept(InFlight& entry);
  bool attempt_receive(InFlight& entry);
  bool attempt_send(InFlight& entry);
  bool attempt_poll(InFlight& entry);
  bool attempt_shutdown(InFlight& entry);
  void give_up(InFlight& entry);
  void end(const Operation& operation, std::int32_t result, std::uint32_t flags = 0);
  void progress();
  void deliver(std::vector<Finished>& finished);

  World& world_;
  unsigned core_;
  std::size_t buffer_bytes_;
  std::vector<std::string> buffers_;
  std::vector<std::uint16_t> free_buffers_;
  std::vector<File> files_;
  std::deque<std::shared_ptr<Connection>> backlog_;
  std::vector<Operation> queued_;
  std::vector<InFlight> in_flight_;
  std::vector<Ended> ended_;
  Counters counters_;
};

}  // namespace ringcast::sim
