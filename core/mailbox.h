// Messages between cores.
//
// Who owns what: a Message is part of something its sender keeps alive (a coroutine frame, a
// topic's notice) until the receiver has run it; nothing is allocated and nothing can overflow:
// there are only as many messages as there are owners. Which core touches it: there is one Mailbox
// per ordered pair of cores. The sender collects a turn's messages in its own chain and hands them
// over with one exchange; the receiver takes all with one exchange. Messages of one sender arrive
// in the order in which they were sent.
#pragma once

#include <atomic>

namespace ringcast {

struct Message {
  using Handler = void (*)(Message&);
  explicit Message(Handler on_arrival) : handler(on_arrival) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() = default;

  Handler handler;
  Message* next = nullptr;
};

class Mailbox {
 public:
  // Sender only: puts the message into the turn's chain.
  void collect(Message& message) {
    message.next = nullptr;
    if (chain_last_ == nullptr) {
      chain_first_ = &message;
    } else {
      chain_last_->next = &message;
    }
    chain_last_ = &message;
  }

  // Sender only: hands the chain over. False if there was nothing to hand over.
  bool flush() {
    if (chain_first_ == nullptr) return false;
    // The stack holds chains in reverse order of arrival; each chain is kept whole: the head of the
    // newest points through its last message to the chain before it. The receiver untangles them.
    Message* first = chain_first_;
    Message* last = chain_last_;
    chain_first_ = chain_last_ = nullptr;
    reverse(first, last);
    Message* top = top_.load(std::memory_order_relaxed);
    do {
      first->next = top;
    } while (!top_.compare_exchange_weak(top, last, std::memory_order_release,
                                         std::memory_order_relaxed));
    return true;
  }

  // Receiver only.
  bool empty() const { return top_.load(std::memory_order_acquire) == nullptr; }

  // Receiver only: takes everything, oldest first, as a chain through `next`.
  Message* take() {
    Message* newest = top_.exchange(nullptr, std::memory_order_acquire);
    Message* oldest = nullptr;
    while (newest != nullptr) {
      Message* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

 private:
  // Turns first→…→last round, so that `last` leads the chain and `first` ends it.
  static void reverse(Message* first, Message* last) {
    Message* previous = nullptr;
    for (Message* at = first; previous != last;) {
      Message* next = at->next;
      at->next = previous;
      previous = at;
      at = next;
    }
  }

  alignas(64) std::atomic<Message*> top_{nullptr};
  alignas(64) Message* chain_first_ = nullptr;
  Message* chain_last_ = nullptr;
};

}  // namespace ringcast
