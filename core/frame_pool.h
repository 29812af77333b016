// Per-core free lists for coroutine frames and other short-lived blocks.
//
// Who owns what: every thread has its own lists; a block must be freed on the thread that allocated
// it, which holds because coroutines never leave their core. Sizes go in 64-byte steps up to 4 KiB;
// larger blocks go to the allocator. Under AddressSanitizer all blocks do, so that it sees their
// ends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringcast {

class FramePool {
 public:
  static void* allocate(std::size_t bytes);
  static void release(void* block, std::size_t bytes) noexcept;

  // Blocks that had to be fetched from the allocator on this thread: constant once warm.
  static std::uint64_t misses();
};

}  // namespace ringcast
