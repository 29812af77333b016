// One mapping of a YAML file, read key by key. The first thing wrong in it is kept, with its line;
// what was asked for is remembered, so that misspelt keys are found.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringcast::load {

class YamlSection {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  // `error` keeps the first complaint of all sections of a file, as "LINE: MESSAGE".
  YamlSection(const YAML::Node& node, std::string_view name, std::string& error);

  // What is not there leaves `into` as it is.
  void read(const char* key, std::string& into);
  void read(const char* key, std::uint16_t& into);  // from 1
  void read(const char* key, double& into);         // from 0
  void read(const char* key, Pairs& into);
  void read(const char* key, std::vector<std::string>& into);  // a list of texts
  void read(const char* key, std::vector<int>& into);          // a list of whole numbers
  // A text with a placeholder in it, once.
  void read_with(std::string_view placeholder, const char* key, std::string& into);
  // The same in one line.
  void read_line_with(std::string_view placeholder, const char* key, std::string& into);

  // Undefined where there is none.
  YAML::Node child(const char* key);
  void refuse_unknown();
  void complain(const YAML::Node& node, std::string_view message);

 private:
  template <class T>
  void read_scalar(const char* key, std::string_view what, T& into);
  template <class T>
  void read_list(const char* key, std::string_view what, std::vector<T>& into);

  YAML::Node node_;
  std::string& error_;
  std::vector<std::string> known_;
};

}  // namespace ringcast::load
