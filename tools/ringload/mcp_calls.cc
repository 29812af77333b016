#include "tools/ringload/mcp_calls.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ringload/mcp_http_caller.h"
#include "tools/ringload/mcp_sse_caller.h"
#include "tools/ringload/mcp_ws_caller.h"

namespace ringcast::load {

McpCalls::McpCalls(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals)
    : options_(options),
      shared_{.options = options,
              .address = address,
              .loop = loop,
              .arrivals = arrivals,
              .totals = totals_,
              .pacer = pacer_},
      pacer_({.options = options, .topics = 1, .ramp = options.ramp}, loop, arrivals, *this,
             [this](PublisherOwner&, std::uint32_t index) { return make(index); }) {}

std::unique_ptr<Publisher> McpCalls::make(std::uint32_t index) {
  const std::size_t ring = std::size_t{index} * shared_.loop.rings() / options_.publishers;
  switch (options_.transport) {
    case Transport::ws:
      return std::make_unique<McpWsCaller>(shared_, index, ring);
    case Transport::sse:
      return std::make_unique<McpSseCaller>(shared_, index, ring);
    case Transport::http:
    case Transport::chunked:
      break;
  }
  return std::make_unique<McpHttpCaller>(shared_, index, ring);
}

Result<void> McpCalls::check() const {
  if (pacer_.failed() == 0 || pacer_.connected() != 0) return {};
  return fail("call_failed", fmt::format("Cannot call {} at {}: {}.", options_.mcp.tool,
                                         options_.target.host_header(), pacer_.first_error()));
}

std::uint64_t McpCalls::failures() const {
  return pacer_.failed() + totals_.altered() + totals_.failed();
}

void McpCalls::fill(Report& report) const {
  report.lost = static_cast<std::uint64_t>(std::max<std::int64_t>(pacer_.outstanding(), 0));
  report.altered = totals_.altered();
  report.calls_failed = totals_.failed();
  report.answer_bytes = totals_.answer_bytes;
  report.subscribers_ready = static_cast<std::uint32_t>(pacer_.connected());
}

void McpCalls::warn(Report& report) const {
  if (pacer_.failed() != 0) {
    report.warn("{} of {} connections failed: {}", pacer_.failed(), size(), pacer_.first_error());
  }
  totals_.warn(report);
}

}  // namespace ringcast::load
