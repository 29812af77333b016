#include "core/topic_reader.h"

namespace ringcast {

TopicReader::~TopicReader() {
  RINGCAST_CHECK(waiting_ == nullptr);
  if (view_ != nullptr) --view_->holds;
}

Task<Result<void>> TopicReader::open(std::string topic) {
  RINGCAST_CHECK(view_ == nullptr);
  auto view = co_await shard_.follow(topic);
  if (!view) co_return std::unexpected(std::move(view.error()));
  view_ = *view;
  ++view_->holds;
  view_->watchers.push_back(*this);
  cursor_ = view_->head();
  co_return Result<void>{};
}

void TopicReader::seek_earliest() { cursor_ = view_->earliest(); }

void TopicReader::seek_after(std::uint64_t number) { cursor_ = view_->after(number); }

void TopicReader::seek_last(std::uint64_t count) {
  // Events of the log are numbered by their home, not by their topic: they have to be counted.
  cursor_ = view_->earliest();
  std::uint64_t events = 0;
  for (Cursor at = cursor_; view_->has_event(at); ++events) ++at.record;
  for (; events > count && view_->has_event(cursor_); --events) ++cursor_.record;
}

std::optional<TopicReader::Event> TopicReader::next() {
  if (view_->lost(cursor_)) {
    ++gaps_;
    cursor_ = view_->earliest();
  }
  if (!view_->has_event(cursor_)) return std::nullopt;
  const std::uint64_t number = cursor_.segment->record(cursor_.record).number;
  const std::string_view event = cursor_.segment->event(cursor_.record);
  ++cursor_.record;
  cursor_.number = number;
  // What the history's bounds have taken out may still lie in the segment.
  if (number <= view_->topic().evicted_number()) return next();
  return Event{.number = number, .parts = parse_event(event)};
}

void TopicReader::moved() {
  if (waiting_ != nullptr) waiting_->resume(true);
}

void TopicReader::Wait::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  reader_.waiting_ = this;
  scope_.add(*this);
  if (until_ns_ >= 0) scope_.reactor().timers().arm(*this, until_ns_);
}

void TopicReader::Wait::resume(bool more) {
  more_ = more;
  reader_.waiting_ = nullptr;
  static_cast<Cancellable&>(*this).unlink();
  TimerWheel::disarm(*this);
  scope_.reactor().ready(handle_);
}

void TopicReader::Wait::stop(Cancellable& waiting) { static_cast<Wait&>(waiting).resume(false); }

void TopicReader::Wait::expire(Timer& timer) { static_cast<Wait&>(timer).resume(false); }

}  // namespace ringcast
