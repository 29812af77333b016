#include "tools/ringload/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tools/ringload/text_file.h"
#include "tools/ringload/yaml_section.h"

namespace ringcast::load {
namespace {

constexpr std::string_view kPort = "{port}";

bool mentions_port(const std::string& text) { return text.find(kPort) != std::string::npos; }

ScenarioSubject read_subject(const YAML::Node& node, const std::string& name, std::string& error) {
  ScenarioSubject subject{.name = name};
  YamlSection section(node, name, error);
  section.read("start", subject.start);
  section.read("environment", subject.environment);
  section.read("cores", subject.cores);
  section.read("url", subject.url);
  section.read("target", subject.target);
  section.read("ready", subject.ready);
  section.read("ready_timeout", subject.ready_timeout_s);
  section.refuse_unknown();
  if (subject.url.empty() == subject.target.empty()) {
    section.complain(node, fmt::format("`{}` needs either `url` or `target`", name));
  }
  if (subject.start.empty() && mentions_port(subject.url)) {
    section.complain(node, fmt::format("`{}` has {{port}} in `url` and nothing to start", name));
  }
  if (!subject.ready.empty() && !subject.ready.starts_with('/')) {
    section.complain(section.child("ready"), "`ready` must be a path that begins with /");
  }
  return subject;
}

// `subscribers: 10` as `--subscribers 10`, `poll: true` as `--poll`.
void add_option(const std::string& key, const YAML::Node& value, YamlSection& section,
                std::vector<std::string>& words) {
  if (!value.IsScalar()) {
    return section.complain(value, fmt::format("`{}` must be a number or a text", key));
  }
  if (value.Scalar() == "false") return;
  words.push_back("--" + key);
  if (value.Scalar() != "true") words.push_back(value.Scalar());
}

ScenarioLoad read_load(const YAML::Node& node, const std::string& name, std::string& error) {
  ScenarioLoad load{.name = name, .words = {}};
  YamlSection section(node, name, error);
  std::string over;
  section.read("over", over);
  section.read("subjects", load.subjects);
  constexpr std::string_view kOver[] = {"sse", "ws", "chunked", "mcp"};
  if (std::ranges::find(kOver, over) == std::end(kOver)) {
    section.complain(node, fmt::format("`over` of `{}` must be sse, ws, chunked or mcp", name));
  }
  load.words.push_back(over);
  if (!node.IsMap()) return load;
  constexpr std::string_view kOurs[] = {"url",  "target",     "port",  "cpu",
                                        "json", "server-pid", "quiet", "help"};
  for (const auto& entry : node) {
    const std::string& key = entry.first.Scalar();
    if (key == "over" || key == "subjects") continue;
    if (std::ranges::find(kOurs, key) != std::end(kOurs)) {
      section.complain(entry.first, fmt::format("`{}` is not a load's to say", key));
    }
    add_option(key, entry.second, section, load.words);
  }
  return load;
}

// A mapping of names to what `read` makes of each.
template <class T, class Read>
void read_named(YamlSection& top, const char* key, Read read, std::string& error,
                std::vector<T>& into) {
  const YAML::Node node = top.child(key);
  if (!node || !node.IsMap() || node.size() == 0) {
    return top.complain(node ? node : YAML::Node(),
                        fmt::format("`{}` must be a mapping of names", key));
  }
  for (const auto& entry : node) {
    const std::string& name = entry.first.Scalar();
    const bool twice = std::ranges::find(into, name, &T::name) != into.end();
    if (twice) top.complain(entry.first, fmt::format("`{}` is there twice", name));
    into.push_back(read(entry.second, name, error));
  }
}

void check_names(YamlSection& top, Scenario& scenario) {
  for (const ScenarioLoad& load : scenario.loads) {
    for (const std::string& name : load.subjects) {
      if (std::ranges::find(scenario.subjects, name, &ScenarioSubject::name) !=
          scenario.subjects.end()) {
        continue;
      }
      top.complain(top.child("loads"),
                   fmt::format("load `{}` names `{}`, which is no subject", load.name, name));
    }
  }
}

}  // namespace

Result<Scenario> scenario_from_yaml(std::string_view text, std::string_view file_name,
                                    const std::string& directory) {
  YAML::Node root;
  try {
    root = YAML::Load(std::string(text));
  } catch (const YAML::Exception& exception) {
    return fail("bad_scenario",
                fmt::format("{}:{}: {}.", file_name, exception.mark.line + 1, exception.msg));
  }
  if (!root.IsMap()) {
    return fail("bad_scenario", fmt::format("{}: a scenario must be a mapping.", file_name));
  }
  Scenario scenario;
  scenario.text = text;
  std::string error;
  YamlSection top(root, "scenario", error);
  std::uint16_t format = 0;
  double core = -1;
  std::string folder;
  top.read("format", format);
  if (format != kScenarioFormat) {
    top.complain(root, fmt::format("`format` must be {}", kScenarioFormat));
  }
  top.read("title", scenario.title);
  top.read("rounds", scenario.rounds);
  top.read("directory", folder);
  if (top.child("client_core")) {
    core = 0;
    top.read("client_core", core);
  }
  scenario.client_core = static_cast<int>(core);
  scenario.directory = (std::filesystem::path(directory) / folder).lexically_normal().string();
  read_named(top, "subjects", read_subject, error, scenario.subjects);
  read_named(top, "loads", read_load, error, scenario.loads);
  check_names(top, scenario);
  top.refuse_unknown();
  if (error.empty()) return scenario;
  return fail("bad_scenario", fmt::format("{}:{}.", file_name, error));
}

Result<Scenario> scenario_from_file(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return fail("bad_scenario", fmt::format("Cannot read the scenario {}.", path));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return scenario_from_yaml(*text, path, folder.empty() ? "." : folder);
}

bool is_for(const ScenarioLoad& load, const ScenarioSubject& subject) {
  return load.subjects.empty() ||
         std::ranges::find(load.subjects, subject.name) != load.subjects.end();
}

}  // namespace ringcast::load
