// Where the access file and the key set come from: read at the start and at each reload; a
// provider's key set is asked for again and again by a thread of its own, so that keys may rotate.
//
// Who owns what: the server owns the source. The thread that handles signals reads and adopts; the
// source's own thread, which runs while the server does, renews what was adopted and says so.
// current() is what came last of both, whichever was told first.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/result.h"
#include "protocol/auth/authenticator.h"
#include "protocol/auth/key_set_fetch.h"

namespace ringcast {

class AccessSource {
 public:
  using Changed = std::function<void()>;

  AccessSource() = default;
  ~AccessSource() { stop(); }
  AccessSource(const AccessSource&) = delete;
  AccessSource& operator=(const AccessSource&) = delete;

  // The access file as it is now, with the keys that are known; null without one (`path` is empty).
  // A provider that does not answer is no error: its keys come when it does. Nothing else changes.
  // Errors: bad_access_file, bad_key_set.
  Result<std::shared_ptr<const Access>> read(const std::string& path) const;
  // That is what holds now, and whose keys are renewed.
  void adopt(std::shared_ptr<const Access> access);
  std::shared_ptr<const Access> current() const;

  // A token names a key that is not known: the provider may have a new one. Any thread; asked at
  // most every five seconds, whoever sends such tokens.
  void want_keys();

  // From now on `changed` is told when there are new keys, by the source's own thread.
  void start(Changed changed);
  // Does not wait for a provider.
  void stop();

 private:
  void run();
  void refresh();

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::shared_ptr<const Access> access_;
  Changed changed_;
  KeySetFetch provider_;
  bool ended_ = false;
  bool asked_ = false;   // to look at once
  bool wanted_ = false;  // to look soon
  std::thread thread_;
};

}  // namespace ringcast
