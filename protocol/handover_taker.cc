#include "protocol/handover_taker.h"

#include <fmt/format.h>
#include <unistd.h>

#include "core/history_import.h"
#include "core/topic_table.h"

namespace ringcast {
namespace {

// A piece of history has one whole event at least, and that may be large.
constexpr std::size_t kMostHistoryBytes = std::size_t{1} << 31;

std::uint32_t type_of(HandoverFrame frame) { return static_cast<std::uint32_t>(frame); }

std::unexpected<Error> explain(Error error) {
  if (error.code == "closed") {
    error.message = "The running server ended the conversation; its log says why.";
  } else if (error.code == "timeout") {
    error.message = "The running server did not hand over within handover.timeout_ms.";
  }
  return std::unexpected(std::move(error));
}

}  // namespace

Result<std::unique_ptr<HandoverTaker>> HandoverTaker::ask(const std::string& path,
                                                          std::size_t cores,
                                                          const std::string& program,
                                                          std::uint64_t timeout_ms) {
  auto channel = UnixChannel::connect(path);
  if (!channel) {
    if (channel.error().code == "nobody_there") return nullptr;
    return std::unexpected(std::move(channel.error()));
  }
  const auto giver = channel->peer();
  if (!giver) return std::unexpected(giver.error());
  // Whoever can put a socket there could otherwise give us a history and listeners of his own.
  if (giver->uid != ::geteuid() && giver->uid != 0) {
    return fail("refused", fmt::format("The process at {} runs as user {}, this one as user {}: "
                                       "they must be the same.",
                                       path, giver->uid, ::geteuid()));
  }
  channel->set_deadline_in_ms(timeout_ms);
  std::unique_ptr<HandoverTaker> taker(new HandoverTaker(std::move(*channel), timeout_ms));
  if (auto asked = taker->ask_first(cores, program); !asked) {
    return explain(std::move(asked.error()));
  }
  return taker;
}

HandoverTaker::~HandoverTaker() {
  for (const InheritedSocket& each : listeners_) {
    if (each.fd >= 0) ::close(each.fd);
  }
}

Result<void> HandoverTaker::receive(HandoverFrame expected) {
  const bool history = expected == HandoverFrame::history;
  auto received = channel_.receive(frame_, history ? kMostHistoryBytes : kMostHandoverBytes);
  if (!received) return received;
  for (const int fd : frame_.descriptors) listeners_.push_back({.fd = fd, .address = {}});
  if (frame_.type == type_of(HandoverFrame::refusal)) {
    return fail("refused", fmt::format("The running server refused: {}", frame_.bytes));
  }
  const bool end = history && frame_.type == type_of(HandoverFrame::end);
  if (frame_.type != type_of(expected) && !end) {
    return fail("bad_handover", "What the other process said is not understood.");
  }
  return {};
}

Result<void> HandoverTaker::ask_first(std::size_t cores, const std::string& program) {
  const HandoverHello hello{.cores = static_cast<std::uint32_t>(cores), .program = program};
  auto sent = channel_.send(type_of(HandoverFrame::hello), hello.bytes());
  // Who refuses at once does not read: its answer says more than that we could not send.
  if (!sent && sent.error().code != "closed") return sent;
  if (auto received = receive(HandoverFrame::offer); !received) return received;
  auto offer = HandoverOffer::read(frame_.bytes);
  if (!offer) return std::unexpected(std::move(offer.error()));
  offer_ = std::move(*offer);
  if (offer_.homes > cores) {
    return fail(
        "too_few_cores",
        fmt::format("The running server keeps its histories on {} cores, and the ids of its "
                    "events depend on that; this one has only {}. Start it with {} or more, "
                    "or stop the running one first: subscribers then get a gap.",
                    offer_.homes, cores, offer_.homes));
  }
  while (listeners_.size() < offer_.listeners) {
    const std::size_t before = listeners_.size();
    if (auto received = receive(HandoverFrame::listeners); !received) return received;
    if (listeners_.size() == before) return fail("bad_handover", "Sockets are missing.");
  }
  for (std::size_t n = 0; n < listeners_.size(); ++n) {
    InheritedSocket& each = listeners_[n];
    auto address = listening_address(each.fd);
    if (!address) return std::unexpected(std::move(address.error()));
    each.address = *address;
    each.supervised = n < offer_.supervised;
  }
  return {};
}

Result<void> HandoverTaker::take(const EventIds& ids, std::span<TopicTable* const> tables) {
  const auto converse = [&]() -> Result<void> {
    channel_.set_deadline_in_ms(timeout_ms_);
    if (auto sent = channel_.send(type_of(HandoverFrame::ready), {}); !sent) return sent;
    HistoryImport import(tables);
    HistoryReader reader(ids, import);
    for (;;) {
      if (auto received = receive(HandoverFrame::history); !received) return received;
      if (frame_.type == type_of(HandoverFrame::end)) break;
      if (auto read = reader.read(frame_.bytes); !read) return read;
    }
    frame_.bytes = {};
    if (!reader.complete()) return fail("bad_history", "The history that came is not whole.");
    topics_ = reader.topics();
    events_ = reader.events();
    std::string used;
    for (const InheritedSocket& each : listeners_) used += each.fd < 0 ? '1' : '0';
    if (auto sent = channel_.send(type_of(HandoverFrame::taken), used); !sent) return sent;
    if (auto received = receive(HandoverFrame::go); !received) return received;
    // Whether it is heard or not: who said `go` and is gone does not serve any more.
    [[maybe_unused]] const auto told = channel_.send(type_of(HandoverFrame::serving), {});
    return {};
  };
  auto done = converse();
  if (!done) return explain(std::move(done.error()));
  return done;
}

}  // namespace ringcast
