// What somebody may do. One language for every transport, whether it stands in the access file or
// in a claim of a token:
//
//   publish:   [metrics.*]        topics
//   subscribe: [jobs.*, news]     topics; a pattern is allowed if a grant covers all it may match
//   rooms:     [team-*]           to join
//   tools:     [read_*]           of MCP, beside the topics that a tool reads or writes
//   admin:     true               everything
//
// In a name `*` stands for any run of characters (core/topic_name.h). A scope of OAuth says the
// same in one word: `publish:metrics.*`, `subscribe:*`, `rooms:team-1`, `tools:echo`, `admin`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast {

enum class Action : std::uint8_t { publish, subscribe, rooms, tools };
inline constexpr std::array<std::string_view, 4> kActionNames = {"publish", "subscribe", "rooms",
                                                                 "tools"};
std::optional<Action> find_action(std::string_view name);

class Grants {
 public:
  static Grants everything();

  // False if the name is none: empty, too long, with a space or a control.
  bool add(Action action, std::string_view name);
  // False if it is a scope of something else, which is no error.
  bool add_scope(std::string_view scope);
  void make_admin() { admin_ = true; }
  void join(const Grants& other);

  // `name` may be a pattern of topics.
  bool allows(Action action, std::string_view name) const;
  // Whether there is anything at all that it may of this kind.
  bool allows_some(Action action) const { return admin_ || !names_[index(action)].empty(); }
  const std::vector<std::string>& names(Action action) const { return names_[index(action)]; }
  bool admin() const { return admin_; }
  bool empty() const;
  bool operator==(const Grants&) const = default;

 private:
  static constexpr std::size_t index(Action action) { return static_cast<std::size_t>(action); }

  std::array<std::vector<std::string>, kActionNames.size()> names_;
  bool admin_ = false;
};

}  // namespace ringcast
