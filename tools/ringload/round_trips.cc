#include "tools/ringload/round_trips.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ringload/filling.h"

namespace ringcast::load {
namespace {

constexpr std::size_t kStartingMax = 256;

// The parts of a template before and behind {ref}, substituted.
void split(std::string_view text, const TemplateValues& values, std::string& before,
           std::string& after) {
  const std::size_t at = text.find(kRef);
  substitute(text.substr(0, at), values, before);
  substitute(text.substr(at + kRef.size()), values, after);
}

std::string session_name(const Options& options, std::uint32_t session) {
  return fmt::format("{}-{}", options.topic_prefix, session);
}

}  // namespace

RoundTrips::RoundTrips(const Options& options, const Address& address, Loop& loop,
                       Arrivals& arrivals)
    : options_(options),
      address_(address),
      arrivals_(arrivals),
      call_texts_(call_texts(options)),
      worker_texts_(worker_texts(options)),
      next_sequences_(options.publishers),
      pacer_({.options = options, .topics = 1, .ramp = options.ramp}, loop, arrivals, *this,
             [this, &loop](PublisherOwner& owner, std::uint32_t index) {
               return make(owner, loop, index);
             }) {
  for (const WorkerText& text : worker_texts_) {
    workers_.push_back(std::make_unique<Worker>(
        loop, 0, text, [this] { ++workers_ready_; },
        [this](std::string message) {
          if (worker_error_.empty()) worker_error_ = std::move(message);
        }));
  }
}

std::unique_ptr<Publisher> RoundTrips::make(PublisherOwner& owner, Loop& loop,
                                            std::uint32_t index) {
  const std::size_t ring = std::size_t{index} * loop.rings() / options_.publishers;
  return std::make_unique<Caller>(owner, loop, ring, options_, address_, arrivals_, totals_,
                                  call_texts_[index % call_texts_.size()], index,
                                  next_sequences_[index]);
}

std::vector<CallText> RoundTrips::call_texts(const Options& options) {
  const Target& target = options.target;
  const WsTarget& ws = target.ws;
  if (options.kind == Kind::echo) {
    CallText text;
    render_handshake(target, ws.echo_path, {}, text.request);
    text.after = filling(options.size - kStampBytes);
    text.opcode = options.binary ? WsOpcode::binary : WsOpcode::text;
    text.comes_back = true;
    return {text};
  }
  std::vector<CallText> texts(options.topics);
  for (std::uint32_t session = 0; session < options.topics; ++session) {
    const std::string name = session_name(options, session);
    const TemplateValues values{.event = options.event, .session = name};
    CallText& text = texts[session];
    render_handshake(target, ws.control.caller_path, values, text.request);
    split(ws.control.command, values, text.before, text.after);
    text.mark = ws.control.answer_mark;
  }
  return texts;
}

std::vector<WorkerText> RoundTrips::worker_texts(const Options& options) {
  if (options.kind == Kind::echo) return {};
  const WsControl& control = options.target.ws.control;
  std::vector<WorkerText> texts(options.topics);
  for (std::uint32_t session = 0; session < options.topics; ++session) {
    const std::string name = session_name(options, session);
    const TemplateValues values{.event = options.event, .session = name};
    WorkerText& text = texts[session];
    render_handshake(options.target, control.worker_path, values, text.request);
    substitute(control.worker_send, values, text.subscribe);
    split(control.answer, values, text.before, text.after);
    text.mark = control.command_mark;
    text.ref_mark = control.command_ref;
  }
  return texts;
}

void RoundTrips::connect(std::int64_t now_ns) {
  while (workers_started_ < workers_.size() && workers_started_ - workers_ready_ < kStartingMax) {
    workers_[workers_started_++]->start(address_);
  }
  // Not before, since what is behind the server may be needed to accept a caller.
  if (workers_ready()) pacer_.connect(now_ns);
}

Result<void> RoundTrips::check() const {
  const std::string where = options_.target.host_header();
  if (!worker_error_.empty()) {
    return fail("call_failed", fmt::format("No worker at {}: {}.", where, worker_error_));
  }
  if (pacer_.failed() != 0 && pacer_.connected() == 0) {
    return fail("call_failed", fmt::format("Cannot call {}: {}.", where, pacer_.first_error()));
  }
  return {};
}

std::uint64_t RoundTrips::failures() const {
  return pacer_.failed() + totals_.altered + totals_.foreign;
}

void RoundTrips::fill(Report& report) const {
  // What was sent on a connection that lives, and not answered by the end of the draining.
  report.lost = arrivals_.totals.missing +
                static_cast<std::uint64_t>(std::max<std::int64_t>(pacer_.outstanding(), 0));
  report.altered = totals_.altered;
  report.foreign = totals_.foreign;
  report.subscribers_ready = static_cast<std::uint32_t>(pacer_.connected());
}

void RoundTrips::warn(Report& report) const {
  if (pacer_.failed() != 0) {
    report.warn("{} of {} connections failed: {}", pacer_.failed(), size(), pacer_.first_error());
  }
  if (!worker_error_.empty()) report.warn("a worker was cut off: {}", worker_error_);
  if (totals_.foreign != 0) {
    report.warn("{} messages were no answers, the first: {}", totals_.foreign,
                totals_.first_foreign);
  }
}

}  // namespace ringcast::load
