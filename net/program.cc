#include "net/program.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "core/runtime.h"
#include "net/listener.h"

namespace ringcast {
namespace {

constexpr std::int64_t kLookEveryNs = 5'000'000;

// A core's server, and its end: a message starts it, a timer sees it through. The cores stop
// together: as long as one has work, it may have some for the others.
struct ServedCore : Message, Timer {
  ServedCore(Reactor& on, std::unique_ptr<CoreServer> with, std::atomic<std::size_t>& of_all)
      : Message(end), Timer(look), reactor(on), server(std::move(with)), unfinished(of_all) {}

  static void end(Message& message) {
    auto& self = static_cast<ServedCore&>(message);
    self.abort_at_ns = self.reactor.now_ns() + kDrainGraceNs;
    self.server->drain();
    look(self);
  }
  static void look(Timer& timer) {
    auto& self = static_cast<ServedCore&>(timer);
    if (self.server->finished() && !std::exchange(self.counted, true)) --self.unfinished;
    if (self.unfinished == 0) {
      self.reactor.stop();
      return;
    }
    if (self.reactor.now_ns() >= self.abort_at_ns) self.server->abort();
    self.reactor.timers().arm(self, self.reactor.now_ns() + kLookEveryNs);
  }

  Reactor& reactor;
  std::unique_ptr<CoreServer> server;
  std::atomic<std::size_t>& unfinished;
  std::int64_t abort_at_ns = 0;
  bool counted = false;
};

// SIGINT and SIGTERM of this process, as something a reactor can read. Made before there are other
// threads: they inherit that the signals are blocked.
class EndSignal : public Completion {
 public:
  explicit EndSignal(std::vector<std::unique_ptr<ServedCore>>& cores)
      : Completion(arrived), cores_(cores) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, &mask_before_);
    fd_ = signalfd(-1, &ends, SFD_CLOEXEC);
  }
  ~EndSignal() {
    if (fd_ >= 0) ::close(fd_);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  Result<void> check() const {
    if (fd_ >= 0) return {};
    return fail("signalfd", fmt::format("signalfd failed: {}.", std::strerror(errno)));
  }
  void wait_on(Reactor& reactor) {
    reactor_ = &reactor;
    Operation operation{
        .code = OpCode::read, .fd = Descriptor::ordinary(fd_), .size = sizeof info_};
    operation.data = &info_;
    operation.completion = this;
    reactor.push(operation);
  }

 private:
  static void arrived(Completion& completion, std::int32_t, std::uint32_t, unsigned) {
    auto& self = static_cast<EndSignal&>(completion);
    for (const auto& core : self.cores_) self.reactor_->send_to(core->reactor, *core);
  }

  std::vector<std::unique_ptr<ServedCore>>& cores_;
  Reactor* reactor_ = nullptr;
  int fd_ = -1;
  signalfd_siginfo info_{};
  sigset_t mask_before_{};
};

Result<std::vector<int>> open_listeners(SocketAddress& address, std::size_t count) {
  if (auto open = check_free(address); !open) return std::unexpected(open.error());
  std::vector<int> listeners;
  while (listeners.size() < count) {
    auto listener = open_listener(address, count > 1);
    if (!listener) {
      for (const int fd : listeners) ::close(fd);
      return std::unexpected(listener.error());
    }
    listeners.push_back(*listener);
  }
  return listeners;
}

}  // namespace

Result<void> run_servers(const std::string& text, const MakeCoreServer& make) {
  auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  auto runtime = Runtime::create({});
  if (!runtime) return std::unexpected(runtime.error());
  std::vector<std::unique_ptr<ServedCore>> cores((*runtime)->cores());
  std::atomic<std::size_t> unfinished{cores.size()};
  EndSignal signal(cores);
  if (auto checked = signal.check(); !checked) return checked;
  auto listeners = open_listeners(*address, cores.size());
  if (!listeners) return std::unexpected(listeners.error());
  fmt::print(stderr, "listening on {}\n", address_text(*address));
  const auto begin = [&](Reactor& reactor) {
    const unsigned core = reactor.core();
    cores[core] =
        std::make_unique<ServedCore>(reactor, make(reactor, (*listeners)[core]), unfinished);
    if (core == 0) signal.wait_on(reactor);
  };
  // While all reactors are there: what a server holds may have timers.
  const auto end = [&](Reactor& reactor) { cores[reactor.core()]->server.reset(); };
  auto ran = (*runtime)->run(begin, end);
  for (std::size_t core = 0; core < cores.size(); ++core) {
    if (!cores[core]) ::close((*listeners)[core]);  // no core came up
  }
  return ran;
}

}  // namespace ringcast
