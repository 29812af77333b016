// Subscribers that also speak: receiving, what they are told alone, and changing what they follow.
#include <algorithm>
#include <utility>

#include "core/hub.h"
#include "core/shard.h"

namespace ringcast {

void Hub::receive(Subscriber& subscriber) {
  Duplex& duplex = *subscriber.duplex;
  if (duplex.receiving || subscriber.state == SubscriberState::closing) return;
  duplex.receiving = true;
  ++subscriber.operations;
  reactor_.push(receive_operation(subscriber));
}

Operation Hub::receive_operation(Subscriber& subscriber) {
  Operation operation{.code = OpCode::recv_provided, .tag = kReceiveTag, .fd = subscriber.fd};
  operation.completion = &subscriber;
  return operation;
}

void Hub::received(Subscriber& subscriber, std::int32_t result, std::uint32_t flags) {
  Duplex& duplex = *subscriber.duplex;
  if (result == -ENOBUFS && subscriber.state != SubscriberState::closing) {
    ++subscriber.operations;  // as if it were with the kernel: it will be
    if (!duplex.waiter) duplex.waiter = std::make_unique<BufferWaiter>();
    duplex.waiter->operation = receive_operation(subscriber);
    reactor_.wait_for_buffer(*duplex.waiter);
    return;
  }
  duplex.receiving = false;
  bool more = false;
  if (result > 0 && subscriber.state != SubscriberState::closing) {
    duplex.last_heard_ms = now_ms();
    duplex.pinged = false;
    counters.received_bytes.add(static_cast<std::uint64_t>(result));
    const std::span<char> buffer = reactor_.driver().buffer(buffer_of(flags));
    more = duplex.input->received(buffer.first(static_cast<std::size_t>(result)));
  }
  if ((flags & kHasBuffer) != 0) reactor_.return_buffer(buffer_of(flags));
  if (subscriber.state == SubscriberState::closing) return;
  if (result <= 0) {
    const bool expected = subscriber.state == SubscriberState::ending;
    close(subscriber, expected ? subscriber.reason : CloseReason::client);
  } else if (more) {
    receive(subscriber);
  }
}

void Hub::say(Subscriber& subscriber, std::string_view bytes) {
  if (subscriber.last_words || subscriber.state == SubscriberState::closing) return;
  give(subscriber, bytes);
  if (subscriber.state == SubscriberState::idle) queue(subscriber);
}

std::size_t Hub::unsaid_bytes(const Subscriber& subscriber) {
  const auto size = [](const OwnBytes* own) { return own == nullptr ? 0 : own->size; };
  return std::size_t{size(subscriber.own)} + size(subscriber.own_in_flight);
}

void Hub::end(Subscriber& subscriber, std::string_view last_bytes, CloseReason reason) {
  if (subscriber.last_words || subscriber.state == SubscriberState::closing) return;
  give(subscriber, last_bytes);
  subscriber.last_words = true;
  subscriber.reason = reason;
  if (subscriber.state == SubscriberState::idle) queue(subscriber);
}

void Hub::pause(Subscriber& subscriber) {
  subscriber.duplex->paused = true;
  if (subscriber.state == SubscriberState::sending) return;
  if (subscriber.state == SubscriberState::closing) return;
  subscriber.unlink();
  go_on(subscriber);
}

void Hub::unpause(Subscriber& subscriber) {
  subscriber.duplex->paused = false;
  go_on(subscriber);
}

// Whoever waits for it, and its input, learn that it goes.
void Hub::close_input(Subscriber& subscriber) {
  Duplex& duplex = *subscriber.duplex;
  if (duplex.waiter && duplex.waiter->linked()) {
    duplex.waiter->unlink();
    --subscriber.operations;
  }
  if (StillWaiter* const waiter = std::exchange(duplex.still, nullptr)) {
    waiter->open = false;
    reactor_.ready(waiter->handle);
  }
  duplex.input->subscriber_ = nullptr;
  duplex.input->closed(subscriber.reason);
}

void Hub::become_merge(Subscriber& subscriber) {
  if (subscriber.merge) return;
  subscriber.unlink();
  subscriber.merge = std::make_unique<Merge>();
  subscriber.merge->position = announced_position();
  TopicView* const view = std::exchange(subscriber.view, nullptr);
  if (view == nullptr) return;
  const unsigned home = fabric_.home_of(view->name());
  if (!view->lost(subscriber.cursor) && view->has_event(subscriber.cursor)) {
    subscriber.merge->position.number[home] = subscriber.cursor.number;
  }
  subscriber.merge->names.push_back(view->name());
  --view->subscribers;  // it is counted again as a member
  subscriber.merge->add(subscriber, *view, subscriber.cursor);
}

void Hub::add_topics(Subscriber& subscriber, Subscription&& more, Reached reached) {
  RINGCAST_CHECK(subscriber.state != SubscriberState::sending && subscriber.duplex);
  if (!more.patterns.empty()) add_announced(more, reached.views);
  subscriber.unlink();
  if (more.plain() && subscriber.view == nullptr && subscriber.merge == nullptr) {
    join_plain(subscriber, more, *reached.views.front());
  } else {
    become_merge(subscriber);
    add_members(subscriber, more, reached);
  }
  give(subscriber, more.head);
  go_on(subscriber);
}

bool Hub::remove_topic(Subscriber& subscriber, std::string_view topic) {
  RINGCAST_CHECK(subscriber.state != SubscriberState::sending && subscriber.duplex);
  bool found = false;
  if (subscriber.merge) {
    Merge& merge = *subscriber.merge;
    const auto pattern = std::ranges::find(merge.patterns, topic);
    if (pattern != merge.patterns.end()) {
      unwatch(*pattern);
      merge.patterns.erase(pattern);
      if (merge.patterns.empty()) std::erase(merges_with_patterns_, &subscriber);
    } else if (std::ranges::find(merge.names, topic) != merge.names.end()) {
      std::erase(merge.names, topic);
    } else {
      return false;
    }
    found = true;
    for (TopicView* view : merge.unwanted()) {
      merge.remove(*view);
      leave(*view);
    }
  } else if (subscriber.view != nullptr && subscriber.view->name() == topic) {
    subscriber.unlink();
    TopicView* const view = std::exchange(subscriber.view, nullptr);
    --view->subscribers;
    leave(*view);
    subscriber.cursor = {};
    found = true;
  }
  go_on(subscriber);
  return found;
}

}  // namespace ringcast
