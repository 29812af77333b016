#include "core/form_log.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/check.h"

namespace ringcast {
namespace {

constexpr std::uint32_t kSmallestArea = 1024 - sizeof(Segment);
constexpr std::uint32_t kLargestArea = (256 << 10) - sizeof(Segment);

// An event in its form, before it has its place: one buffer a core, which stays as large as the
// largest event was.
std::vector<char>& scratch() {
  thread_local std::vector<char> buffer;
  return buffer;
}

std::uint32_t room_for(std::uint64_t bytes, std::uint32_t records) {
  const std::uint64_t all = bytes + std::uint64_t{records} * sizeof(Record);
  return static_cast<std::uint32_t>((all + alignof(Record) - 1) / alignof(Record) *
                                    alignof(Record));
}

}  // namespace

FormLog::FormLog(WireForm& form, std::string_view topic) : form_(form), topic_(topic) {}

FormLog::~FormLog() {
  for (Block* block : blocks_) {
    RINGCAST_CHECK(block->sends == 0);
    Segment::destroy(block->bytes);
    delete block;
  }
}

FormLog::Block* FormLog::find(std::uint64_t serial, std::uint32_t record) {
  for (std::size_t i = blocks_.size(); i-- > 0;) {  // most are at the head
    Block& block = *blocks_[i];
    if (block.gone || block.serial != serial || block.first_record > record) continue;
    if (record <= block.end_record()) return &block;
  }
  return nullptr;
}

void FormLog::encode(std::string_view event) {
  scratch().clear();
  form_.append_event(scratch(), topic_, event, {});
}

FormLog::Range FormLog::range(const Cursor& cursor, const Committed& readable,
                              std::uint32_t most_bytes, std::uint32_t now_ms) {
  Block* block = find(cursor.serial, cursor.record);
  bool encoded = false;
  if (block != nullptr && block->end_record() < readable.records) {
    encoded = extend(*block, *cursor.segment, readable.records, most_bytes, false);
  }
  if (block == nullptr || block->end_record() == cursor.record) {
    block = &make(cursor, readable, most_bytes, encoded);
  }
  block->used_ms = now_ms;
  Committed all = block->bytes->committed();
  all.records = std::min(all.records, readable.records - block->first_record);
  const std::uint32_t from = cursor.record - block->first_record;
  const std::uint32_t start = block->bytes->start_of(from);
  all.bytes = block->bytes->record(all.records - 1).end;
  if (all.bytes - start > most_bytes) all = block->bytes->up_to(start + most_bytes, from, all);
  return {block, block->bytes->bytes() + start, all.bytes - start,
          block->first_record + all.records, block->bytes->record(all.records - 1).number};
}

FormLog::Block& FormLog::make(const Cursor& cursor, const Committed& readable,
                              std::uint32_t most_bytes, bool encoded) {
  if (!encoded) encode(cursor.segment->event(cursor.record));
  // About as much as the log's segment has left: what is there, and what will come behind it.
  const std::uint64_t rest =
      cursor.segment->allocated_bytes() - cursor.segment->start_of(cursor.record);
  const auto area = std::clamp<std::uint64_t>(rest + rest / 4, kSmallestArea, kLargestArea);
  const std::uint64_t one = room_for(scratch().size(), 1);
  Segment* const bytes = Segment::create(room_for(std::max(area, one), 0), cursor.serial);
  allocated_ += bytes->allocated_bytes();
  blocks_.push_back(new Block{.serial = cursor.serial,
                              .first_record = cursor.record,
                              .sends = 0,
                              .used_ms = 0,
                              .gone = false,
                              .bytes = bytes});
  extend(*blocks_.back(), *cursor.segment, readable.records, most_bytes, true);
  RINGCAST_CHECK(blocks_.back()->records() > 0);
  return *blocks_.back();
}

bool FormLog::extend(Block& block, const Segment& log, std::uint32_t records,
                     std::uint32_t most_bytes, bool encoded) {
  std::uint64_t added = 0;
  for (std::uint32_t record = block.end_record(); record < records && added < most_bytes;
       ++record) {
    if (!encoded) encode(log.event(record));
    encoded = false;
    const auto size = static_cast<std::uint32_t>(scratch().size());
    char* const room = block.bytes->reserve(size);
    if (room == nullptr) return true;
    std::memcpy(room, scratch().data(), size);
    block.bytes->commit(size, log.record(record).number, 0);
    added += size;
  }
  return false;
}

void FormLog::unpin(Block& block) {
  RINGCAST_CHECK(block.sends > 0);
  if (--block.sends > 0 || !block.gone) return;
  destroy(static_cast<std::size_t>(std::ranges::find(blocks_, &block) - blocks_.begin()));
}

void FormLog::destroy(std::size_t index) {
  Block* const block = blocks_[index];
  allocated_ -= block->bytes->allocated_bytes();
  Segment::destroy(block->bytes);
  delete block;
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
}

void FormLog::forget(std::uint64_t serial) {
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    if (blocks_[i]->serial != serial) continue;
    if (blocks_[i]->sends > 0) {
      blocks_[i]->gone = true;
    } else {
      destroy(i);
    }
  }
}

void FormLog::trim(std::uint32_t now_ms, std::uint32_t unused_ms) {
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    const Block& block = *blocks_[i];
    if (block.sends == 0 && now_ms - block.used_ms >= unused_ms) destroy(i);
  }
}

}  // namespace ringcast
