#include "tools/ringload/environment.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "tools/ringload/json_text.h"
#include "tools/ringload/machine.h"

namespace ringcast::load {
namespace {

std::string after_colon(const std::string& line) {
  const std::size_t colon = line.find(':');
  const std::size_t at =
      colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
  return at == std::string::npos ? "" : line.substr(at);
}

void read_cpu(Environment& environment) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name") && environment.cpu_model.empty()) {
      environment.cpu_model = after_colon(line);
    }
    if (line.starts_with("flags") && (line + " ").contains(" hypervisor ")) {
      environment.virtualised = true;
    }
  }
}

std::uint64_t total_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
             : 0;
}

}  // namespace

Environment read_environment() {
  Environment environment;
  read_cpu(environment);
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (cores > 0) environment.cores = static_cast<std::uint32_t>(cores);
  utsname names{};
  if (uname(&names) == 0) environment.kernel = names.release;
  // Other architectures do not name their model in /proc/cpuinfo.
  if (environment.cpu_model.empty()) environment.cpu_model = names.machine;
  environment.memory_bytes = total_memory();
  environment.netdev_max_backlog = Backlog::limit();
  std::ifstream("/proc/sys/net/ipv4/tcp_congestion_control") >> environment.tcp_congestion_control;
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) == 1) environment.load_average = load[0];
  return environment;
}

std::string to_json(const Environment& environment) {
  return fmt::format(
      R"({{"cpu_model":{},"cores":{},"kernel":{},"memory_bytes":{},"netdev_max_backlog":{},)"
      R"("tcp_congestion_control":{},"load_average":{:.2f},"virtualised":{}}})",
      json_quoted(environment.cpu_model), environment.cores, json_quoted(environment.kernel),
      environment.memory_bytes,
      environment.netdev_max_backlog < 0 ? "null" : fmt::to_string(environment.netdev_max_backlog),
      json_quoted(environment.tcp_congestion_control), environment.load_average,
      environment.virtualised);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

}  // namespace ringcast::load
