// The table of `ringload table`: a row for each transport and server, and how often ringcast is
// better than each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/ringload/scenario_run.h"

namespace ringcast::load {

// Of one transport on one server.
struct TransportFigures {
  std::optional<double> mean_us, p95_us, per_s, bytes;
};

struct TransportRow {
  std::string transport;       // as people call it
  TransportFigures published;  // FastAPI and Uvicorn with four workers, on another machine
  TransportFigures reference;  // the same stack on this one
  TransportFigures ringcast;

  // 100 times the throughput published, at a hundredth of its latency.
  bool holds() const;
};

inline constexpr const char* kRingcast = "ringcast";
inline constexpr const char* kRingcastTool = "ringcast tool";  // its library, with a tool for MCP
inline constexpr const char* kReference = "reference";

// A load of the scenario is called after its transport, with this behind it: as fast as it goes, or
// at a rate that both servers can carry.
inline constexpr const char* kFlatOut = " flat out";
inline constexpr const char* kPaced = " paced";

std::vector<TransportRow> transport_rows(const ScenarioResult& result);
std::string to_text(const std::vector<TransportRow>& rows);

}  // namespace ringcast::load
