// A home's history as bytes, for a process on the same machine that takes over.
//
// A sequence of records, each a letter and what follows from it; numbers are those of the machine.
//
//   H home:u32 last_number:u64          a home begins; homes come in their order
//   F last_number:u64                   of removed topics that are not remembered by name
//   R name last_number:u64              a removed topic
//   T name evicted:u64 last_number:u64 last_append_ms:i64    a topic (0: only awaited), then its
//   E number:u64 time_ms:i64 event        events, as they lie in the log, and its
//   K hash:2*u64 number:u64               publishers' ids
//   Z topics:u64 events:u64             the home ends
//
// A name has its length before it in 16 bits, an event in 32. Records may be cut anywhere between
// two: HistoryExport writes them in pieces, HistoryReader takes pieces of whole records.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace ringcast {

enum class HistoryRecord : char {
  home = 'H',
  forgotten = 'F',
  removed = 'R',
  topic = 'T',
  event = 'E',
  key = 'K',
  end = 'Z',
};

class RecordWriter {
 public:
  explicit RecordWriter(std::string& out) : out_(out) {}

  template <class Number>
    requires std::is_integral_v<Number>
  RecordWriter& put(Number number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    out_.append(bytes, sizeof bytes);
    return *this;
  }
  RecordWriter& put(HistoryRecord record) { return put(static_cast<char>(record)); }
  template <class Length>
  RecordWriter& put_text(std::string_view text) {
    put(static_cast<Length>(text.size()));
    out_ += text;
    return *this;
  }

 private:
  std::string& out_;
};

// Reads what RecordWriter wrote, or anything else. Beyond the end everything is zero and failed().
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  bool failed() const { return failed_; }

  template <class Number>
    requires std::is_integral_v<Number>
  Number take() {
    Number number = 0;
    if (rest_.size() < sizeof number) {
      fail();
      return 0;
    }
    std::memcpy(&number, rest_.data(), sizeof number);
    rest_.remove_prefix(sizeof number);
    return number;
  }
  template <class Length>
  std::string_view take_text() {
    const std::size_t size = take<Length>();
    if (rest_.size() < size) {
      fail();
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace ringcast
