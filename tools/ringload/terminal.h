// Lines at the end of a terminal that are drawn again in place, and leave nothing behind.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ringcast::load {

class Terminal {
 public:
  // Draws nothing where `descriptor` is no terminal, or one that cannot move its cursor.
  explicit Terminal(int descriptor);
  ~Terminal() { clear(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool is_there() const { return there_; }
  std::size_t columns() const;  // as wide as it is now
  // In place of what was drawn before. Not at all while the terminal takes nothing: it may have
  // been stopped, and a load must not wait for it.
  void draw(const std::vector<std::string>& lines);
  void clear();

 private:
  bool takes_more() const;
  void write(const std::string& text);

  int descriptor_;
  bool there_;
  std::size_t drawn_ = 0;  // lines; the cursor is in the last
};

}  // namespace ringcast::load
