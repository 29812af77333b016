// The publishers' record: what was published where, under which number, and when it began.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ringcast::sim {

struct Published {
  std::string type;
  std::string data;
  std::uint64_t started = 0;  // the moment when its publish began, see Truth::moment
  std::uint64_t gone = 0;     // the moment when its topic was seen to be removed; 0: it was not
};

struct Truth {
  // Moments order what happens outside of the cores: who began to publish before or after whom was
  // subscribed.
  std::uint64_t moment() { return ++moments; }

  std::uint64_t moments = 0;
  std::map<std::string, std::map<std::uint64_t, Published>> topics;  // by name, by number
  bool roomy = false;  // histories are so large that nothing ever leaves them
};

}  // namespace ringcast::sim
