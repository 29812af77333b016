// Publishers whose events go to all subscribers of a topic.
#pragma once

#include "tools/ringload/fleet.h"
#include "tools/ringload/workload.h"

namespace ringcast::load {

class FanOut final : public Workload, private Audience {
 public:
  // All must outlive it.
  FanOut(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals);

  Pacer& pacer() override { return pacer_; }
  void connect(std::int64_t now_ns) override;
  std::int64_t next_connect_ns() const override { return fleet_.next_start_ns(); }
  bool settled() const override { return fleet_.settled() && pacer_.settled(); }
  std::size_t connected() const override { return fleet_.ready() + fleet_.failed(); }
  std::size_t size() const override { return fleet_.size(); }
  Result<void> check() const override;
  std::uint64_t failures() const override;
  std::size_t members() const override { return fleet_.ready(); }
  void fill(Report& report) const override;
  void warn(Report& report) const override;

 private:
  std::uint32_t readers(std::uint32_t topic) const override { return fleet_.readers(topic); }
  double readers_per_topic() const override {
    return static_cast<double>(fleet_.readers()) / options_.topics;
  }

  const Options& options_;
  const Arrivals& arrivals_;
  Fleet fleet_;
  Pacer pacer_;
};

}  // namespace ringcast::load
