// Calls a tool of an MCP server that gives back the text it got, one call at a time, and looks
// whether it did; whatever carries the messages.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/mcp_totals.h"
#include "tools/ringload/pacer.h"
#include "tools/ringload/publisher.h"

namespace ringcast::load {

class McpCaller : public Publisher {
 public:
  // What all callers share; must outlive them.
  struct Shared {
    const Options& options;
    const Address& address;
    Loop& loop;
    Arrivals& arrivals;
    McpTotals& totals;
    Pacer& pacer;
  };

  McpCaller(const Shared& shared, std::uint32_t index)
      : Publisher(shared.pacer, shared.options, index), shared_(shared) {}

 protected:
  Arrivals& arrivals() const { return shared_.arrivals; }
  McpTotals& totals() const { return shared_.totals; }

  // A call goes out; its number among all.
  std::uint64_t begin(const Stamp& stamp) {
    intended_ns_ = stamp.intended_ns;
    sent_at_.push_back(shared_.loop.now_ns());
    return shared_.totals.calls++;
  }

  // It has been answered. `said`: for people, if that was not right.
  void conclude(McpOutcome outcome, std::string_view said) {
    if (outcome == McpOutcome::right) [[likely]] {
      ++shared_.arrivals.totals.delivered;
      shared_.arrivals.record(intended_ns_);
    } else {
      shared_.totals.count(outcome, said);
      shared_.pacer.write_off(1);
    }
    // When what it came with arrived, which is not before it was asked for.
    take_answer(std::max(shared_.arrivals.origin_ns + shared_.arrivals.now_ns, sent_at_.front()));
  }

  // The connection is gone for good.
  void fail(std::string message) {
    if (unanswered() != 0) shared_.totals.count(McpOutcome::cut_off, message);
    owner().on_failed(*this, std::move(message));
  }

 private:
  const Shared& shared_;
  std::int64_t intended_ns_ = 0;  // of the call under way
};

}  // namespace ringcast::load
