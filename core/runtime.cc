#include "core/runtime.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <barrier>
#include <charconv>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

namespace ringcast {
namespace {

constexpr unsigned kMostCores = 1024;

std::vector<unsigned> allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<unsigned> cores;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cores.push_back(cpu);
  }
  return cores;
}

Result<void> pin(unsigned cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof only, &only);
  if (error != 0) {
    return fail("core_unavailable",
                fmt::format("Cannot run on core {}: {}. Cores of this process: "
                            "{}.",
                            cpu, std::strerror(error), fmt::join(allowed_cores(), ",")));
  }
  return {};
}

}  // namespace

struct Runtime::StopMessage : Message {
  explicit StopMessage(Reactor& reactor)
      : Message([](Message& self) { static_cast<StopMessage&>(self).target.stop(); }),
        target(reactor) {}
  Reactor& target;
};

Runtime::Runtime(RuntimeOptions options) : options_(std::move(options)) {}
Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::create(RuntimeOptions options) {
  const std::vector<unsigned> allowed = allowed_cores();
  if (options.cores.empty()) options.cores = allowed;
  for (const unsigned cpu : options.cores) {
    if (std::ranges::find(allowed, cpu) == allowed.end()) {
      return fail("core_unavailable",
                  fmt::format("Core {} is not available to this process; it may use {}.", cpu,
                              fmt::join(allowed, ",")));
    }
    if (std::ranges::count(options.cores, cpu) > 1) {
      return fail("core_repeated", fmt::format("Core {} is named twice.", cpu));
    }
  }
  return std::unique_ptr<Runtime>(new Runtime(std::move(options)));
}

Result<void> Runtime::run(const CoreMain& main, const CoreMain& finish) {
  const std::size_t count = cores();
  reactors_.assign(count, nullptr);
  std::vector<std::optional<Error>> errors(count);
  std::barrier gate(static_cast<std::ptrdiff_t>(count));
  const auto run_core = [&](std::size_t index) {
    std::unique_ptr<Reactor> reactor;
    if (auto pinned = pin(options_.cores[index]); !pinned) {
      errors[index] = pinned.error();
    } else if (auto driver = UringDriver::create(options_.uring); !driver) {
      errors[index] = driver.error();
    } else {
      if (index == 0) notes_ = (*driver)->notes();
      reactor = std::make_unique<Reactor>(static_cast<unsigned>(index), std::move(*driver));
      reactors_[index] = reactor.get();
    }
    gate.arrive_and_wait();
    const bool all = std::ranges::none_of(errors, [](const auto& e) { return e.has_value(); });
    if (index == 0 && all) {
      Reactor::connect(reactors_);
      const std::lock_guard lock(stop_mutex_);
      for (Reactor* each : reactors_) stops_.push_back(std::make_unique<StopMessage>(*each));
      if (stop_asked_) post_stops();
    }
    gate.arrive_and_wait();
    if (all) {
      main(*reactor);
      gate.arrive_and_wait();  // no core runs before all are set up
      reactor->run();
      gate.arrive_and_wait();  // messages of others may still point here
      if (finish) finish(*reactor);
      if (index == 0) {
        // Whoever is still inside stop() is awaited; who comes later finds no reactor any more.
        const std::lock_guard lock(stop_mutex_);
        stops_.clear();
      }
      gate.arrive_and_wait();  // what finishes may still refer to other cores
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t index = 1; index < count; ++index) threads.emplace_back(run_core, index);
  run_core(0);
  for (std::thread& thread : threads) thread.join();
  for (const auto& error : errors) {
    if (error) return std::unexpected(*error);
  }
  return {};
}

void Runtime::stop() {
  const std::lock_guard lock(stop_mutex_);
  if (std::exchange(stop_asked_, true)) return;
  post_stops();
}

void Runtime::post_stops() {
  for (const auto& message : stops_) message->target.post(*message);
}

Result<std::vector<unsigned>> parse_cores(std::string_view text) {
  std::vector<unsigned> cores;
  const auto bad = [text] {
    return fail("bad_cores", fmt::format("`{}` is no list of cores; write 0,1 or 0-3.", text));
  };
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    unsigned first = 0;
    const auto parsed = std::from_chars(item.data(), item.data() + item.size(), first);
    unsigned last = first;
    if (parsed.ec != std::errc{}) return bad();
    if (parsed.ptr != item.data() + item.size()) {
      if (*parsed.ptr != '-') return bad();
      const auto end = std::from_chars(parsed.ptr + 1, item.data() + item.size(), last);
      if (end.ec != std::errc{} || end.ptr != item.data() + item.size()) return bad();
    }
    if (last < first || last >= kMostCores) return bad();
    for (unsigned cpu = first; cpu <= last; ++cpu) cores.push_back(cpu);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return bad();
  }
  return cores;
}

}  // namespace ringcast
