#include "core/topic_view.h"

#include <algorithm>
#include <utility>

namespace ringcast {

TopicView::TopicView(TopicLink& link)
    : link_(link),
      oldest_(link.oldest),
      newest_(link.oldest),
      newest_number_(link.topic.evicted_number()) {
  pins_.reserve(4);
  link.view = this;
  refresh();
}

bool TopicView::refresh() {
  advance();
  return std::exchange(moved_, false);
}

void TopicView::advance() {
  const std::uint64_t kept = link_.oldest_serial.load(std::memory_order_acquire);
  while (oldest_->serial() < kept) {
    const Committed all = oldest_->committed();
    if (all.records > 0) gone_number_ = oldest_->record(all.records - 1).number;
    Segment& gone = *std::exchange(oldest_, oldest_->next());
    leave(gone);
  }
  const Segment* const was = newest_;
  if (newest_->serial() < oldest_->serial()) newest_ = oldest_;
  const auto note = [this](const Committed& in) {
    if (in.records > 0) newest_number_ = newest_->record(in.records - 1).number;
  };
  while (Segment* next = newest_->next()) {
    note(newest_->committed());
    newest_ = next;
  }
  const Committed now = newest_->committed();
  note(now);
  moved_ |= newest_ != was || now.records != seen_.records;
  seen_ = now;
}

// Sends in flight keep the bytes, which must not keep all that came after them.
void TopicView::leave(Segment& segment) {
  for (const auto& log : forms_) log->forget(segment.serial());
  for (Pin& pin : pins_) {
    if (pin.serial != segment.serial()) continue;
    segment.hold();
    pin.held = &segment;
  }
}

Cursor TopicView::head() {
  advance();
  return {newest_, newest_->serial(), seen_.records, seen_.bytes, newest_number_};
}

Cursor TopicView::after(std::uint64_t number) {
  advance();
  for (Segment* segment = oldest_;; segment = segment->next()) {
    const Segment* const next = segment->next();  // before `committed`: then that is final
    const Committed readable = segment->committed();
    const bool here = readable.records > 0 && segment->record(readable.records - 1).number > number;
    if (here || next == nullptr) {
      const std::uint32_t record = segment->first_after(number, readable.records);
      return {segment, segment->serial(), record, segment->start_of(record), number};
    }
  }
}

Cursor TopicView::follow(std::uint64_t number) {
  const Cursor cursor = after(number);
  if (number >= gone_number_) return cursor;
  return {nullptr, 0, 0, 0, number};
}

Committed TopicView::readable(Cursor& cursor) const {
  if (cursor.serial < oldest_->serial()) {
    cursor = {oldest_, oldest_->serial(), 0, 0, cursor.number};
  }
  for (;;) {
    Segment* const next = cursor.segment->next();
    const Committed readable = cursor.segment->committed();
    if (cursor.record < readable.records || next == nullptr) return readable;
    cursor = {next, next->serial(), 0, 0, cursor.number};
  }
}

void TopicView::pin(std::uint64_t serial) {
  for (Pin& pin : pins_) {
    if (pin.serial == serial) {
      ++pin.sends;
      return;
    }
  }
  pins_.push_back({.serial = serial, .sends = 1, .held = nullptr});
}

void TopicView::unpin(std::uint64_t serial) {
  for (Pin& pin : pins_) {
    if (pin.serial != serial) continue;
    if (--pin.sends == 0) {
      if (pin.held != nullptr) {
        pin.held->let_go();
        let_go_ = true;
      }
      pin = pins_.back();
      pins_.pop_back();
    }
    return;
  }
  RINGCAST_CHECK(false);
}

FormLog& TopicView::in_form(WireForm& form) {
  for (const auto& log : forms_) {
    if (&log->form() == &form) return *log;
  }
  forms_.push_back(std::make_unique<FormLog>(form, name()));
  return *forms_.back();
}

std::uint64_t TopicView::trim_forms(std::uint32_t now_ms, std::uint32_t unused_ms) {
  std::uint64_t allocated = 0;
  for (const auto& log : forms_) {
    log->trim(now_ms, unused_ms);
    allocated += log->allocated_bytes();
  }
  return allocated;
}

bool TopicView::release() {
  const bool let_go = std::exchange(let_go_, false);
  const std::uint64_t past = oldest_->serial();
  if (link_.released_serial.load(std::memory_order_relaxed) == past) return let_go;
  link_.released_serial.store(past, std::memory_order_release);
  return true;
}

}  // namespace ringcast
