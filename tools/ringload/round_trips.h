// Callers whose every message is answered: by an echo, or by workers behind the server, one for
// each session. Caller i uses session i modulo the sessions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/ringload/caller.h"
#include "tools/ringload/worker.h"
#include "tools/ringload/workload.h"

namespace ringcast::load {

class RoundTrips final : public Workload, private Audience {
 public:
  // All must outlive it.
  RoundTrips(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals);

  Pacer& pacer() override { return pacer_; }
  void connect(std::int64_t now_ns) override;
  std::int64_t next_connect_ns() const override { return pacer_.next_connect_ns(); }
  bool settled() const override { return workers_ready() && pacer_.settled(); }
  std::size_t connected() const override { return pacer_.connected() + pacer_.failed(); }
  std::size_t size() const override { return options_.publishers; }
  Result<void> check() const override;
  std::uint64_t failures() const override;
  std::size_t members() const override { return pacer_.connected(); }
  void fill(Report& report) const override;
  void warn(Report& report) const override;

 private:
  std::uint32_t readers(std::uint32_t) const override { return 1; }
  double readers_per_topic() const override { return 1; }
  void on_publisher_failed(const Publisher& publisher) override {
    pacer_.write_off(publisher.unanswered());
  }

  bool workers_ready() const { return workers_ready_ == workers_.size(); }
  static std::vector<CallText> call_texts(const Options& options);
  static std::vector<WorkerText> worker_texts(const Options& options);
  std::unique_ptr<Publisher> make(PublisherOwner& owner, Loop& loop, std::uint32_t index);

  const Options& options_;
  const Address& address_;
  Arrivals& arrivals_;
  CallTotals totals_;
  const std::vector<CallText> call_texts_;  // one per session
  const std::vector<WorkerText> worker_texts_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::uint32_t> next_sequences_;  // one per caller
  std::size_t workers_started_ = 0;
  std::size_t workers_ready_ = 0;
  std::string worker_error_;
  Pacer pacer_;
};

}  // namespace ringcast::load
