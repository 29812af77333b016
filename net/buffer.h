// A growable byte buffer whose first two sizes come from per-core free lists, so that a busy
// connection takes and gives back the same memory and an idle one has none. What lies behind the
// content is always readable for kPadding bytes, as simdjson wants it.
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
