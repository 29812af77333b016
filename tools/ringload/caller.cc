#include "tools/ringload/caller.h"

namespace ringcast::load {
namespace {

constexpr std::size_t kShownBytes = 200;

}  // namespace

Caller::Caller(PublisherOwner& owner, Loop& loop, std::size_t ring, const Options& options,
               const Address& address, Arrivals& arrivals, CallTotals& totals, const CallText& text,
               std::uint32_t index, std::uint32_t& next)
    : Publisher(owner, options, index),
      WsConnection(loop, ring),
      address_(address),
      arrivals_(arrivals),
      totals_(totals),
      text_(text),
      frame_(text.before, text.after, text.opcode, mask()),
      gathers_(options.pipeline > 1 && options.pipeline <= kGatheredMax &&
               frame_.tail().size() >= kLargeBytes),
      checker_(std::span(&next, 1)) {}

void Caller::publish(std::string_view, const StampCodec& codec, const Stamp& stamp) {
  sent_at_.push_back(loop().now_ns());
  const std::string_view frame = frame_.with(codec, stamp);
  if (options().pipeline == 1) {
    send_frame(frame);
  } else if (gathers_) {
    fronts_ += frame.substr(0, frame_.head_bytes());
  } else {
    append_frame(frame);
  }
}

void Caller::flush() { gathers_ ? send_gathered() : WsConnection::flush(); }

void Caller::send_gathered() {
  if (sending() || fronts_.empty() || !is_open()) return;
  fronts_under_way_.swap(fronts_);
  fronts_.clear();
  parts_.clear();
  const std::string_view tail = frame_.tail();
  for (std::size_t at = 0; at < fronts_under_way_.size(); at += frame_.head_bytes()) {
    parts_.push_back({fronts_under_way_.data() + at, frame_.head_bytes()});
    parts_.push_back({const_cast<char*>(tail.data()), tail.size()});
  }
  message_.msg_iov = parts_.data();
  message_.msg_iovlen = parts_.size();
  send_frames(message_);
}

void Caller::on_data(const WsMessage& message) {
  Stamp stamp;
  if (!stamps_.find(arrivals_.codec, message.payload, stamp)) {
    // A server of commands has other things to say, too.
    if (text_.comes_back) take_foreign(message.payload);
    return;
  }
  if (stamp.publisher != index() || !message.payload.contains(text_.mark)) {
    return take_foreign(message.payload);
  }
  if (text_.comes_back && !is_whole(message)) ++totals_.altered;
  const std::uint64_t before = arrivals_.totals.delivered;
  checker_.take(0, stamp.sequence, arrivals_.totals);
  if (arrivals_.totals.delivered == before || sent_at_.empty()) return;
  arrivals_.record(stamp.intended_ns);
  take_answer(arrived_ns());
  if (free()) owner().on_free(*this);
}

void Caller::on_written() {
  flush();
  if (free()) owner().on_free(*this);
}

void Caller::take_foreign(std::string_view text) {
  if (totals_.foreign++ == 0) totals_.first_foreign = text.substr(0, kShownBytes);
}

bool Caller::is_whole(const WsMessage& message) const {
  const std::string_view payload = message.payload;
  return message.opcode == text_.opcode &&
         payload.size() == text_.before.size() + kStampBytes + text_.after.size() &&
         payload.starts_with(text_.before) && payload.ends_with(text_.after);
}

}  // namespace ringcast::load
