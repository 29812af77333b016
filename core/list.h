// An intrusive doubly linked list: membership costs two pointers in the member and no allocation.
// A member unlinks itself when destroyed. One core only.
#pragma once

#include "core/check.h"

namespace ringcast {

struct ListHook {
  ListHook* prev = this;
  ListHook* next = this;

  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  bool linked() const { return next != this; }
  void unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
};

// T derives from ListHook (or from a Tag type that does, to be in several lists at once).
template <class T, class Hook = ListHook>
class List {
 public:
  bool empty() const { return !root_.linked(); }
  T* front() { return empty() ? nullptr : static_cast<T*>(static_cast<Hook*>(root_.next)); }

  void push_back(T& item) {
    auto& hook = static_cast<Hook&>(item);
    RINGCAST_CHECK(!hook.linked());
    hook.prev = root_.prev;
    hook.next = &root_;
    root_.prev->next = &hook;
    root_.prev = &hook;
  }

  T* pop_front() {
    T* item = front();
    if (item != nullptr) static_cast<Hook*>(item)->unlink();
    return item;
  }

  // Moves all members of `other` behind the last of this list, in constant time.
  void splice_back(List& other) {
    if (other.empty()) return;
    ListHook* first = other.root_.next;
    ListHook* last = other.root_.prev;
    other.root_.prev = other.root_.next = &other.root_;
    first->prev = root_.prev;
    root_.prev->next = first;
    last->next = &root_;
    root_.prev = last;
  }

  // Visits all members; the visited one may unlink itself.
  template <class F>
  void for_each(F&& visit) {
    for (ListHook* hook = root_.next; hook != &root_;) {
      ListHook* next = hook->next;
      visit(*static_cast<T*>(static_cast<Hook*>(hook)));
      hook = next;
    }
  }

 private:
  ListHook root_;
};

}  // namespace ringcast
