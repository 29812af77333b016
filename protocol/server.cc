#include "protocol/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <iterator>
#include <mutex>
#include <thread>

#include "core/runtime.h"
#include "core/scope.h"
#include "protocol/agent_check.h"
#include "protocol/auth/access_changes.h"
#include "protocol/auth/access_source.h"
#include "protocol/document_source.h"
#include "protocol/event_tools.h"
#include "protocol/exposure.h"
#include "protocol/handover_giver.h"
#include "protocol/handover_taker.h"
#include "protocol/log.h"
#include "protocol/mcp/mcp_connection.h"
#include "protocol/metrics.h"
#include "protocol/server_listeners.h"
#include "protocol/service.h"
#include "protocol/service_manager.h"
#include "protocol/successor.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// Of drain.streams_per_s: timers and the network shift some streams into the next second.
constexpr double kPaceMargin = 0.9;

std::string access_path(const Config& config) {
  return config.auth.access.empty() ? std::string() : config.auth.access.front();
}

std::string handover_path(const Config& config) {
  return config.handover.socket.empty() ? std::string() : config.handover.socket.front();
}

std::int64_t wall_clock_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / kNsPerMs;
}

// Who takes over goes on with the numbering, so that ids stay what they are.
EventIds event_ids(const HandoverTaker* taker, std::size_t cores) {
  if (taker != nullptr) return {taker->offer().epoch, taker->offer().homes};
  const auto homes = static_cast<unsigned>(std::min<std::size_t>(cores, kMostHomes));
  return {EventIds::epoch_at(wall_clock_ms()), homes};
}

class Server {
 public:
  // `taker`: null if there is nobody to take over from.
  Server(ServerOptions options, std::unique_ptr<Runtime> runtime,
         std::unique_ptr<HandoverTaker> taker)
      : options_(std::move(options)),
        runtime_(std::move(runtime)),
        taker_(std::move(taker)),
        state_(options_.config, event_ids(taker_.get(), runtime_->cores()), runtime_->cores(),
               options_.version),
        listeners_(runtime_->cores()),
        services_(runtime_->cores()) {
    state_.pages = options_.pages;
    state_.started_ms = wall_clock_ms();
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
    std::shared_ptr<const Access> access;
    Service& service() const { return *server.services_[core]; }
  };

  // How the streams are ended, decided once for all cores.
  struct Leave {
    bool handed_over = false;
    std::vector<int> kept;  // the listeners from which others go on to accept
    std::uint64_t streams = 0;
    double streams_per_s = 0;  // of all cores; 0: all at once
    std::uint64_t delay_ms = 0;
    std::uint64_t limit_ms = 0;  // from the beginning on
  };

  Result<void> prepare();
  bool take_over(std::size_t core);
  Result<void> open_giver();
  void serve_successors();
  void obey_signal(int signal);
  Result<void> open_library();
  void start_core(Reactor& reactor);
  void watch_signals(const sigset_t& signals);
  void tell_all(Message::Handler what, const std::shared_ptr<const Config>& config = {},
                const std::shared_ptr<const Access>& access = {});
  Result<void> open_access();
  // Every core goes by the configuration and the access that there are now.
  void configure_all();
  void begin_drain(Leave leave);
  void stop_agent_checks();
  void hand_over();
  void look_after_successor();
  void reload();
  static Task<void> drain_core(Server* self, std::size_t core);
  static Task<void> serve_stdio(Service* service);
  double share_of_pace(std::size_t core) const;
  bool empty(std::size_t core) const;

  ServerOptions options_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<HandoverTaker> taker_;
  std::unique_ptr<HandoverGiver> giver_;
  ServerState state_;
  ServerListeners listeners_;
  std::vector<std::unique_ptr<AgentCheck>> agent_checks_;  // of core 0
  std::vector<std::unique_ptr<Service>> services_;
  AccessSource access_source_;
  std::mutex told_mutex_;            // of state_.config and state_.access once the cores run
  Leave leave_;                      // set before the cores are told to leave
  Successor successor_;              // that we started, until it has ended
  std::uint64_t failed_before_ = 0;  // hand-overs, when it was started
  std::atomic<std::size_t> cores_made_{0};
  enum class Taking : std::uint8_t { under_way, done, failed };
  std::atomic<Taking> taking_{Taking::under_way};
  Result<void> taken_;  // by core 0, before taking_ says so
  std::atomic<std::size_t> cores_started_{0};
  std::atomic<std::size_t> cores_drained_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> at_once_{false};
};

Result<void> Server::open_access() {
  auto access = access_source_.read(access_path(options_.config));
  if (!access) return std::unexpected(std::move(access.error()));
  state_.access = *access;
  access_source_.adopt(std::move(*access));
  state_.want_keys = [this] { access_source_.want_keys(); };
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
  if (taker_ && !take_over(core)) return;
  for (const auto& listener : listeners_.take(core)) {
    services_[core]->http().listen(listener.fd, listener.proxied);
  }
  if (core == 0) {
    for (const int listener : listeners_.take_agents()) {
      agent_checks_.push_back(std::make_unique<AgentCheck>(reactor, listener, state_));
    }
    for (const std::string& note : runtime_->notes()) log_warn("kernel", {{"note", note}});
    services_[core]->background().spawn(publish_metrics(services_[core].get()));
    if (state_.library) attach_library(state_, reactor, services_[core]->background());
    if (options_.mcp_on_stdio) reactor.spawn(serve_stdio(services_[core].get()));
  }
  if (cores_started_.fetch_add(1) + 1 == runtime_->cores()) {
    state_.phase = Phase::serving;
    log_info("ready", {{"epoch", state_.fabric.ids.epoch()}, {"pid", static_cast<int>(getpid())}});
    tell_ready();
  }
}

// No core accepts or publishes before core 0 has everything of the process that served until now.
// False: it could not be had, and this process ends.
bool Server::take_over(std::size_t core) {
  cores_made_.fetch_add(1);
  cores_made_.notify_all();
  if (core != 0) {
    taking_.wait(Taking::under_way);
    return taking_ == Taking::done;
  }
  for (std::size_t made = cores_made_; made < runtime_->cores(); made = cores_made_) {
    cores_made_.wait(made);
  }
  for (const auto& [name, on] : taker_->offer().features) {
    if (const auto feature = find_feature(name)) {
      state_.features.set(*feature, on);
      log_warn("feature stays switched", {{"feature", name}, {"enabled", on}});
    }
  }
  std::vector<TopicTable*> tables;
  tables.reserve(state_.fabric.homes());
  for (unsigned home = 0; home < state_.fabric.homes(); ++home) {
    tables.push_back(services_[home]->shard().topics());
  }
  taken_ = taker_->take(state_.fabric.ids, tables);
  if (taken_) {
    log_info("taken over", {{"from", taker_->offer().program},
                            {"topics", taker_->topics()},
                            {"events", taker_->events()}});
  } else {
    runtime_->stop();
  }
  taking_ = taken_ ? Taking::done : Taking::failed;
  taking_.notify_all();
  return taken_.has_value();
}

Result<void> Server::open_giver() {
  const std::string path = handover_path(options_.config);
  if (path.empty() || options_.mcp_on_stdio) return {};
  const HandoverGiver::Sockets sockets{.listeners = listeners_.all(),
                                       .supervised = listeners_.supervised().size()};
  auto giver = HandoverGiver::open(path, taker_ != nullptr, state_, sockets,
                                   [this](const HandoverGiver::Given& given) {
                                     log_info("handed over", {{"pid", static_cast<int>(given.pid)},
                                                              {"topics", given.topics},
                                                              {"events", given.events}});
                                     tell_main_process(given.pid);
                                     listeners_.leave_to_successor(given.kept);
                                     begin_drain({.handed_over = true, .kept = given.kept});
                                   });
  if (!giver) return std::unexpected(std::move(giver.error()));
  giver_ = std::move(*giver);
  return {};
}

// From here on somebody else may take over from us.
void Server::serve_successors() {
  if (taker_) {
    if (auto opened = open_giver(); !opened) {
      log_error("nobody can take over from this server", {{"error", opened.error().message}});
    }
    taker_.reset();
  }
  if (giver_) giver_->start();
}

// Ends with its client, as a signal would end it.
Task<void> Server::serve_stdio(Service* service) {
  co_await serve_mcp_stdio(service->mcp(), service->mcp().streams());
  if (!service->mcp().draining()) kill(getpid(), SIGTERM);
}

Result<void> Server::prepare() {
  if (const auto& wrong = state_.mcp_server.error()) return std::unexpected(*wrong);
  std::vector<InheritedSocket> activated;
  std::vector<InheritedSocket>& inherited = taker_ ? taker_->listeners() : activated;
  if (auto added = ServerListeners::add_activated(options_.config, inherited); !added) return added;
  if (auto opened = open_access(); !opened) return opened;
  const Config& config = options_.config;
  if (auto safe = check_public(config.listen, config.auth, state_.access.get()); !safe) return safe;
  if (public_behind_proxy(config, state_.access.get())) {
    log_warn(
        "whoever reaches the proxy may publish and subscribe: name an access file "
        "(auth.access), or say that this is wanted (auth.allow_public)");
  }
  if (auto opened = open_library(); !opened) return opened;
  if (auto listening = listeners_.open(options_.config, inherited, options_.version); !listening) {
    return listening;
  }
  // Whoever takes over finds the socket in use, until it has done so.
  return taker_ ? Result<void>{} : open_giver();
}

Result<void> Server::run() {
  if (auto prepared = prepare(); !prepared) return prepared;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  if (state_.library) state_.library->start();  // it inherits what signals are blocked
  access_source_.start([this] {
    constexpr timespec kSoon{.tv_sec = 0, .tv_nsec = 10 * kNsPerMs};
    while (cores_started_ < runtime_->cores() && !ended_) nanosleep(&kSoon, nullptr);
    if (ended_) return;
    {
      const std::lock_guard lock(told_mutex_);
      state_.access = access_source_.current();
    }
    configure_all();
  });
  std::thread watcher([this, signals] { watch_signals(signals); });
  const auto result = runtime_->run([this](Reactor& reactor) { start_core(reactor); },
                                    [this](Reactor& reactor) {
                                      if (reactor.core() == 0) agent_checks_.clear();
                                      services_[reactor.core()].reset();
                                    });
  ended_ = true;
  access_source_.stop();
  pthread_kill(watcher.native_handle(), SIGUSR1);  // wakes it from its wait
  watcher.join();
  giver_.reset();
  if (result && taken_) log_info("stopped", {});
  log_flush_repeats(true);
  return taken_ ? result : taken_;
}

void Server::watch_signals(const sigset_t& signals) {
  for (bool started = false; !ended_;) {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const timespec soon{.tv_sec = 0, .tv_nsec = 10 * kNsPerMs};
    // Until then signals stay pending, and are obeyed after it.
    if (!started && cores_started_ < runtime_->cores()) {
      nanosleep(&soon, nullptr);
      continue;
    }
    if (!std::exchange(started, true)) serve_successors();
    const int signal = sigtimedwait(&signals, nullptr, &second);
    log_flush_repeats();
    look_after_successor();
    if (!ended_) obey_signal(signal);
  }
}

void Server::obey_signal(int signal) {
  if (signal == SIGHUP) {
    tell_reloading();
    reload();
    tell_ready();
  } else if (signal == SIGUSR2) {
    hand_over();
  } else if (signal == SIGTERM || signal == SIGINT) {
    // One that hands over gives that up, or has done it.
    if (giver_) giver_->stop();
    if (state_.ready()) {
      tell_stopping();
      begin_drain({});
    } else {
      at_once_ = true;
    }
  }
}

// Starts the program anew; it asks at handover.socket for what is ours.
void Server::hand_over() {
  const auto refuse = [](std::string_view why) {
    log_error("no successor is started", {{"error", why}});
  };
  if (!giver_) return refuse("It needs handover.socket to be set, and to be ours.");
  if (!state_.ready()) return refuse("This server is shutting down.");
  if (successor_.pid != 0) return refuse("One that was started before is still at it.");
  const auto started = start_successor();
  if (!started) return refuse(started.error().message);
  successor_ = *started;
  failed_before_ = state_.failed_handovers.load(std::memory_order_relaxed);
  log_info("successor started", {{"pid", static_cast<int>(successor_.pid)}});
}

void Server::look_after_successor() {
  if (successor_.pid == 0 || !has_ended(successor_)) return;
  log_error("the successor has ended, this process goes on",
            {{"pid", static_cast<int>(successor_.pid)}});
  // Most end before they ask for anything: by a configuration that is wrong by now.
  std::uint64_t counted = failed_before_;
  state_.failed_handovers.compare_exchange_strong(counted, counted + 1, std::memory_order_relaxed);
  ::close(std::exchange(successor_, {}).fd);
}

void Server::tell_all(Message::Handler what, const std::shared_ptr<const Config>& config,
                      const std::shared_ptr<const Access>& access) {
  for (std::size_t core = 0; core < services_.size(); ++core) {
    auto message = std::make_unique<ForCore>(*this, core, what);
    message->config = config;
    message->access = access;
    services_[core]->reactor().post(*message.release());
  }
}

void Server::configure_all() {
  // Until all are told, so that no core hears the older news last.
  const std::lock_guard lock(told_mutex_);
  tell_all(
      [](Message& message) {
        const std::unique_ptr<ForCore> self(static_cast<ForCore*>(&message));
        self->service().configure(self->config, self->access);
      },
      state_.config, state_.access);
}

void Server::reload() {
  auto fresh = options_.reload();
  if (!fresh) {
    log_error("reload refused, the old configuration stays", {{"error", fresh.error().message}});
    return;
  }
  auto access = access_source_.read(access_path(*fresh));
  if (!access) {
    log_error("reload refused, the old configuration stays", {{"error", access.error().message}});
    return;
  }
  if (auto safe = check_public(options_.config.listen, fresh->auth, access->get()); !safe) {
    log_error("reload refused, the old configuration stays", {{"error", safe.error().message}});
    return;
  }
  const AccessChanges changes = compare_access(state_.access.get(), access->get());
  const ReloadDiff diff = diff_reload(*state_.config, *fresh);
  auto config = std::make_shared<const Config>(apply_reload(*state_.config, *fresh));
  state_.features.reload(*state_.config, *config);
  {
    const std::lock_guard lock(told_mutex_);
    state_.config = config;
    state_.access = *access;
    access_source_.adopt(std::move(*access));
  }
  configure_all();
  const std::string applied = fmt::format("{}", fmt::join(diff.applied, ","));
  const std::string needs_restart = fmt::format("{}", fmt::join(diff.needs_restart, ","));
  const auto say_so = [&] {
    if (!changes.empty()) {
      log_info("access changed", {{"keys_added", listed(changes.added)},
                                  {"keys_removed", listed(changes.removed)},
                                  {"keys_changed", listed(changes.changed)},
                                  {"other", listed(changes.other)}});
    }
    log_info("reloaded", {{"applied", applied}, {"needs_restart", needs_restart}});
  };
  // Whoever reads this level before or after the change is to know of it.
  const bool said = log_enabled(LogLevel::kInfo);
  if (said) say_so();
  log_configure({.level = config->log.level, .format = config->log.format});
  if (!said) say_so();
}

void Server::begin_drain(Leave leave) {
  access_source_.stop();  // cores that have ended are told nothing any more
  std::shared_ptr<const Config> config;
  {
    const std::lock_guard lock(told_mutex_);
    config = state_.config;
  }
  const Config::Drain& drain = config->drain;
  for (Service* service : state_.services) {
    leave.streams += service->shard().hub().counters.subscribers.get();
  }
  std::ranges::copy(listeners_.supervised(), std::back_inserter(leave.kept));
  leave.streams_per_s = drain.streams_per_s * kPaceMargin;
  leave.limit_ms = drain.timeout_ms;
  const double needed_s =
      drain.streams_per_s == 0 ? 0 : static_cast<double>(leave.streams) / leave.streams_per_s;
  // A part of the time is for the last to read what they have not got yet.
  const double there_is_s = static_cast<double>(drain.timeout_ms) / 1000 * 0.8;
  if (leave.handed_over) {
    // Nobody waits for us: the pace counts.
    leave.limit_ms += static_cast<std::uint64_t>(needed_s * 1000);
  } else {
    leave.delay_ms = drain.delay_ms;
    leave.limit_ms += drain.delay_ms;
    if (needed_s > there_is_s && needed_s > 0) {
      leave.streams_per_s = there_is_s > 0 ? static_cast<double>(leave.streams) / there_is_s : 0;
      log_warn("drain.timeout_ms is too short for drain.streams_per_s, streams end faster",
               {{"streams", leave.streams}, {"streams_per_s", leave.streams_per_s}});
    }
  }
  log_info("draining", {{"connections", state_.admission.open()}, {"timeout_ms", leave.limit_ms}});
  leave_ = std::move(leave);
  // Publishers learn at once that it is somebody else's turn.
  state_.phase = leave_.handed_over ? Phase::draining : Phase::leaving;
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

// Of the streams that may end in a second; in proportion to those that this core has.
double Server::share_of_pace(std::size_t core) const {
  const auto streams = static_cast<double>(services_[core]->shard().hub().subscribers());
  const auto all = static_cast<double>(std::max<std::uint64_t>(leave_.streams, 1));
  if (leave_.streams_per_s == 0 || streams == 0) return leave_.streams_per_s;
  return leave_.streams_per_s * std::min(streams / all, 1.0);
}

void Server::stop_agent_checks() {
  for (const auto& agents : agent_checks_) agents->stop(leave_.kept);
}

Task<void> Server::drain_core(Server* self, std::size_t core) {
  Service& service = *self->services_[core];
  Scope scope(service.reactor());
  const Leave& leave = self->leave_;
  const std::int64_t start = service.reactor().now_ns();
  const auto over = [&](std::uint64_t ms) {
    return self->at_once_ ||
           service.reactor().now_ns() - start >= static_cast<std::int64_t>(ms) * kNsPerMs;
  };
  while (!over(leave.delay_ms)) co_await scope.sleep(10 * kNsPerMs);
  self->state_.phase = Phase::draining;
  service.http().stop_accepting(leave.kept);
  // It is the successor that answers now.
  if (core == 0 && leave.handed_over) self->stop_agent_checks();
  service.http().drain();
  service.mcp().drain();
  // What was published before every core refuses publishing still reaches the streams.
  co_await scope.sleep(50 * kNsPerMs);
  service.shard().hub().drain(self->share_of_pace(core));
  while (!self->empty(core) && !over(leave.limit_ms)) co_await scope.sleep(5 * kNsPerMs);
  if (!self->empty(core)) {
    log_warn("drain ran out of time",
             {{"connections", static_cast<std::uint64_t>(service.http().connections())},
              {"streams", static_cast<std::uint64_t>(service.shard().hub().subscribers())}});
    service.shard().hub().close_all(CloseReason::drain);
    service.http().abort_all();
    service.mcp().abort();
    while (!self->empty(core)) co_await scope.sleep(5 * kNsPerMs);
  }
  if (core == 0) {
    self->stop_agent_checks();
    const auto answered = [](const auto& agents) { return agents->finished(); };
    while (!std::ranges::all_of(self->agent_checks_, answered)) {
      co_await scope.sleep(5 * kNsPerMs);
    }
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
  log_configure({.level = config.log.level, .format = config.log.format});
  std::unique_ptr<HandoverTaker> taker;
  if (options.takeover) {
    const std::string path = handover_path(config);
    if (path.empty()) {
      return fail("no_handover_socket",
                  "To take over, say where to ask for it: set handover.socket, the same for both.");
    }
    auto asked =
        HandoverTaker::ask(path, (*runtime)->cores(), options.version, config.handover.timeout_ms);
    if (!asked) return std::unexpected(std::move(asked.error()));
    taker = std::move(*asked);
    if (!taker) log_info("nobody to take over from, starts afresh", {{"socket", path}});
  }
  Server server(std::move(options), std::move(*runtime), std::move(taker));
  return server.run();
}

}  // namespace ringcast
