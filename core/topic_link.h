// The link between a topic on its home core and one core that reads it.
//
// Who owns what: the home core creates and destroys the link; both sides keep a pointer to it while
// it exists. Each field names its writer.
//   home → reader: `notice` says that the head or the tail moved; while one is under way, further
//     moves need none (`noticed`). The reader clears the flag before it looks.
//   reader → home: `release` says that the reader is past the segments below `released_serial`, or
//     has let go of one that it held (core/segment.h).
// The end: the reader, with no subscriber and no send in flight, asks the home to detach; the home
// takes the link out, answers, and nobody touches it again.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/mailbox.h"
#include "core/segment.h"

namespace ringcast {

class Topic;
class TopicView;

struct TopicLink {
  TopicLink(Topic& of, unsigned core, Message::Handler on_notice, Message::Handler on_release)
      : topic(of), reader_core(core), notice(on_notice, *this), release(on_release, *this) {}

  struct LinkMessage : Message {
    LinkMessage(Handler on_arrival, TopicLink& of) : Message(on_arrival), link(of) {}
    TopicLink& link;
  };

  Topic& topic;  // home's
  const unsigned reader_core;
  TopicView* view = nullptr;  // reader's, set by it before the home first sends a notice
  Segment* oldest = nullptr;  // written by home before the link is handed over
  std::atomic<bool> noticed{false};
  std::atomic<bool> releasing{false};
  std::atomic<std::uint64_t> oldest_serial{0};    // home: segments below are out of the history
  std::atomic<std::uint64_t> released_serial{0};  // reader: segments below are past, or held
  std::atomic<std::uint32_t> subscribers{0};      // reader: for the statistics
  LinkMessage notice;
  LinkMessage release;
};

}  // namespace ringcast
