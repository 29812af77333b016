// A comparison as a file says it: some servers, some loads, each load on each server, in rounds.
//
//     format: 1
//     title: ringcast beside nchan
//     rounds: 3                  # each round runs every load once on every server
//     directory: ../..           # where commands run and target files are; default: this file's
//     client_core: 1             # of the load; default: anywhere
//     subjects:                  # the servers
//       ringcast:
//         start: [build/release/bin/ringcast, serve, --listen, "127.0.0.1:{port}", --cores, "0"]
//         url: "http://127.0.0.1:{port}"
//         ready: /health         # answers with 200 when the server can be measured
//       nchan:
//         start: [nginx, -c, bench/nginx.conf]
//         cores: [0]             # where its processes may run
//         environment: {NAME: value}
//         target: bench/targets/nchan.yaml
//     loads:
//       fan-out: {over: sse, subscribers: 1000, publishers: 32, window: 64, time: 5}
//       paced:   {over: sse, subscribers: 1000, rate: 100, time: 5, subjects: [ringcast]}
//
// {port} stands for a free port, another one for each run; without it in `start` the server has the
// port of its URL or target. A server without `start` is there already. The keys of a load are the
// options of `ringload sse`, `ws`, `chunked` or `mcp` (`over`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

struct ScenarioSubject {
  std::string name;
  std::vector<std::string> start = {};  // empty: it is there already
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::vector<int> cores = {};  // empty: anywhere
  std::string url = {};         // or a target file
  std::string target = {};
  std::string ready = {};  // a path; empty: it is ready when it accepts
  double ready_timeout_s = 30;
};

struct ScenarioLoad {
  std::string name;
  std::vector<std::string> words;  // the command `ringload` is given: sse --subscribers 10 …
  std::vector<std::string> subjects = {};  // empty: all
};

struct Scenario {
  std::string title = "Load test";
  std::string directory = ".";
  std::string text = {};  // of the file
  std::uint16_t rounds = 3;
  int client_core = -1;  // -1: anywhere
  std::vector<ScenarioSubject> subjects = {};
  std::vector<ScenarioLoad> loads = {};
};

inline constexpr int kScenarioFormat = 1;

// `directory` is where `file_name` lies. Error: bad_scenario, naming the file, the line and what is
// wrong there.
Result<Scenario> scenario_from_yaml(std::string_view text, std::string_view file_name,
                                    const std::string& directory);
Result<Scenario> scenario_from_file(const std::string& path);

// Whether a load is for a subject.
bool is_for(const ScenarioLoad& load, const ScenarioSubject& subject);

}  // namespace ringcast::load
