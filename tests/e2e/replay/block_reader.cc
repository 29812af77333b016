#include "tests/e2e/replay/block_reader.h"

#include <cstring>

namespace ringcast {

char* BlockReader::room(std::size_t most) {
  filled_ -= begin_;
  std::memmove(buffer_.data(), buffer_.data() + begin_, filled_);
  begin_ = 0;
  if (buffer_.size() < filled_ + most) buffer_.resize(filled_ + most);
  return buffer_.data() + filled_;
}

bool BlockReader::head(std::string_view& head) {
  const std::string_view all = std::string_view(buffer_).substr(begin_, filled_ - begin_);
  const std::size_t end = all.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  head = all.substr(0, end);
  begin_ += end + 4;
  return true;
}

bool BlockReader::next(Block& block) {
  const std::string_view all = std::string_view(buffer_).substr(begin_, filled_ - begin_);
  const std::size_t end = all.find("\n\n");
  if (end == std::string_view::npos) return false;
  block.first_id = block.last_id = block.type = block.topic = {};
  block.data.clear();
  block.has_data = block.has_retry = false;
  block.well_formed = true;
  std::string_view rest = all.substr(0, end + 1);
  while (!rest.empty()) {
    const std::size_t line_end = rest.find('\n');
    read_line(rest.substr(0, line_end), block);
    rest.remove_prefix(line_end + 1);
  }
  begin_ += end + 2;
  return true;
}

void BlockReader::read_line(std::string_view line, Block& block) {
  if (line.starts_with(':')) return;
  const std::size_t colon = line.find(": ");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value =
      colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 2);
  if (name == "data") {
    if (block.has_data) block.data += '\n';
    block.data += value;
    block.has_data = true;
  } else if (name == "id") {
    if (block.first_id.empty()) block.first_id = value;
    block.last_id = value;
  } else if (name == "event") {
    block.type = value;
  } else if (name == "topic") {
    block.topic = value;
  } else if (name == "retry") {
    block.has_retry = true;
  } else {
    block.well_formed = false;
  }
}

}  // namespace ringcast
