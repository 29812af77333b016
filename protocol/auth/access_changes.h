// What a reload has changed of who may do what, by name: for the log.
#pragma once

#include <string>
#include <vector>

#include "protocol/auth/authenticator.h"

namespace ringcast {

struct AccessChanges {
  std::vector<std::string> added;    // keys
  std::vector<std::string> removed;  // likewise
  std::vector<std::string> changed;  // likewise: another hash, other grants, another rate
  std::vector<std::string> other;    // anonymous, jwt, key_set, cookie

  bool empty() const {
    return added.empty() && removed.empty() && changed.empty() && other.empty();
  }
};

// Either may be null: there was, or is, no access file.
AccessChanges compare_access(const Access* before, const Access* after);

// As a line of the log has them: the first of many, and how many more there are.
std::string listed(const std::vector<std::string>& names);

}  // namespace ringcast
