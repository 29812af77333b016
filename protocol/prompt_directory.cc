#include "protocol/prompt_directory.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/event_stream.h"
#include "protocol/log.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr FileTreeLimits kLimits = {
    .max_files = 1'000, .max_file_bytes = std::uint64_t{256} << 10, .max_depth = 0};
constexpr std::size_t kMostNameBytes = 128;
constexpr std::size_t kMostFilledBytes = std::size_t{4} << 20;

std::unexpected<Error> bad(std::string message) { return fail("bad_prompt", std::move(message)); }

// A text that may be missing; false if it is something else.
bool take_text(const dom::object& from, std::string_view name, std::string& out) {
  dom::element value;
  std::string_view text;
  if (from[name].get(value) != simdjson::SUCCESS) return true;
  if (value.get_string().get(text) != simdjson::SUCCESS) return false;
  out = text;
  return true;
}

Result<McpPromptArgument> parse_argument(const dom::element& element) {
  McpPromptArgument out;
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS ||
      !take_text(object, "name", out.name) || out.name.empty() ||
      !take_text(object, "description", out.description)) {
    return bad("An argument is an object with the texts `name` and perhaps `description`.");
  }
  dom::element required;
  if (object["required"].get(required) == simdjson::SUCCESS &&
      required.get_bool().get(out.required) != simdjson::SUCCESS) {
    return bad(fmt::format("`required` of argument `{}` is true or false.", out.name));
  }
  return out;
}

Result<DirectoryPrompt::Said> parse_message(const dom::element& element) {
  dom::object object;
  std::string role;
  if (element.get_object().get(object) != simdjson::SUCCESS || !take_text(object, "role", role) ||
      (role != "user" && role != "assistant")) {
    return bad("A message has the `role` user or assistant.");
  }
  dom::element content;
  dom::object parts;
  std::string_view text;
  std::string type;
  const bool there = object["content"].get(content) == simdjson::SUCCESS;
  if (there && content.get_object().get(parts) == simdjson::SUCCESS) {
    if (!take_text(parts, "type", type) || type != "text") {
      return bad("The content of a message is text.");
    }
    content = parts["text"];
  }
  if (!there || content.get_string().get(text) != simdjson::SUCCESS) {
    return bad(R"(The `content` of a message is a text or {"type":"text","text":…}.)");
  }
  return DirectoryPrompt::Said{role == "assistant", std::string(text)};
}

void member(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  out.append(out.ends_with('{') ? "\"" : ",\"").append(key).append("\":");
  append_json_string(out, text);
}

std::string listed(const McpPrompt& about) {
  std::string json = "{";
  member(json, "name", about.name);
  member(json, "title", about.title);
  member(json, "description", about.description);
  if (!about.arguments.empty()) json += ",\"arguments\":[";
  for (const McpPromptArgument& argument : about.arguments) {
    if (&argument != &about.arguments.front()) json += ',';
    json += '{';
    member(json, "name", argument.name);
    member(json, "description", argument.description);
    json += argument.required ? ",\"required\":true}" : "}";
  }
  return json + (about.arguments.empty() ? "}" : "]}");
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace

Result<DirectoryPrompt> parse_prompt(std::string_view json) {
  dom::parser parser;
  dom::element value;
  dom::object object;
  const auto failure = parser.parse(json.data(), json.size()).get(value);
  if (failure != simdjson::SUCCESS) {
    return bad(fmt::format("This is not JSON: {}.", simdjson::error_message(failure)));
  }
  DirectoryPrompt out;
  McpPrompt& about = out.about;
  if (value.get_object().get(object) != simdjson::SUCCESS ||
      !take_text(object, "name", about.name) || about.name.empty() ||
      about.name.size() > kMostNameBytes) {
    return bad("A prompt is an object with a `name` of at most 128 bytes.");
  }
  if (!take_text(object, "title", about.title) ||
      !take_text(object, "description", about.description)) {
    return bad("`title` and `description` are texts.");
  }
  dom::element arguments;
  dom::array items;
  if (object["arguments"].get(arguments) == simdjson::SUCCESS) {
    if (arguments.get_array().get(items) != simdjson::SUCCESS) {
      return bad("`arguments` is a list.");
    }
    for (const dom::element item : items) {
      auto argument = parse_argument(item);
      if (!argument) return std::unexpected(std::move(argument.error()));
      about.arguments.push_back(std::move(*argument));
    }
  }
  if (object["messages"].get_array().get(items) != simdjson::SUCCESS || items.size() == 0) {
    return bad("`messages` is a list that is not empty.");
  }
  for (const dom::element item : items) {
    auto message = parse_message(item);
    if (!message) return std::unexpected(std::move(message.error()));
    out.messages.push_back(std::move(*message));
  }
  return out;
}

std::string fill_prompt(std::string_view text, const McpPrompt& about,
                        const std::function<std::string_view(std::string_view)>& value) {
  std::string out;
  while (out.size() < kMostFilledBytes) {
    const std::size_t open = text.find("{{");
    const std::size_t close = open == std::string_view::npos ? open : text.find("}}", open + 2);
    if (close == std::string_view::npos) break;
    const std::string_view name = trim(text.substr(open + 2, close - open - 2));
    const bool known =
        std::ranges::find(about.arguments, name, &McpPromptArgument::name) != about.arguments.end();
    // What is no argument stays; inside of it one may begin.
    out.append(text.substr(0, known ? open : open + 1));
    if (known) out.append(value(name));
    text.remove_prefix(known ? close + 2 : open + 1);
  }
  return out.append(text);
}

const DirectoryPrompt* PromptList::find(std::string_view name) const {
  for (const DirectoryPrompt& prompt : prompts) {
    if (prompt.about.name == name) return &prompt;
  }
  return nullptr;
}

Result<PromptDirectory> PromptDirectory::open(const std::vector<std::string>& directories) {
  PromptDirectory out;
  for (const std::string& directory : directories) {
    auto tree = FileTree::open(directory, kLimits);
    if (!tree) return std::unexpected(std::move(tree.error()));
    out.trees_.push_back(std::move(*tree));
  }
  return out;
}

PromptDirectory::File PromptDirectory::read(const FileTree& tree, const FoundFile& found) const {
  File out{.stamp = found.stamp, .prompt = std::nullopt};
  const auto json = tree.read(found.path, kLimits.max_file_bytes);
  auto prompt = json ? parse_prompt(*json) : bad("It cannot be read.");
  if (prompt) {
    out.prompt = std::move(*prompt);
  } else {
    log_warn("prompt left out", {{"file", fmt::format("{}/{}", tree.path(), found.path)},
                                 {"reason", prompt.error().message}});
  }
  return out;
}

PromptDirectory::Changes PromptDirectory::refresh(int inotify, const GoOn& go_on) {
  Changes changes;
  std::map<std::string, File> files;
  for (const FileTree& tree : trees_) {
    const FileTree::Scan scan = tree.scan(inotify, go_on);
    if (scan.ended) return changes;
    changes.watched = changes.watched && scan.watched;
    for (const FoundFile& found : scan.files) {
      if (!found.path.ends_with(".json")) continue;
      std::string path = fmt::format("{}/{}", tree.path(), found.path);
      const auto known = files_.find(path);
      const bool same = known != files_.end() && known->second.stamp == found.stamp;
      changes.any = changes.any || !same;
      files.emplace(std::move(path), same ? std::move(known->second) : read(tree, found));
    }
  }
  changes.any = changes.any || files.size() != files_.size();
  files_ = std::move(files);
  return changes;
}

std::shared_ptr<const PromptList> PromptDirectory::list() const {
  auto out = std::make_shared<PromptList>();
  std::set<std::string_view> names;
  for (const auto& [path, file] : files_) {
    if (!file.prompt) continue;
    if (!names.insert(file.prompt->about.name).second) {
      log_warn("prompt left out", {{"file", path}, {"reason", "There is another of its name."}});
      continue;
    }
    out->prompts.push_back(*file.prompt);
    out->listed.push_back(listed(file.prompt->about));
  }
  return out;
}

}  // namespace ringcast
