// The client's side of an event stream: bytes in, blocks out.
//
// Written apart from the encoder and stricter than a browser: a line that the server never writes
// is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringcast::sim {

struct Block {
  std::vector<std::string> ids;  // in their order; the last one counts
  std::string type;
  std::string data;
  std::string topic;
  std::string retry;
  bool has_data = false;
  bool comment = false;
  std::string remark;  // of the last comment
};

class BlockReader {
 public:
  // Appends the blocks that are complete now to `blocks`; false if a line is not of an event
  // stream.
  bool feed(std::string_view bytes, std::vector<Block>& blocks);
  const std::string& bad_line() const { return line_; }

 private:
  bool take_line();

  std::string line_;
  Block block_;
};

}  // namespace ringcast::sim
