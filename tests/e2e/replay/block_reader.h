// Cuts an event stream into blocks and reads their fields, whatever pieces it arrives in.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringcast {

struct Block {
  std::string_view first_id;  // of the event
  std::string_view last_id;   // where to resume: the last one of a block counts
  std::string_view type;
  std::string_view topic;
  std::string data;
  bool has_data = false;
  bool has_retry = false;
  bool well_formed = true;
};

class BlockReader {
 public:
  // Where to put at most `most` bytes that come next; commit() says how many came.
  char* room(std::size_t most);
  void commit(std::size_t bytes) { filled_ += bytes; }
  // The next complete block; its views are good until room() is called.
  bool next(Block& block);
  // The response head without its empty line; false if it is not complete.
  bool head(std::string_view& head);
  bool inside_block() const { return begin_ < filled_; }
  void clear() { begin_ = filled_ = 0; }

 private:
  static void read_line(std::string_view line, Block& block);

  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace ringcast
