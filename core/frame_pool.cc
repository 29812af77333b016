#include "core/frame_pool.h"

#include <array>
#include <new>

namespace ringcast {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kLargest = 4096;
constexpr std::size_t kClasses = kLargest / kStep;
// Bounds what a burst leaves behind on a core: 4096 blocks of a class.
[[maybe_unused]] constexpr std::uint32_t kKeptPerClass = 4096;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RINGCAST_NO_POOL 1
#endif
#endif

struct Block {
  Block* next;
};

struct Lists {
  std::array<Block*, kClasses> heads{};
  std::array<std::uint32_t, kClasses> counts{};
  std::uint64_t misses = 0;

  ~Lists() {
    for (Block* head : heads) {
      while (head != nullptr) {
        Block* next = head->next;
        ::operator delete(head);
        head = next;
      }
    }
  }
};

thread_local Lists lists;

[[maybe_unused]] constexpr std::size_t class_of(std::size_t bytes) {
  return (bytes + kStep - 1) / kStep - 1;
}

}  // namespace

void* FramePool::allocate(std::size_t bytes) {
#ifndef RINGCAST_NO_POOL
  if (bytes <= kLargest && bytes > 0) {
    const std::size_t index = class_of(bytes);
    if (Block* block = lists.heads[index]) {
      lists.heads[index] = block->next;
      --lists.counts[index];
      return block;
    }
    ++lists.misses;
    return ::operator new((index + 1) * kStep);
  }
#endif
  ++lists.misses;
  return ::operator new(bytes);
}

void FramePool::release(void* block, [[maybe_unused]] std::size_t bytes) noexcept {
#ifndef RINGCAST_NO_POOL
  if (bytes <= kLargest && bytes > 0) {
    const std::size_t index = class_of(bytes);
    if (lists.counts[index] < kKeptPerClass) {
      auto* freed = static_cast<Block*>(block);
      freed->next = lists.heads[index];
      lists.heads[index] = freed;
      ++lists.counts[index];
      return;
    }
  }
#endif
  ::operator delete(block);
}

std::uint64_t FramePool::misses() { return lists.misses; }

}  // namespace ringcast
