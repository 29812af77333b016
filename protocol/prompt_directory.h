// Prompts of directories: each `*.json` in one of them is a prompt.
//
//   {"name":"review","title":"Review","description":"Reviews code.",
//    "arguments":[{"name":"language","description":"Of the code.","required":true}],
//    "messages":[{"role":"user","content":"Review this {{language}} code."}]}
//
// `{{argument}}` in a text stands for the argument's value, which is not read again; what is no
// argument stays as it is. A file with a mistake is logged and left out. One thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/file_tree.h"
#include "protocol/mcp/mcp_server.h"

namespace ringcast {

struct DirectoryPrompt {
  struct Said {
    bool by_assistant;
    std::string text;
  };
  McpPrompt about;
  std::vector<Said> messages;
};

// Errors: bad_prompt, with what is wrong.
Result<DirectoryPrompt> parse_prompt(std::string_view json);

// The text with the arguments in place. `value` gives an argument's value.
std::string fill_prompt(std::string_view text, const McpPrompt& about,
                        const std::function<std::string_view(std::string_view)>& value);

// As they are at one time; immutable.
struct PromptList {
  std::vector<DirectoryPrompt> prompts;
  std::vector<std::string> listed;  // JSON, parallel to them
  const DirectoryPrompt* find(std::string_view name) const;
};

class PromptDirectory {
 public:
  struct Changes {
    bool any = false;
    bool watched = true;
  };

  // Errors: bad_directory.
  static Result<PromptDirectory> open(const std::vector<std::string>& directories);

  Changes refresh(int inotify, const GoOn& go_on);
  std::shared_ptr<const PromptList> list() const;

 private:
  struct File {
    FileStamp stamp;
    std::optional<DirectoryPrompt> prompt;
  };
  File read(const FileTree& tree, const FoundFile& found) const;

  std::vector<FileTree> trees_;
  std::map<std::string, File> files_;  // by path
};

}  // namespace ringcast
