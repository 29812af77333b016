#include "net/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace ringcast {
namespace {

// Bounds what a burst leaves behind on a core: 16 MiB.
constexpr std::size_t kMostSpare = 1024;

struct Spare {
  std::vector<char*> blocks;
  Spare() { blocks.reserve(kMostSpare); }
  ~Spare() {
    for (char* block : blocks) ::operator delete(block);
  }
};

thread_local Spare spare;

char* allocate(std::size_t capacity) {
  if (capacity == Buffer::kUsual && !spare.blocks.empty()) {
    char* block = spare.blocks.back();
    spare.blocks.pop_back();
    return block;
  }
  char* const block = static_cast<char*>(::operator new(capacity + Buffer::kPadding));
  std::memset(block + capacity, 0, Buffer::kPadding);
  return block;
}

void free_block(char* block, std::size_t capacity) {
  if (capacity == Buffer::kUsual && spare.blocks.size() < kMostSpare) {
    spare.blocks.push_back(block);
  } else {
    ::operator delete(block);
  }
}

}  // namespace

std::span<char> Buffer::room(std::size_t bytes) {
  if (size_ + bytes > capacity_) {
    const std::size_t wanted = std::max({size_ + bytes, capacity_ * 2, kUsual});
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
