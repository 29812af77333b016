// Heads of requests that were read a moment ago.
//
// Who keeps a connection asks with the same head again and again, byte for byte, and what was found
// out about it holds: it begins the input, so it ends where it ended then, and it was read, twice,
// and accepted. Comparing it costs less than reading it.
//
// One core only. It belongs to one set of limits: clear() when they change.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "net/http_head.h"

namespace ringcast {

class HeadCache {
 public:
  static constexpr std::size_t kEntries = 4;
  static constexpr std::size_t kMostBytes = 1024;
  static constexpr std::size_t kMostFields = 32;

  // The length of a kept head that the input begins with; 0 if it begins with none.
  std::size_t match(std::string_view input);
  // What parse_head() said of the head that matched last; it lies at `head` now.
  void restore(std::string_view head, RequestHead& out) const;
  // Keeps a head that was accepted, in place of the one kept longest.
  void keep(std::string_view head, const RequestHead& parsed);
  void clear();

 private:
  struct Entry {
    std::string bytes;
    RequestHead parsed;  // its views point into where the head lay, which is at `at`
    const char* at = nullptr;
  };

  static void copy(const RequestHead& from, const char* at, std::string_view to_head,
                   RequestHead& to);

  std::array<Entry, kEntries> entries_;
  std::size_t matched_ = 0;
  std::size_t next_ = 0;
};

}  // namespace ringcast
