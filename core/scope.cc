#include "core/scope.h"

#include "core/reactor.h"

namespace ringcast {

Task<void> Scope::child(Scope* scope, Task<void> task) {
  co_await std::move(task);
  if (--scope->children_ == 0 && scope->joiner_) {
    scope->reactor_.ready(std::exchange(scope->joiner_, {}));
  }
}

void Scope::spawn(Task<void> task) {
  ++children_;
  reactor_.spawn(child(this, std::move(task)));
}

void Scope::cancel() {
  cancelled_ = true;
  // Each handler only asks; the coroutines resume in later turns, so the list is safe to empty.
  while (Cancellable* waiting = waiting_.pop_front()) waiting->cancel(*waiting);
}

}  // namespace ringcast
