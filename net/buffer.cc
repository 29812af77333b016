#include "net/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace ringcast {
namespace {

// Blocks of one size that are free. Their number bounds what a burst leaves behind on a core.
struct Spare {
  std::vector<char*> blocks;
  explicit Spare(std::size_t most) { blocks.reserve(most); }
  ~Spare() {
    for (char* block : blocks) ::operator delete(block);
  }
  bool full() const { return blocks.size() == blocks.capacity(); }
};

thread_local Spare spare_usual(1024);  // 16 MiB
thread_local Spare spare_large(128);   // 8 MiB
thread_local std::size_t held = 0;
thread_local std::size_t most_held = 0;

// Null for sizes that come from the allocator.
Spare* spare_of(std::size_t capacity) {
  if (capacity == Buffer::kUsual) return &spare_usual;
  return capacity == Buffer::kLarge ? &spare_large : nullptr;
}

char* allocate(std::size_t capacity) {
  held += capacity;
  Spare* const spare = spare_of(capacity);
  if (spare != nullptr && !spare->blocks.empty()) {
    char* block = spare->blocks.back();
    spare->blocks.pop_back();
    return block;
  }
  char* const block = static_cast<char*>(::operator new(capacity + Buffer::kPadding));
  std::memset(block + capacity, 0, Buffer::kPadding);
  return block;
}

void free_block(char* block, std::size_t capacity) {
  held -= capacity;
  Spare* const spare = spare_of(capacity);
  if (spare != nullptr && !spare->full()) {
    spare->blocks.push_back(block);
  } else {
    ::operator delete(block);
  }
}

}  // namespace

std::size_t Buffer::held_bytes() { return held; }
void Buffer::set_most_held(std::size_t bytes) { most_held = bytes; }
bool Buffer::may_hold(std::size_t more_bytes) {
  return most_held == 0 || (held <= most_held && more_bytes <= most_held - held);
}

std::span<char> Buffer::room(std::size_t bytes) {
  if (size_ + bytes > capacity_) {
    std::size_t wanted = std::max({size_ + bytes, capacity_ * 2, kUsual});
    if (wanted > kUsual) wanted = std::max(wanted, kLarge);
    char* const bigger = allocate(wanted);
    if (data_ != nullptr) {
      std::memcpy(bigger, data_, size_);
      free_block(data_, capacity_);
    }
    data_ = bigger;
    capacity_ = wanted;
  }
  return {data_ + size_, capacity_ - size_};
}

void Buffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
  size_ += bytes.size();
}

void Buffer::consume(std::size_t bytes) {
  if (bytes == 0) return;
  size_ -= bytes;
  if (size_ > 0) std::memmove(data_, data_ + bytes, size_);
}

void Buffer::release() {
  if (data_ != nullptr) free_block(data_, capacity_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

}  // namespace ringcast
