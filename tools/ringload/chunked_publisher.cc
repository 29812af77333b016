#include "tools/ringload/chunked_publisher.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ringload/ramp.h"
#include "tools/ringload/schedule.h"

namespace ringcast::load {
namespace {

constexpr std::size_t kOpeningMax = 64;  // of a publisher's bodies at a time

}  // namespace

std::size_t chunked_connections(const Options& options) {
  return options.publishers * Schedule(options.publishers, options.topics).round();
}

ChunkedPublisher::ChunkedPublisher(PublisherOwner& owner, Loop& loop, std::size_t ring,
                                   const Options& options, const Address& address,
                                   std::uint32_t index)
    : Publisher(owner, options, index) {
  const Schedule schedule(options.publishers, options.topics);
  bodies_.reserve(schedule.round());
  for (std::uint64_t number = 0; number < schedule.round(); ++number) {
    const std::string topic =
        fmt::format("{}.{}", options.topic_prefix, schedule.topic(index, number));
    bodies_.push_back(std::make_unique<LineBody>(*this, loop, ring, options, address, topic));
  }
  touched_.reserve(options.pipeline);
}

void ChunkedPublisher::start(const SocketOptions&) {
  while (started_ < bodies_.size() && started_ < kOpeningMax && !failed_) open_next();
}

void ChunkedPublisher::open_next() {
  const std::size_t number = index() * bodies_.size() + started_;
  LineBody& body = *bodies_[started_++];
  body.start({.source = Ramp::source_of(number, options().sources)});
}

void ChunkedPublisher::on_body_open() {
  ++opened_;
  if (started_ < bodies_.size()) return open_next();
  if (opened_ < bodies_.size()) return;
  ready_ = true;
  owner().on_free(*this);
}

void ChunkedPublisher::publish(std::string_view, const StampCodec& codec, const Stamp& stamp) {
  LineBody& body = *bodies_[published_++ % bodies_.size()];
  body.append(codec, stamp);
  ++unsent_;
  touched_.push_back(&body);
}

void ChunkedPublisher::flush() {
  for (LineBody* const body : touched_) body->flush();
  touched_.clear();
}

void ChunkedPublisher::on_lines_sent(std::uint32_t lines) {
  unsent_ -= lines;
  for (; lines > 0; --lines) owner().on_answer(*this, -1);
  if (free()) owner().on_free(*this);
}

bool ChunkedPublisher::finish() {
  if (!ready_) return false;
  for (const auto& body : bodies_) body->finish();
  return true;
}

void ChunkedPublisher::on_body_answered() {
  if (++answered_bodies_ < bodies_.size()) return;
  count_confirmed();
  owner().on_finished(*this);
}

// The first event that is not confirmed is that of the body which comes first in turn.
void ChunkedPublisher::count_confirmed() {
  std::uint64_t least = published_;
  for (std::size_t turn = 0; turn < bodies_.size(); ++turn) {
    least = std::min(least, turn + bodies_[turn]->confirmed() * bodies_.size());
  }
  confirm(least);
}

void ChunkedPublisher::on_body_failed(std::string message) {
  if (failed_) return;
  failed_ = true;
  ready_ = false;
  count_confirmed();
  for (const auto& body : bodies_) body->abandon();
  owner().on_failed(*this, std::move(message));
}

}  // namespace ringcast::load
