#include "core/merge.h"

#include <algorithm>
#include <array>

#include "core/event_stream.h"
#include "core/topic_name.h"

namespace ringcast {
namespace {

bool later(const MergeMember* a, const MergeMember* b) { return a->next_number > b->next_number; }

}  // namespace

MergeMember& Merge::add(Subscriber& subscriber, TopicView& view, const Cursor& at) {
  members_.push_back(std::make_unique<MergeMember>(subscriber, view, at));
  heap_.reserve(members_.size());
  deferred_.reserve(members_.size());
  MergeMember& member = *members_.back();
  view.members.push_back(member);
  ++view.subscribers;
  wake(member);
  return member;
}

void Merge::remove(const TopicView& view) {
  const auto found =
      std::ranges::find_if(members_, [&](const auto& member) { return &member->view == &view; });
  if (found == members_.end()) return;
  if ((*found)->pending) {
    std::erase(heap_, found->get());
    std::ranges::make_heap(heap_, later);
  }
  --(*found)->view.subscribers;
  members_.erase(found);
}

std::vector<TopicView*> Merge::unwanted() const {
  std::vector<TopicView*> views;
  for (const auto& member : members_) {
    const std::string& name = member->view.name();
    if (std::ranges::find(names, name) == names.end() && !matches(name)) {
      views.push_back(&member->view);
    }
  }
  return views;
}

bool Merge::has(const TopicView& view) const {
  return std::ranges::any_of(members_, [&](const auto& member) { return &member->view == &view; });
}

bool Merge::matches(std::string_view topic) const {
  return std::ranges::any_of(patterns,
                             [&](const auto& pattern) { return topic_matches(pattern, topic); });
}

void Merge::wake(MergeMember& member) {
  if (!member.pending) push(member);
}

void Merge::skip_gone(unsigned home, std::uint64_t watermark, const EventIds& ids) {
  std::uint64_t before = watermark;
  for (const MergeMember* member : heap_) {
    if (member->next_number == 0) return;  // lost something too: that is told next
    if (ids.home_of(member->next_number) != home) continue;
    before = std::min(before, member->next_number - ids.homes());
  }
  position.number[home] = std::max(position.number[home], before);
}

void Merge::push(MergeMember& member) {
  if (member.view.lost(member.cursor)) {
    member.next_number = 0;  // first in line: its gap is told before anything else
  } else {
    const Committed readable = member.view.readable(member.cursor);
    if (member.cursor.record >= readable.records) return;
    member.next_number = member.cursor.segment->record(member.cursor.record).number;
  }
  member.pending = true;
  heap_.push_back(&member);
  std::ranges::push_heap(heap_, later);
}

MergeMember& Merge::pop() {
  std::ranges::pop_heap(heap_, later);
  MergeMember& member = *heap_.back();
  heap_.pop_back();
  member.pending = false;
  return member;
}

bool Merge::wants(std::string_view event) const {
  if (!subscriber_name.empty() && parse_event(event).except == subscriber_name) return false;
  if (types.empty()) return true;
  std::string_view type = written_type(event);
  if (type.empty()) type = "message";
  return std::ranges::find(types, type) != types.end();
}

void Merge::write(std::vector<char>& out, const MergeMember& member, std::string_view event,
                  const EventIds& ids, WireForm& form) const {
  // One that joined later and still catches up says where it is itself; the position is ahead.
  const bool behind = member.next_number < position.number[ids.home_of(member.next_number)];
  std::array<char, 256> id;
  std::string_view resume;
  if ((members_.size() > 1 || !patterns.empty()) && !behind) {
    resume = {id.data(), static_cast<std::size_t>(ids.write(id.data(), position) - id.data())};
  }
  form.append_event(out, member.view.name(), event, resume);
}

std::size_t Merge::compose(std::vector<char>& out, std::size_t most_bytes,
                           std::span<const std::uint64_t> watermarks, const EventIds& ids,
                           WireForm& form, MergeMember*& lost) {
  std::size_t events = 0;
  lost = nullptr;
  while (!heap_.empty() && out.size() < most_bytes) {
    MergeMember& member = pop();
    if (member.view.lost(member.cursor)) {
      lost = &member;
      break;
    }
    const unsigned home = ids.home_of(member.next_number);
    if (member.next_number > watermarks[home]) {
      deferred_.push_back(&member);
      continue;
    }
    const std::string_view event = member.cursor.segment->event(member.cursor.record);
    position.number[home] = std::max(position.number[home], member.next_number);
    if (wants(event)) {
      write(out, member, event, ids, form);
      id_is_behind = false;
      ++events;
    } else {
      id_is_behind = true;
    }
    member.cursor.number = member.next_number;
    ++member.cursor.record;
    member.cursor.offset = member.cursor.segment->record(member.cursor.record - 1).end;
    push(member);
  }
  for (MergeMember* member : deferred_) push(*member);
  deferred_.clear();
  return events;
}

}  // namespace ringcast
