// Sessions of MCP that are silent, each with an open stream: what they cost the server.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tools/ringload/mcp_stream.h"
#include "tools/ringload/ramp.h"
#include "tools/ringload/workload.h"

namespace ringcast::load {

class McpStreams final : public Workload, private Audience {
 public:
  // All must outlive it.
  McpStreams(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals);

  Pacer& pacer() override { return pacer_; }
  void connect(std::int64_t now_ns) override;
  std::int64_t next_connect_ns() const override { return ramp_.next_ns(); }
  bool settled() const override { return connected() >= streams_.size(); }
  std::size_t connected() const override { return counts_.ready + counts_.failed; }
  std::size_t size() const override { return streams_.size(); }
  Result<void> check() const override;
  std::uint64_t failures() const override;
  std::size_t members() const override { return counts_.ready; }
  void fill(Report& report) const override;
  void warn(Report& report) const override;

 private:
  std::uint32_t readers(std::uint32_t) const override { return 0; }
  double readers_per_topic() const override { return 0; }

  const Options& options_;
  McpStreamCounts counts_;
  std::vector<std::unique_ptr<McpStream>> streams_;
  Ramp ramp_;
  Pacer pacer_;  // has nothing to do
};

}  // namespace ringcast::load
