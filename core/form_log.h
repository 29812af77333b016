// A topic's log in another wire form, as one core sends it.
//
// It follows the log of the view: blocks hold the same records in the other form, made when the
// first subscriber of this core gets there, and shared by all who come after. A block covers
// consecutive records of one segment of the log; at the head it grows with the log. Its bytes never
// move, so sends in flight point into it. It goes when its segment has left the history or when
// nobody has read it for a while, but never under a send in flight.
//
// One core only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/segment.h"
#include "core/wire_form.h"

namespace ringcast {

class FormLog {
 public:
  struct Block {
    std::uint64_t serial;        // of the log's segment
    std::uint32_t first_record;  // of that segment
    std::uint32_t sends;         // in flight
    std::uint32_t used_ms;       // of the hub's clock
    bool gone;                   // its segment is; only sends in flight keep it
    Segment* bytes;              // records with the same numbers, one for each event

    std::uint32_t records() const { return bytes->committed().records; }
    std::uint32_t end_record() const { return first_record + records(); }
  };

  // What to send: everything from the cursor up to `record` of its segment.
  struct Range {
    Block* block;
    const char* bytes;
    std::uint32_t size;
    std::uint32_t record;
    std::uint64_t number;  // of the last event
  };

  FormLog(WireForm& form, std::string_view topic);
  ~FormLog();
  FormLog(const FormLog&) = delete;
  FormLog& operator=(const FormLog&) = delete;

  WireForm& form() const { return form_; }

  // At least one event, at most about `most_bytes`. There must be one: cursor.record is less than
  // readable.records, both of cursor.segment.
  Range range(const Cursor& cursor, const Committed& readable, std::uint32_t most_bytes,
              std::uint32_t now_ms);
  void pin(Block& block) { ++block.sends; }
  void unpin(Block& block);

  // The segment has left the history.
  void forget(std::uint64_t serial);
  // Lets go of what nobody has read since then.
  void trim(std::uint32_t now_ms, std::uint32_t unused_ms);
  std::uint64_t allocated_bytes() const { return allocated_; }

 private:
  Block* find(std::uint64_t serial, std::uint32_t record);
  Block& make(const Cursor& cursor, const Committed& readable, std::uint32_t most_bytes,
              bool encoded);
  // Adds what the log has behind the block; `encoded`: the first of it is encoded already. True if
  // one did not fit any more: it is encoded, and begins the next block.
  bool extend(Block& block, const Segment& log, std::uint32_t records, std::uint32_t most_bytes,
              bool encoded);
  void encode(std::string_view event);
  void destroy(std::size_t index);

  WireForm& form_;
  std::string_view topic_;
  std::vector<Block*> blocks_;
  std::uint64_t allocated_ = 0;
};

}  // namespace ringcast
