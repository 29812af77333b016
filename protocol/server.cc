#include "protocol/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>

#include "core/runtime.h"
#include "core/scope.h"
#include "net/listener.h"
#include "protocol/document_source.h"
#include "protocol/event_tools.h"
#include "protocol/log.h"
#include "protocol/mcp/mcp_connection.h"
#include "protocol/metrics.h"
#include "protocol/service.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

// Closes what run_server opened if the start fails before a core took it over.
struct OpenListeners {
  std::vector<std::vector<int>> by_core;
  ~OpenListeners() {
    for (auto& core : by_core) {
      for (const int fd : core) ::close(fd);
    }
  }
};

class Server {
 public:
  Server(ServerOptions options, std::unique_ptr<Runtime> runtime, unsigned homes)
      : options_(std::move(options)),
        runtime_(std::move(runtime)),
        state_(options_.config, EventIds(EventIds::epoch_at(now_ms()), homes), runtime_->cores(),
               options_.version),
        services_(runtime_->cores()) {
    state_.pages = options_.pages;
    state_.started_ms = now_ms();
    add_event_tools(state_.mcp_server, state_);
  }

  Result<void> run();

 private:
  // Work that every core does once, asked for by the signal thread.
  struct ForCore : Message {
    ForCore(Server& of, std::size_t on, Handler what) : Message(what), server(of), core(on) {}
    Server& server;
    std::size_t core;
    std::shared_ptr<const Config> config;
    Service& service() const { return *server.services_[core]; }
  };

  static std::int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / kNsPerMs;
  }

  Result<void> listen();
  Result<void> open_library();
  void start_core(Reactor& reactor);
  void watch_signals(const sigset_t& signals);
  void tell_all(Message::Handler what, const std::shared_ptr<const Config>& config = {});
  void begin_drain();
  void reload();
  static Task<void> drain_core(Server* self, std::size_t core);
  static Task<void> serve_stdio(Service* service);
  bool empty(std::size_t core) const;

  ServerOptions options_;
  std::unique_ptr<Runtime> runtime_;
  ServerState state_;
  OpenListeners listeners_;
  std::vector<std::unique_ptr<Service>> services_;
  std::atomic<std::size_t> cores_started_{0};
  std::atomic<std::size_t> cores_drained_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> at_once_{false};
};

Result<void> Server::listen() {
  const std::size_t cores = runtime_->cores();
  listeners_.by_core.resize(cores);
  for (const ListenAddress& wanted : options_.config.listen) {
    const bool v6 = wanted.host.find(':') != std::string::npos;
    auto address = parse_address(v6 ? fmt::format("[{}]:{}", wanted.host, wanted.port)
                                    : fmt::format("{}:{}", wanted.host, wanted.port));
    if (!address) return std::unexpected(std::move(address.error()));
    if (auto free = check_free(*address); !free) return free;
    for (std::size_t core = 0; core < cores; ++core) {
      auto listener = open_listener(*address, cores > 1);
      if (!listener) return std::unexpected(std::move(listener.error()));
      listeners_.by_core[core].push_back(*listener);
    }
    log_info("listening", {{"address", address_text(*address)},
                           {"cores", static_cast<std::uint64_t>(cores)},
                           {"version", options_.version}});
  }
  return {};
}

// What directories offer to MCP clients.
Result<void> Server::open_library() {
  const Config::Mcp& config = options_.config.mcp;
  if (config.prompts.empty() && config.documents.empty()) return {};
  auto library = DocumentLibrary::open(config.prompts, config.documents);
  if (!library) return std::unexpected(std::move(library.error()));
  state_.library = std::move(*library);
  add_document_tools(state_.mcp_server, state_);
  return {};
}

void Server::start_core(Reactor& reactor) {
  const std::size_t core = reactor.core();
  services_[core] = std::make_unique<Service>(reactor, state_);
  for (const int listener : listeners_.by_core[core]) services_[core]->http().listen(listener);
  listeners_.by_core[core].clear();
  if (core == 0) {
    for (const std::string& note : runtime_->notes()) log_warn("kernel", {{"note", note}});
    services_[core]->background().spawn(publish_metrics(services_[core].get()));
    if (state_.library) attach_library(state_, reactor, services_[core]->background());
    if (options_.mcp_on_stdio) reactor.spawn(serve_stdio(services_[core].get()));
  }
  if (cores_started_.fetch_add(1) + 1 == runtime_->cores()) {
    state_.phase = Phase::serving;
    log_info("ready", {{"epoch", state_.fabric.ids.epoch()}, {"pid", static_cast<int>(getpid())}});
  }
}

// Ends with its client, as a signal would end it.
Task<void> Server::serve_stdio(Service* service) {
  co_await serve_mcp_stdio(service->mcp(), service->mcp().streams());
  if (!service->mcp().draining()) kill(getpid(), SIGTERM);
}

Result<void> Server::run() {
  if (const auto& wrong = state_.mcp_server.error()) return std::unexpected(*wrong);
  if (auto opened = open_library(); !opened) return opened;
  if (auto listening = listen(); !listening) return listening;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  if (state_.library) state_.library->start();  // it inherits what signals are blocked
  std::thread watcher([this, signals] { watch_signals(signals); });
  const auto result =
      runtime_->run([this](Reactor& reactor) { start_core(reactor); },
                    [this](Reactor& reactor) { services_[reactor.core()].reset(); });
  ended_ = true;
  pthread_kill(watcher.native_handle(), SIGUSR1);  // wakes it from its wait
  watcher.join();
  if (result) log_info("stopped", {});
  log_flush_repeats(true);
  return result;
}

void Server::watch_signals(const sigset_t& signals) {
  for (bool draining = false; !ended_;) {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    log_flush_repeats();
    if (ended_ || cores_started_ < runtime_->cores()) continue;
    if (signal == SIGHUP) {
      reload();
    } else if (signal == SIGTERM || signal == SIGINT) {
      if (draining) at_once_ = true;
      if (!draining) begin_drain();
      draining = true;
    }
  }
}

void Server::tell_all(Message::Handler what, const std::shared_ptr<const Config>& config) {
  for (std::size_t core = 0; core < services_.size(); ++core) {
    auto message = std::make_unique<ForCore>(*this, core, what);
    message->config = config;
    services_[core]->reactor().post(*message.release());
  }
}

void Server::reload() {
  auto fresh = options_.reload();
  if (!fresh) {
    log_error("reload refused, the old configuration stays", {{"error", fresh.error().message}});
    return;
  }
  const ReloadDiff diff = diff_reload(*state_.config, *fresh);
  auto config = std::make_shared<const Config>(apply_reload(*state_.config, *fresh));
  state_.features.reload(*state_.config, *config);
  state_.config = config;
  tell_all(
      [](Message& message) {
        const std::unique_ptr<ForCore> self(static_cast<ForCore*>(&message));
        self->service().configure(self->config);
      },
      config);
  const std::string applied = fmt::format("{}", fmt::join(diff.applied, ","));
  const std::string needs_restart = fmt::format("{}", fmt::join(diff.needs_restart, ","));
  const auto say_so = [&] {
    log_info("reloaded", {{"applied", applied}, {"needs_restart", needs_restart}});
  };
  // Whoever reads this level before or after the change is to know of it.
  const bool said = log_enabled(LogLevel::kInfo);
  if (said) say_so();
  log_configure({.level = config->log.level, .format = config->log.format});
  if (!said) say_so();
}

void Server::begin_drain() {
  log_info("draining", {{"connections", state_.admission.open()},
                        {"timeout_ms", state_.config->drain.timeout_ms}});
  state_.phase = Phase::leaving;
  tell_all([](Message& message) {
    const std::unique_ptr<ForCore> self(static_cast<ForCore*>(&message));
    self->service().reactor().spawn(drain_core(&self->server, self->core));
  });
}

bool Server::empty(std::size_t core) const {
  Service& service = *services_[core];
  return service.http().connections() == 0 && service.shard().hub().subscribers() == 0 &&
         service.mcp().finished();
}

Task<void> Server::drain_core(Server* self, std::size_t core) {
  Service& service = *self->services_[core];
  Scope scope(service.reactor());
  const Config config = service.config();
  const std::int64_t start = service.reactor().now_ns();
  const auto over = [&](std::uint64_t ms) {
    return self->at_once_ ||
           service.reactor().now_ns() - start >= static_cast<std::int64_t>(ms) * kNsPerMs;
  };
  while (!over(config.drain.delay_ms)) co_await scope.sleep(10 * kNsPerMs);
  self->state_.phase = Phase::draining;
  service.http().stop_accepting();
  service.http().drain();
  service.mcp().drain();
  // What was published before every core refuses publishing still reaches the streams.
  co_await scope.sleep(50 * kNsPerMs);
  service.shard().hub().drain();
  const std::uint64_t limit_ms = config.drain.delay_ms + config.drain.timeout_ms;
  while (!self->empty(core) && !over(limit_ms)) co_await scope.sleep(5 * kNsPerMs);
  if (!self->empty(core)) {
    log_warn("drain ran out of time",
             {{"connections", static_cast<std::uint64_t>(service.http().connections())},
              {"streams", static_cast<std::uint64_t>(service.shard().hub().subscribers())}});
    service.shard().hub().close_all(CloseReason::drain);
    service.http().abort_all();
    service.mcp().abort();
    while (!self->empty(core)) co_await scope.sleep(5 * kNsPerMs);
  }
  co_await service.topic_resources().end();
  service.background().cancel();
  co_await service.background().join();
  if (self->cores_drained_.fetch_add(1) + 1 < self->runtime_->cores()) co_return;
  if (self->state_.library) self->state_.library->stop();
  self->runtime_->stop();
}

}  // namespace

Result<void> run_server(ServerOptions options) {
  RuntimeOptions runtime_options;
  const Config& config = options.config;
  runtime_options.cores.assign(config.cores.begin(), config.cores.end());
  runtime_options.uring = {.entries = config.ring.entries,
                           .cq_entries = config.ring.cq_entries,
                           .direct_descriptors = config.ring.direct_descriptors,
                           .recv_buffers = config.buffers.recv_count,
                           .recv_buffer_bytes = config.buffers.recv_bytes};
  auto runtime = Runtime::create(std::move(runtime_options));
  if (!runtime) return std::unexpected(std::move(runtime.error()));
  const auto homes = static_cast<unsigned>(std::min<std::size_t>((*runtime)->cores(), kMostHomes));
  log_configure({.level = config.log.level, .format = config.log.format});
  Server server(std::move(options), std::move(*runtime), homes);
  return server.run();
}

}  // namespace ringcast
