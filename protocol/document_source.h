// Prompts and documents of directories for the MCP clients of one core, and the tool that searches
// the documents.
#pragma once

#include <string>
#include <string_view>

#include "core/scope.h"
#include "protocol/document_library.h"
#include "protocol/mcp/mcp_source.h"
#include "protocol/server_state.h"

namespace ringcast {

// hybrid_search, if there are documents.
void add_document_tools(McpServer& server, ServerState& state);

class DocumentSource final : public McpSource {
 public:
  explicit DocumentSource(DocumentLibrary& library);

  std::span<const std::string> prompts() const override { return lists_.prompts->listed; }
  std::span<const std::string> resources() const override { return *lists_.documents; }
  std::span<const std::string> templates() const override;
  Task<bool> get_prompt(McpCall& call) override;
  Task<bool> read_resource(McpCall& call) override;
  bool has_prompt(std::string_view name) const override;
  bool has_resource(std::string_view uri) const override;
  Task<bool> complete_template(const McpCompletionRequest& request, McpSuggestions& found) override;
  void subscribed(std::string_view uri, bool on) override;

  // Takes what is new of these.
  void take(const LibraryLists& lists);

 private:
  DocumentLibrary& library_;
  LibraryLists lists_;
  std::string template_;
};

// On core 0: passes the library's news to all cores and their clients, and tells the library what
// inotify says until the scope ends.
void attach_library(ServerState& state, Reactor& reactor, Scope& scope);

}  // namespace ringcast
