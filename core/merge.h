// A composed subscription: several topics, patterns, or a filter by event type, on one connection.
//
// Its events are picked one by one in the order of their numbers per home core, and copied into one
// buffer for one send. Every event carries the position in all topics as its id, so a connection
// that breaks anywhere resumes exactly. To make that true, an event is only taken when everything
// its home core numbered before it is known here (the home's watermark).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/event_id.h"
#include "core/subscriber.h"
#include "core/topic_view.h"
#include "core/wire_form.h"

namespace ringcast {

struct MergeMember : MemberHook {
  MergeMember(Subscriber& of, TopicView& in, const Cursor& at)
      : subscriber(of), view(in), cursor(at) {}
  Subscriber& subscriber;
  TopicView& view;
  Cursor cursor;
  std::uint64_t next_number = 0;  // while it stands in the heap
  bool pending = false;           // stands in the heap
};

class Merge {
 public:
  std::vector<std::string> patterns;
  std::vector<std::string> types;  // empty: all
  std::vector<std::string> names;  // of topics asked for by name
  std::string subscriber_name;     // events that except it are left out
  Position position;               // everything up to here is delivered, or was not wanted

  MergeMember& add(Subscriber& subscriber, TopicView& view, const Cursor& at);
  void remove(const TopicView& view);
  // Members that neither a name nor a pattern asks for any more.
  std::vector<TopicView*> unwanted() const;
  std::span<const std::unique_ptr<MergeMember>> members() const { return members_; }
  bool has(const TopicView& view) const;
  bool matches(std::string_view topic) const;

  // The member's topic has something new.
  void wake(MergeMember& member);
  bool pending() const { return !heap_.empty(); }

  // Appends events, up to about `most_bytes`, to `out`, and moves the position. Members whose
  // cursor fell out of the history are put into `lost` instead, at most one a call. Returns the
  // events.
  std::size_t compose(std::vector<char>& out, std::size_t most_bytes,
                      std::span<const std::uint64_t> watermarks, const EventIds& ids,
                      WireForm& form, MergeMember*& lost);

  // Moves the position on to where this home's next event comes, at most to its watermark: what
  // lies between is gone, and need not be told again.
  void skip_gone(unsigned home, std::uint64_t watermark, const EventIds& ids);

  // The id of the current position.
  std::string resume_id(const EventIds& ids) const { return ids.text(position); }
  bool id_is_behind = false;  // the position moved without an event that told the client

  // What is in flight; on loan from the hub while it is.
  std::vector<char> buffer;

 private:
  bool wants(std::string_view event) const;
  void write(std::vector<char>& out, const MergeMember& member, std::string_view event,
             const EventIds& ids, WireForm& form) const;
  void push(MergeMember& member);
  MergeMember& pop();

  std::vector<std::unique_ptr<MergeMember>> members_;
  std::vector<MergeMember*> heap_;      // by next_number, smallest first
  std::vector<MergeMember*> deferred_;  // above their home's watermark
};

// What a subscriber follows, topics and patterns.
template <class Visit>
void for_each_name(const Subscriber& subscriber, Visit visit) {
  if (subscriber.view != nullptr) visit(std::string_view(subscriber.view->name()));
  if (!subscriber.merge) return;
  for (const std::string& name : subscriber.merge->names) visit(std::string_view(name));
  for (const std::string& pattern : subscriber.merge->patterns) visit(std::string_view(pattern));
}

}  // namespace ringcast
