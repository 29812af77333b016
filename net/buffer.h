// A growable byte buffer whose first two sizes come from per-core free lists, so that a busy
// connection takes and gives back the same memory and an idle one has none. What lies behind the
// content is always readable for kPadding bytes, as simdjson wants it.
//
// A core counts what its buffers hold. Whoever collects what a peer sends asks may_hold() before a
// buffer grows beyond the usual size, so that many peers together cannot take all memory.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace ringcast {

class Buffer {
 public:
  static constexpr std::size_t kPadding = 64;
  static constexpr std::size_t kUsual = (16 << 10) + 512;  // a full head and what came with it
  static constexpr std::size_t kLarge = (64 << 10) + 512;

  // Of this core, in all its buffers.
  static std::size_t held_bytes();
  static void set_most_held(std::size_t bytes);  // 0: any
  // Whether buffers may grow by so much more.
  static bool may_hold(std::size_t more_bytes);

  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  ~Buffer() { release(); }

  std::string_view view() const { return {data_, size_}; }
  std::span<char> bytes() { return {data_, size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const { return capacity_; }

  void append(std::string_view bytes);
  // Whether bytes of a peer may be appended: they are few, or there is room on this core.
  bool may_append(std::size_t bytes) const {
    return size_ + bytes <= kUsual || size_ + bytes <= capacity_ || may_hold(size_ + bytes);
  }
  // Space for at least `bytes` behind the content; grown() says how much of it was used.
  std::span<char> room(std::size_t bytes);
  void grown(std::size_t bytes) { size_ += bytes; }
  // Takes bytes off the front.
  void consume(std::size_t bytes);
  void truncate(std::size_t bytes) { size_ = bytes; }
  void clear() { size_ = 0; }
  // Gives the memory back.
  void release();

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // without the padding
};

}  // namespace ringcast
