#include "tools/ringload/yaml_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ringcast::load {

YamlSection::YamlSection(const YAML::Node& node, std::string_view name, std::string& error)
    : node_(node), error_(error) {
  if (node_ && !node_.IsMap()) {
    complain(node_, fmt::format("`{}` must be a mapping", name));
    node_.reset();
  }
}

template <class T>
void YamlSection::read_scalar(const char* key, std::string_view what, T& into) {
  const YAML::Node node = child(key);
  if (node && !YAML::convert<T>::decode(node, into)) {
    complain(node, fmt::format("`{}` must be {}", key, what));
  }
}

template <class T>
void YamlSection::read_list(const char* key, std::string_view what, std::vector<T>& into) {
  const YAML::Node node = child(key);
  if (!node) return;
  bool good = node.IsSequence();
  into.clear();
  for (std::size_t at = 0; good && at < node.size(); ++at) {
    T value{};
    good = node[at].IsScalar() && YAML::convert<T>::decode(node[at], value);
    into.push_back(std::move(value));
  }
  if (!good) complain(node, fmt::format("`{}` must be a list of {}", key, what));
}

void YamlSection::read(const char* key, std::string& into) { read_scalar(key, "text", into); }

void YamlSection::read(const char* key, std::uint16_t& into) {
  read_scalar(key, "a number from 1 to 65535", into);
}

void YamlSection::read(const char* key, double& into) {
  read_scalar(key, "a number", into);
  if (!(into >= 0)) complain(child(key), fmt::format("`{}` must not be negative", key));
}

void YamlSection::read(const char* key, Pairs& into) {
  const YAML::Node node = child(key);
  if (!node) return;
  if (!node.IsMap()) return complain(node, fmt::format("`{}` must be a mapping", key));
  into.clear();
  for (const auto& pair : node) into.emplace_back(pair.first.Scalar(), pair.second.Scalar());
}

void YamlSection::read(const char* key, std::vector<std::string>& into) {
  read_list(key, "texts", into);
}

void YamlSection::read(const char* key, std::vector<int>& into) {
  read_list(key, "whole numbers", into);
}

void YamlSection::read_with(std::string_view placeholder, const char* key, std::string& into) {
  read(key, into);
  const std::size_t at = into.find(placeholder);
  if (at == std::string::npos || into.find(placeholder, at + 1) != std::string::npos) {
    complain(child(key), fmt::format("`{}` must contain {} once", key, placeholder));
  }
}

void YamlSection::read_line_with(std::string_view placeholder, const char* key, std::string& into) {
  read_with(placeholder, key, into);
  if (into.find_first_of("\r\n") != std::string::npos) {
    complain(child(key), fmt::format("`{}` must be one line", key));
  }
}

YAML::Node YamlSection::child(const char* key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  return node_ && node_.IsMap() ? YAML::Node(std::as_const(node_)[key])
                                : YAML::Node(YAML::NodeType::Undefined);
}

void YamlSection::refuse_unknown() {
  if (!node_ || !node_.IsMap()) return;
  for (const auto& entry : node_) {
    if (std::ranges::find(known_, entry.first.Scalar()) != known_.end()) continue;
    complain(entry.first, fmt::format("unknown key `{}` (known here: {})", entry.first.Scalar(),
                                      fmt::join(known_, ", ")));
  }
}

void YamlSection::complain(const YAML::Node& node, std::string_view message) {
  if (error_.empty()) error_ = fmt::format("{}: {}", node.Mark().line + 1, message);
}

}  // namespace ringcast::load
