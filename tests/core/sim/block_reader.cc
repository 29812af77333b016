#include "tests/core/sim/block_reader.h"

#include <utility>

namespace ringcast::sim {

bool BlockReader::take_line() {
  const std::string_view line = line_;
  const auto value_of = [&](std::string_view field) { return line.substr(field.size()); };
  if (line.starts_with(':')) {
    block_.comment = true;
    block_.remark = line;
  } else if (line.starts_with("id: ")) {
    block_.ids.emplace_back(value_of("id: "));
  } else if (line.starts_with("event: ")) {
    block_.type = value_of("event: ");
  } else if (line.starts_with("data: ")) {
    if (block_.has_data) block_.data += '\n';
    block_.data += value_of("data: ");
    block_.has_data = true;
  } else if (line.starts_with("topic: ")) {
    block_.topic = value_of("topic: ");
  } else if (line.starts_with("retry: ")) {
    block_.retry = value_of("retry: ");
  } else {
    return false;
  }
  line_.clear();
  return true;
}

bool BlockReader::feed(std::string_view bytes, std::vector<Block>& blocks) {
  for (const char byte : bytes) {
    if (byte != '\n') {
      line_ += byte;
    } else if (line_.empty()) {
      blocks.push_back(std::exchange(block_, Block{}));
    } else if (!take_line()) {
      return false;
    }
  }
  return true;
}

}  // namespace ringcast::sim
