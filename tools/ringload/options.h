// What `ringload sse`, `ws`, `chunked`, `storm` or `mcp` was asked to do.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/ringload/target.h"

namespace ringcast::load {

enum class Mode : std::uint8_t {
  closed,  // a window of events under way
  open,    // a rate that nothing slows down
  idle,    // nothing is published
};

enum class Transport : std::uint8_t { sse, ws, chunked, http };

enum class Kind : std::uint8_t {
  fan_out,  // events of publishers to all subscribers
  echo,     // each connection's messages come back to it
  control,  // commands of callers are answered by a worker behind the server
  mcp,      // calls of a tool of an MCP server, over HTTP, HTTP with SSE, or WebSocket
};

struct McpOptions {
  McpEra era = McpEra::modern;
  std::string path = "/mcp";
  std::string tool = "echo";
  std::string argument = "text";  // of the tool, a text that it gives back
  std::uint32_t sessions = 0;     // legacy: of all connections together
  bool raw = false;  // any answer will do that has status 200 and as many bytes as the first
};

// `ringload storm`: all subscribers are disconnected at once, again and again.
struct StormOptions {
  std::uint32_t count = 0;  // 0: not at all
  double every_s = 10;
  double ramp = 0;     // returns/s; 0: as fast as they are accepted
  bool resume = true;  // behind the last id that was seen
};

inline constexpr std::uint32_t kWindow = 64;

struct Options {
  std::vector<std::string> command;  // which asked for it
  Target target;
  Transport transport = Transport::sse;
  Kind kind = Kind::fan_out;
  Mode mode = Mode::closed;
  std::uint32_t subscribers = 1000;
  std::uint32_t slow_readers = 0;  // in addition
  std::uint32_t publishers = 1;    // echo, control, mcp: the connections that send
  std::uint32_t topics = 1;        // control: sessions, with a worker each
  double rate = 0;                 // events/s over all publishers; open loop
  std::uint32_t burst = 1;         // open loop: events that are due at the same time
  std::uint32_t window = kWindow;
  std::uint32_t pipeline = 1;  // unanswered requests per publisher
  std::uint32_t size = 128;    // bytes of payload
  bool binary = false;         // echo: binary messages instead of text
  McpOptions mcp = {};
  StormOptions storm = {};
  double churn_per_s = 0;     // subscribers that leave and are replaced
  bool reset = false;         // who leaves resets the connection
  double ramp = 5000;         // connects/s; 0: no limit
  std::uint32_t sources = 0;  // source addresses; 0: another one for each 10,000 connections
  double warmup_s = 1;
  bool warmup_auto = false;  // as long as it takes instead
  double time_s = 5;
  std::uint64_t events = 0;  // published or answered, after which less time will do; 0: as long
  std::string topic_prefix = "load";
  std::string event = "load";
  std::vector<pid_t> server_pids;
  int cpu = -1;           // -1: wherever the system puts us
  double interval_s = 1;  // of the report's timeline
  bool print_intervals = false;
  std::string json_file;
  bool poll = false;             // never sleep under load
  bool kernel_arrivals = false;  // arrival is when it came to the kernel
  bool raise_backlog = false;
  bool quiet = false;
  bool strict = false;

  // Whether connections are reset when this side closes them: where many leave on purpose the
  // server should see what it sees of others.
  bool resets() const { return reset || (churn_per_s <= 0 && storm.count == 0); }
};

}  // namespace ringcast::load
