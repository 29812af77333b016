// A topic as one core reads it: where its log begins and ends, and who on this core follows it.
//
// Subscribers that have everything are all at the same place, so they stand in one list, `idle`.
// When the head moves, the whole list becomes `ready` in constant time; the sweep takes subscribers
// from there. A subscriber with a send in flight stands in neither. Sends in flight pin their
// segment; the home core is told what this core no longer uses.
//
// One core only; it reads the home's segments and the atomics of the topic and the link.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/form_log.h"
#include "core/list.h"
#include "core/segment.h"
#include "core/topic.h"
#include "core/topic_link.h"

namespace ringcast {

class Subscriber;
struct MergeMember;
struct MemberHook : ListHook {};

// Someone inside of the program who is told when a topic has moved (core/topic_reader.h).
class TopicWatcher : public ListHook {
 public:
  virtual void moved() = 0;

 protected:
  ~TopicWatcher() = default;
};

class TopicView : public ListHook {
 public:
  explicit TopicView(TopicLink& link);

  const Topic& topic() const { return link_.topic; }
  const std::string& name() const { return link_.topic.name(); }
  TopicLink& link() { return link_; }

  // Looks at what the home has done: advances head and tail. True if the head moved since this was
  // asked last, even if head() or after() has seen it in between.
  bool refresh();

  Cursor head();
  Cursor earliest() { return after(link_.topic.evicted_number()); }  // an id may name its place
  Cursor after(std::uint64_t number);  // before the first event with a greater number
  // Likewise, but lost if some of these events are gone already.
  Cursor follow(std::uint64_t number);
  // Events that the cursor has not passed are gone.
  bool lost(const Cursor& cursor) const {
    return cursor.serial < oldest_->serial() && cursor.number < gone_number_;
  }
  // Of a cursor that is not lost: moves it on to the next segment where its own is done with, and
  // tells what is readable there.
  Committed readable(Cursor& cursor) const;
  // Moves likewise; true if there is an event to read.
  bool has_event(Cursor& cursor) const {
    const Committed here = readable(cursor);  // first: it moves the cursor
    return cursor.record < here.records;
  }

  void pin(std::uint64_t serial);
  void unpin(std::uint64_t serial);
  // Tells the home what this core is past; true if a message to the home is due.
  bool release();

  // The log in another form; made when it is asked for first, and kept until trim_forms().
  FormLog& in_form(WireForm& form);
  // Lets go of what nobody reads; returns what is still allocated.
  std::uint64_t trim_forms(std::uint32_t now_ms, std::uint32_t unused_ms);

  List<Subscriber> idle;
  List<Subscriber> ready;
  List<MergeMember, MemberHook> members;
  List<TopicWatcher> watchers;
  std::uint32_t subscribers = 0;  // plain ones and members
  std::uint32_t holds = 0;        // coroutines between finding the view and joining it
  std::int64_t unused_since_ns = 0;
  bool marked = false;   // stands in the hub's list of views to look at
  bool retired = false;  // leaves as soon as the home answers

 private:
  struct Pin {
    std::uint64_t serial;
    std::uint32_t sends;
    Segment* held;  // once this core is past the segment
  };

  void advance();
  void leave(Segment& segment);

  TopicLink& link_;
  Segment* oldest_;  // the first that the home still has for us
  Segment* newest_;
  Committed seen_;
  bool moved_ = false;             // and refresh() has not told yet
  std::uint64_t newest_number_;    // the last that was seen committed
  std::uint64_t gone_number_ = 0;  // the last in the segments that are gone
  std::vector<Pin> pins_;
  std::vector<std::unique_ptr<FormLog>> forms_;
  bool let_go_ = false;  // of a held segment, and release() has not told yet
};

}  // namespace ringcast
