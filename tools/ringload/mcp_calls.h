// Calls of a tool of an MCP server, each answered with the text that it was given.
#pragma once

#include <cstdint>
#include <memory>

#include "tools/ringload/mcp_caller.h"
#include "tools/ringload/mcp_totals.h"
#include "tools/ringload/workload.h"

namespace ringcast::load {

class McpCalls final : public Workload, private Audience {
 public:
  // All must outlive it.
  McpCalls(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals);

  Pacer& pacer() override { return pacer_; }
  void connect(std::int64_t now_ns) override { pacer_.connect(now_ns); }
  std::int64_t next_connect_ns() const override { return pacer_.next_connect_ns(); }
  bool settled() const override { return pacer_.settled(); }
  std::size_t connected() const override {
    return pacer_.connected() + pacer_.failed() + totals_.sessions;
  }
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

  std::unique_ptr<Publisher> make(std::uint32_t index);

  const Options& options_;
  McpTotals totals_;
  McpCaller::Shared shared_;
  Pacer pacer_;
};

}  // namespace ringcast::load
