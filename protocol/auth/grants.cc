#include "protocol/auth/grants.h"

#include <algorithm>

#include "core/topic_name.h"

namespace ringcast {

std::optional<Action> find_action(std::string_view name) {
  const auto found = std::ranges::find(kActionNames, name);
  if (found == kActionNames.end()) return {};
  return static_cast<Action>(found - kActionNames.begin());
}

Grants Grants::everything() {
  Grants all;
  all.admin_ = true;
  return all;
}

bool Grants::add(Action action, std::string_view name) {
  const bool printable = std::ranges::none_of(
      name, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  if (name.empty() || name.size() > kMostTopicBytes || !printable) return false;
  std::vector<std::string>& names = names_[index(action)];
  if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  return true;
}

bool Grants::add_scope(std::string_view scope) {
  if (scope == "admin") {
    admin_ = true;
    return true;
  }
  const std::size_t colon = scope.find(':');
  if (colon == std::string_view::npos) return false;
  const auto action = find_action(scope.substr(0, colon));
  return action && add(*action, scope.substr(colon + 1));
}

void Grants::join(const Grants& other) {
  admin_ = admin_ || other.admin_;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    for (const std::string& name : other.names_[i]) add(static_cast<Action>(i), name);
  }
}

// A `*` in what is asked for is matched only by a `*` of the grant, so that a grant that matches a
// pattern's text covers whatever the pattern matches.
bool Grants::allows(Action action, std::string_view name) const {
  return admin_ || std::ranges::any_of(names_[index(action)], [name](const std::string& grant) {
           return topic_matches(grant, name);
         });
}

bool Grants::empty() const {
  return !admin_ && std::ranges::all_of(names_, [](const auto& names) { return names.empty(); });
}

}  // namespace ringcast
