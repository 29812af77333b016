#include "protocol/handover_giver.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <span>
#include <type_traits>
#include <utility>

#include "core/history_export.h"
#include "protocol/handover.h"
#include "protocol/log.h"
#include "protocol/service.h"

namespace ringcast {
namespace {

// Whoever connects speaks at once.
constexpr std::uint64_t kHelloTimeoutMs = 5'000;
// Written in one turn of a home: long enough to be quick, short enough for who is served meanwhile.
constexpr std::size_t kPieceBytes = 256 << 10;

std::uint32_t type_of(HandoverFrame frame) { return static_cast<std::uint32_t>(frame); }

// Runs `call` on the reactor's core, in a turn, and waits for its result.
template <class Call>
auto on_core(Reactor& reactor, Call call) {
  using Value = std::invoke_result_t<Call>;
  struct Job : Message {
    explicit Job(Call what) : Message(run), task(std::move(what)) {}
    static void run(Message& message) {
      // The waiting thread goes on, and is not to take the job with it.
      const std::unique_ptr<Job> self(static_cast<Job*>(&message));
      self->task();
    }
    std::packaged_task<Value()> task;
  };
  auto job = std::make_unique<Job>(std::move(call));
  auto result = job->task.get_future();
  reactor.post(*job.release());
  return result.get();
}

}  // namespace

Result<std::unique_ptr<HandoverGiver>> HandoverGiver::open(
    const std::string& path, bool replace, ServerState& state, Sockets sockets,
    std::function<void(const Given&)> given) {
  auto listener = listen_on_path(path, replace);
  if (!listener) return std::unexpected(std::move(listener.error()));
  const int stop_event = eventfd(0, EFD_CLOEXEC);
  if (stop_event < 0) {
    ::close(*listener);
    return fail("eventfd", fmt::format("eventfd failed: {}.", std::strerror(errno)));
  }
  return std::unique_ptr<HandoverGiver>(
      new HandoverGiver(path, *listener, stop_event, state, std::move(sockets), std::move(given)));
}

HandoverGiver::HandoverGiver(std::string path, int listener, int stop_event, ServerState& state,
                             Sockets sockets, std::function<void(const Given&)> given)
    : path_(std::move(path)),
      listener_(listener),
      stop_event_(stop_event),
      state_(state),
      listeners_(std::move(sockets.listeners)),
      supervised_(sockets.supervised),
      given_(std::move(given)) {}

HandoverGiver::~HandoverGiver() {
  stop();
  ::close(listener_);
  ::close(stop_event_);
  if (!handed_over_) ::unlink(path_.c_str());  // else it is the successor's
}

void HandoverGiver::start() {
  thread_ = std::thread([this] { run(); });
}

void HandoverGiver::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_event_, &one, sizeof one);
  thread_.join();
}

void HandoverGiver::run() {
  std::array<pollfd, 2> polled{pollfd{.fd = listener_, .events = POLLIN, .revents = 0},
                               pollfd{.fd = stop_event_, .events = POLLIN, .revents = 0}};
  while (!handed_over_) {
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    if (polled[0].revents == 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    UnixChannel channel(fd, stop_event_);
    handed_over_ = answer(channel);
  }
}

bool HandoverGiver::answer(UnixChannel& channel) {
  const auto peer = channel.peer();
  if (!peer) return false;
  channel.set_deadline_in_ms(kHelloTimeoutMs);
  auto offered = offer(channel, *peer);
  Given given{.pid = peer->pid, .kept = {}, .topics = 0, .events = 0};
  // Somebody who only looks whether anybody is here says nothing.
  if (!offered && offered.error().code == "closed") return false;
  if (offered) {
    log_info("handing over", {{"pid", static_cast<int>(peer->pid)}});
    offered = give(channel, given);
  }
  if (!offered) {
    state_.failed_handovers.fetch_add(1, std::memory_order_relaxed);
    log_error("hand-over refused or failed, this process goes on",
              {{"pid", static_cast<int>(peer->pid)}, {"error", offered.error().message}});
    return false;
  }
  set_intake(Intake::ended);
  given_(given);
  return true;
}

// Everything that can be refused is, before anything is held back.
Result<void> HandoverGiver::offer(UnixChannel& channel, const UnixChannel::Peer& peer) {
  const auto refuse = [&channel](std::string text) {
    [[maybe_unused]] const auto told = channel.send(type_of(HandoverFrame::refusal), text);
    return fail("refused", std::move(text));
  };
  if (peer.uid != 0 && peer.uid != geteuid()) {
    return refuse(fmt::format("User {} may not take over from user {}.", peer.uid, geteuid()));
  }
  UnixChannel::Frame frame;
  if (auto got = channel.receive(frame, kMostHandoverBytes); !got) return got;
  for (const int fd : frame.descriptors) ::close(fd);
  const auto hello = HandoverHello::read(frame.bytes);
  if (frame.type != type_of(HandoverFrame::hello) || !hello) {
    return refuse("What the other process said is not understood.");
  }
  if (hello->version != kHandoverVersion) {
    return refuse(fmt::format("Version {} of the hand-over is spoken here ({}), not {} ({}).",
                              kHandoverVersion, state_.version, hello->version, hello->program));
  }
  if (!state_.ready()) return refuse("This server is shutting down.");
  Service& first = *state_.services.front();
  HandoverOffer offer{.epoch = state_.fabric.ids.epoch(),
                      .homes = state_.fabric.homes(),
                      .seeds = PublisherIds::seeds(),
                      .program = state_.version,
                      .listeners = static_cast<std::uint32_t>(listeners_.size()),
                      .supervised = static_cast<std::uint32_t>(supervised_),
                      .features = {}};
  offer.features =
      on_core(first.reactor(), [&] { return state_.features.switched(first.config()); });
  std::span<const int> left(listeners_);
  const auto next = [&left] {
    const auto some = left.first(std::min(left.size(), UnixChannel::kMostDescriptors));
    left = left.subspan(some.size());
    return some;
  };
  if (auto sent = channel.send(type_of(HandoverFrame::offer), offer.bytes(), next()); !sent) {
    return sent;
  }
  while (!left.empty()) {
    if (auto sent = channel.send(type_of(HandoverFrame::listeners), {}, next()); !sent) return sent;
  }
  return {};
}

Result<void> HandoverGiver::give(UnixChannel& channel, Given& given) {
  Service& first = *state_.services.front();
  const std::uint64_t timeout_ms =
      on_core(first.reactor(), [&] { return first.config().handover.timeout_ms; });
  channel.set_deadline_in_ms(timeout_ms);
  UnixChannel::Frame frame;
  const auto expect = [&](HandoverFrame expected) -> Result<void> {
    if (auto got = channel.receive(frame, kMostHandoverBytes); !got) {
      if (got.error().code == "closed") got.error().message = "The other process has ended.";
      return got;
    }
    for (const int fd : frame.descriptors) ::close(fd);
    if (frame.type == type_of(expected)) return {};
    return fail("bad_handover", "What the other process said is not understood.");
  };
  if (auto ready = expect(HandoverFrame::ready); !ready) return ready;
  channel.set_deadline_in_ms(timeout_ms);
  hold_back();
  auto done = send_histories(channel, given);
  if (done) done = expect(HandoverFrame::taken);
  for (std::size_t n = 0; done && n < std::min(frame.bytes.size(), listeners_.size()); ++n) {
    if (frame.bytes[n] == '1') given.kept.push_back(listeners_[n]);
  }
  if (done) done = channel.send(type_of(HandoverFrame::go), {});
  if (done) {
    done = expect(HandoverFrame::serving);
    // It was told to, and has not ended: it may serve already.
    if (!done && done.error().code != "closed") done = {};
  }
  if (!done) set_intake(Intake::open);
  return done;
}

void HandoverGiver::set_intake(Intake intake) {
  for (unsigned home = 0; home < state_.fabric.homes(); ++home) {
    Shard& shard = state_.services[home]->shard();
    on_core(shard.reactor(), [&] { shard.topics()->set_intake(intake); });
  }
}

// Afterwards nothing is published to any home, nor will it be.
void HandoverGiver::hold_back() {
  set_intake(Intake::held);
  // A batch begins at its lowest home: who is past that one settles in the same order.
  for (unsigned home = 0; home < state_.fabric.homes(); ++home) {
    Shard& shard = state_.services[home]->shard();
    while (!on_core(shard.reactor(), [&] { return shard.topics()->settled(); })) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

Result<void> HandoverGiver::send_histories(UnixChannel& channel, Given& given) {
  for (unsigned home = 0; home < state_.fabric.homes(); ++home) {
    Shard& shard = state_.services[home]->shard();
    std::string piece;
    std::unique_ptr<HistoryExport> history;
    for (bool more = true; more;) {
      piece.clear();
      more = on_core(shard.reactor(), [&] {
        if (!history) history = std::make_unique<HistoryExport>(*shard.topics());
        return history->write(piece, kPieceBytes);
      });
      auto sent = channel.send(type_of(HandoverFrame::history), piece);
      if (!sent) {
        if (sent.error().code == "closed") sent.error().message = "The other process has ended.";
        return sent;
      }
    }
    given.topics += history->topics();
    given.events += history->events();
  }
  return channel.send(type_of(HandoverFrame::end), {});
}

}  // namespace ringcast
