#include "core/hub.h"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "core/shard.h"

// The sweep. Joining and leaving: hub_members.cc.

namespace ringcast {
namespace {

constexpr std::size_t kMostSpareBuffers = 256;

}  // namespace

Hub::Hub(Reactor& reactor, Fabric& fabric, Admission& admission, const HubOptions& options)
    : reactor_(reactor),
      fabric_(fabric),
      admission_(admission),
      options_(options),
      jitter_(static_cast<unsigned>(reactor.now_ns() ^ reactor.core())) {
  marked_.reserve(1024);
  spare_buffers_.reserve(kMostSpareBuffers);
  reactor_.add_hook(*this);
}

Hub::~Hub() {
  // Only after the reactor has stopped: nothing is in flight any more.
  slots_.clear();
}

void Hub::before_messages() {
  for (unsigned home = 0; home < fabric_.homes(); ++home) {
    watermarks_[home] = fabric_.watermarks[home].number.load(std::memory_order_acquire);
  }
}

bool Hub::run_turn() {
  // What is at home here was marked by the table's hook just now.
  if (TopicTable* table = fabric_.shards[reactor_.core()]->topics()) {
    watermarks_[reactor_.core()] = table->last_number();
  }
  for (TopicView* view : marked_) {
    view->marked = false;
    look_at(*view);
  }
  marked_.clear();
  announced_ = watermarks_;
  std::uint32_t budget = options_.sends_per_round;
  std::size_t merges = budget;  // one that cannot go on yet is tried once a turn
  while (budget > 0) {
    Subscriber* merge = merges > 0 ? merges_ready_.pop_front() : nullptr;
    if (merge != nullptr) {
      --merges;
      if (start(*merge)) --budget;
    }
    TopicView* view = budget > 0 ? active_.pop_front() : nullptr;
    if (view != nullptr) {
      Subscriber* next = view->ready.pop_front();
      if (next != nullptr && start(*next)) --budget;
      if (!view->ready.empty()) active_.push_back(*view);
    }
    if (merge == nullptr && view == nullptr) break;
  }
  return !active_.empty() || !merges_ready_.empty();
}

void Hub::noticed(TopicLink& link) {
  TopicView& view = view_of(link);
  if (view.retired || view.marked) return;
  view.marked = true;
  marked_.push_back(&view);
}

void Hub::activate(TopicView& view) {
  if (!view.linked() && !view.ready.empty()) active_.push_back(view);
}

void Hub::look_at(TopicView& view) {
  const bool moved = view.refresh();
  release(view);
  if (!moved) return;
  view.watchers.for_each([](TopicWatcher& watcher) { watcher.moved(); });
  view.idle.for_each([](Subscriber& subscriber) { subscriber.state = SubscriberState::ready; });
  view.ready.splice_back(view.idle);
  activate(view);
  view.members.for_each([this](MergeMember& member) {
    Merge& merge = *member.subscriber.merge;
    merge.wake(member);
    if (merge.pending() && !member.subscriber.paused()) queue(member.subscriber);
  });
}

void Hub::release(TopicView& view) {
  if (!view.release()) return;
  TopicLink& link = view.link();
  Shard& home = *fabric_.shards[fabric_.home_of(view.name())];
  if (&home.reactor() == &reactor_) {
    home.topics()->released(link);
  } else if (!link.releasing.exchange(true, std::memory_order_acq_rel)) {
    reactor_.send_to(home.reactor(), link.release);
  }
}

void Hub::queue(Subscriber& subscriber) {
  if (subscriber.state == SubscriberState::ready && subscriber.linked() &&
      subscriber.view == nullptr) {
    return;
  }
  if (subscriber.state != SubscriberState::idle && subscriber.state != SubscriberState::ready) {
    return;
  }
  subscriber.unlink();
  subscriber.state = SubscriberState::ready;
  if (subscriber.view == nullptr) {
    merges_ready_.push_back(subscriber);
  } else {
    subscriber.view->ready.push_back(subscriber);
    activate(*subscriber.view);
  }
}

void Hub::rest(Subscriber& subscriber) {
  subscriber.state = SubscriberState::idle;
  if (subscriber.view != nullptr && !subscriber.paused())
    subscriber.view->idle.push_back(subscriber);
}

// Of a subscriber without a send in flight: it stands in line if there is something to send.
void Hub::go_on(Subscriber& subscriber) {
  if (subscriber.linked()) return;
  if (subscriber.state != SubscriberState::idle && subscriber.state != SubscriberState::ready) {
    return;
  }
  if (has_more(subscriber)) {
    subscriber.state = SubscriberState::ready;
    queue(subscriber);
  } else {
    rest(subscriber);
  }
}

bool Hub::has_more(Subscriber& subscriber) {
  if (subscriber.own != nullptr || subscriber.last_words || subscriber.beat) return true;
  if (subscriber.farewell) return true;
  if (subscriber.paused()) return false;
  if (subscriber.merge) return subscriber.merge->pending();
  if (subscriber.view == nullptr) return false;
  if (subscriber.view->lost(subscriber.cursor)) return true;
  return subscriber.view->has_event(subscriber.cursor);
}

bool Hub::start(Subscriber& subscriber) {
  if (subscriber.own != nullptr) return start_own(subscriber);
  if (subscriber.last_words) {
    half_close(subscriber);
    return false;
  }
  // Whoever also speaks is asked for a sign of life however much it gets.
  if (subscriber.beat && subscriber.duplex) return start_beat(subscriber);
  if (!subscriber.paused()) {
    if (subscriber.merge ? start_merge(subscriber) : start_range(subscriber)) return true;
    if (subscriber.state != SubscriberState::ready || subscriber.linked()) return false;
    if (subscriber.own != nullptr) return start_own(subscriber);  // a gap was found
  }
  if (subscriber.farewell) {
    say_farewell(subscriber);
    return start_own(subscriber);
  }
  if (subscriber.beat) return start_beat(subscriber);
  rest(subscriber);
  return false;
}

bool Hub::start_beat(Subscriber& subscriber) {
  subscriber.beat = false;
  if (subscriber.merge && subscriber.merge->id_is_behind) {
    // Filtered events went by: an id without data moves the client on and shows it nothing.
    subscriber.merge->id_is_behind = false;
    std::string id;
    subscriber.form->append_id(id, subscriber.merge->resume_id(fabric_.ids));
    if (subscriber.duplex) id += subscriber.form->heartbeat();
    give(subscriber, id);
    return start_own(subscriber);
  }
  counters.heartbeats.add();
  subscriber.sending_beat = true;
  const std::string_view beat = subscriber.form->heartbeat();
  send(subscriber, beat.data(), static_cast<std::uint32_t>(beat.size()));
  return true;
}

bool Hub::start_own(Subscriber& subscriber) {
  subscriber.own_in_flight = std::exchange(subscriber.own, nullptr);
  send(subscriber, subscriber.own_in_flight->bytes(), subscriber.own_in_flight->size);
  return true;
}

bool Hub::start_range(Subscriber& subscriber) {
  if (subscriber.view == nullptr) return false;
  TopicView& view = *subscriber.view;
  Cursor& cursor = subscriber.cursor;
  if (view.lost(cursor)) {
    lagged(subscriber, view, cursor);
    return false;
  }
  Committed readable = view.readable(cursor);
  if (cursor.record >= readable.records) return false;
  if (subscriber.form != &event_stream_form()) {
    FormLog& log = view.in_form(*subscriber.form);
    const FormLog::Range range = log.range(cursor, readable, options_.send_bytes, now_ms());
    log.pin(*range.block);
    subscriber.block = range.block;
    subscriber.in_flight_record = range.record;
    subscriber.in_flight_number = range.number;
    send(subscriber, range.bytes, range.size);
    return true;
  }
  if (readable.bytes - cursor.offset > options_.send_bytes) {
    readable = cursor.segment->up_to(cursor.offset + options_.send_bytes, cursor.record, readable);
  }
  subscriber.in_flight_record = readable.records;
  subscriber.in_flight_number = cursor.segment->record(readable.records - 1).number;
  view.pin(cursor.serial);
  send(subscriber, cursor.segment->bytes() + cursor.offset, readable.bytes - cursor.offset);
  return true;
}

bool Hub::start_merge(Subscriber& subscriber) {
  Merge& merge = *subscriber.merge;
  if (!merge.pending()) return false;
  if (!spare_buffers_.empty()) {
    merge.buffer = std::move(spare_buffers_.back());
    spare_buffers_.pop_back();
  }
  MergeMember* lost = nullptr;
  const std::size_t events = merge.compose(merge.buffer, options_.merge_bytes, watermarks_,
                                           fabric_.ids, subscriber.form->composed(), lost);
  if (lost != nullptr) {
    lagged(subscriber, lost->view, lost->cursor, lost);
    if (subscriber.state == SubscriberState::closing) return false;
  }
  if (merge.buffer.empty()) {
    if (spare_buffers_.size() < kMostSpareBuffers)
      spare_buffers_.push_back(std::move(merge.buffer));
    merge.buffer = {};
    // Something is there, but its home has not yet said that all before it is: next turn.
    if (merge.pending() && subscriber.own == nullptr &&
        subscriber.state == SubscriberState::ready) {
      merges_ready_.push_back(subscriber);
    }
    return false;
  }
  subscriber.in_flight_record = static_cast<std::uint32_t>(events);
  send(subscriber, merge.buffer.data(), static_cast<std::uint32_t>(merge.buffer.size()));
  return true;
}

void Hub::send(Subscriber& subscriber, const char* bytes, std::uint32_t size) {
  subscriber.state = SubscriberState::sending;
  subscriber.in_flight_bytes = size;
  subscriber.last_send_ms = now_ms();
  ++subscriber.operations;
  Operation operation{.code = OpCode::send, .tag = kSendTag, .fd = subscriber.fd, .size = size};
  operation.data = const_cast<char*>(bytes);
  operation.completion = &subscriber;
  reactor_.push(operation);
  counters.sends.add();
}

void Hub::completed(Completion& completion, std::int32_t result, std::uint32_t flags,
                    unsigned tag) {
  auto& subscriber = static_cast<Subscriber&>(completion);
  Hub& hub = subscriber.hub;
  --subscriber.operations;
  switch (tag) {
    case kSendTag:
      hub.sent(subscriber, result);
      break;
    case kPollTag:
      subscriber.polling = false;
      if (subscriber.state != SubscriberState::closing) {
        hub.close(subscriber, subscriber.state == SubscriberState::ending ? subscriber.reason
                                                                          : CloseReason::client);
      }
      break;
    case kShutdownTag:
      break;
    case kReceiveTag:
      hub.received(subscriber, result, flags);
      break;
    case kCloseTag:
      hub.remove(subscriber);
      return;
    default:
      RINGCAST_CHECK(false);
  }
  if (subscriber.state == SubscriberState::closing) hub.finish_close(subscriber);
}

void Hub::sent(Subscriber& subscriber, std::int32_t result) {
  const bool whole = result == static_cast<std::int32_t>(subscriber.in_flight_bytes);
  if (result > 0) counters.send_bytes.add(static_cast<std::uint64_t>(result));
  send_ended(subscriber, whole);
  if (subscriber.state == SubscriberState::closing) return;
  if (!whole) {
    if (result != -ECANCELED) counters.send_errors.add();
    close(subscriber, CloseReason::error);
    return;
  }
  subscriber.state = SubscriberState::idle;  // and in no list yet
  if (subscriber.duplex) {
    if (StillWaiter* const waiter = std::exchange(subscriber.duplex->still, nullptr)) {
      waiter->handle.resume();
    }
    if (subscriber.own == nullptr && subscriber.duplex->input->subscriber() != nullptr) {
      subscriber.duplex->input->said();
    }
  }
  go_on(subscriber);
}

// What was in flight is no more; the cursor moves on if it got there.
void Hub::send_ended(Subscriber& subscriber, bool whole) {
  if (subscriber.own_in_flight != nullptr) {
    OwnBytes::destroy(std::exchange(subscriber.own_in_flight, nullptr));
    return;
  }
  if (subscriber.sending_beat) {
    subscriber.sending_beat = false;
    return;
  }
  if (subscriber.merge) {
    if (whole) counters.deliveries.add(subscriber.in_flight_record);
    subscriber.merge->buffer.clear();
    if (spare_buffers_.size() < kMostSpareBuffers) {
      spare_buffers_.push_back(std::move(subscriber.merge->buffer));
    }
    subscriber.merge->buffer = {};
    return;
  }
  Cursor& cursor = subscriber.cursor;
  if (subscriber.block != nullptr) {
    subscriber.view->in_form(*subscriber.form).unpin(*std::exchange(subscriber.block, nullptr));
  } else {
    subscriber.view->unpin(cursor.serial);
    if (whole) cursor.offset += subscriber.in_flight_bytes;
  }
  if (whole) {
    counters.deliveries.add(subscriber.in_flight_record - cursor.record);
    cursor.record = subscriber.in_flight_record;
    cursor.number = subscriber.in_flight_number;
  }
  if (subscriber.view->lost(cursor)) release(*subscriber.view);
}

// The last is out: ends our side, and lets the peer end its own before the close, so that nothing
// it still receives is cut off by a reset.
void Hub::half_close(Subscriber& subscriber) {
  subscriber.unlink();
  subscriber.state = SubscriberState::ending;
  subscriber.last_send_ms = now_ms();
  ++subscriber.operations;
  Operation operation{
      .code = OpCode::shutdown, .tag = kShutdownTag, .fd = subscriber.fd, .size = SHUT_WR};
  operation.completion = &subscriber;
  reactor_.push(operation);
}

void Hub::poll(Subscriber& subscriber) {
  subscriber.polling = true;
  ++subscriber.operations;
  Operation operation{
      .code = OpCode::poll, .tag = kPollTag, .fd = subscriber.fd, .size = POLLRDHUP};
  operation.completion = &subscriber;
  reactor_.push(operation);
}

void Hub::close(Subscriber& subscriber, CloseReason reason) {
  if (subscriber.state == SubscriberState::closing) return;
  subscriber.unlink();
  subscriber.state = SubscriberState::closing;
  subscriber.reason = reason;
  counters.closed[static_cast<std::size_t>(reason)].add();
  if (subscriber.duplex) close_input(subscriber);
  if (subscriber.operations > 0) {
    Operation cancel{.code = OpCode::cancel_all, .fd = subscriber.fd};
    reactor_.push(cancel);
  } else {
    finish_close(subscriber);
  }
}

void Hub::finish_close(Subscriber& subscriber) {
  if (subscriber.operations > 0) return;
  ++subscriber.operations;
  Operation operation{.code = OpCode::close, .tag = kCloseTag, .fd = subscriber.fd};
  operation.completion = &subscriber;
  reactor_.push(operation);
}

}  // namespace ringcast
