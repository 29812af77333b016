#include "protocol/document_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ranges>

#include "core/socket.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/service.h"

namespace ringcast {
namespace {

constexpr std::int64_t kMostResults = 50;
constexpr std::int64_t kDefaultResults = 10;
constexpr std::size_t kEventBytes = 16 << 10;
// Many changes at once are one sign.
constexpr std::int64_t kBetweenSignsNs = 10'000'000;

constexpr std::string_view kTemplate = "docs://{+path}";

constexpr std::string_view kSearchInput =
    R"({"type":"object","properties":{"query":{"type":"string","minLength":1,"maxLength":1000,)"
    R"("description":"Words to look for."},"top_k":{"type":"integer","minimum":1,"maximum":50,)"
    R"("default":10,"description":"How many passages at most."}},"required":["query"],)"
    R"("additionalProperties":false})";
constexpr std::string_view kSearchOutput =
    R"({"type":"object","properties":{"results":{"type":"array","items":{"type":"object",)"
    R"("properties":{"uri":{"type":"string"},"title":{"type":"string"},)"
    R"("passage":{"type":"string"},"score":{"type":"number"}},)"
    R"("required":["uri","title","passage","score"]}},"count":{"type":"integer"},)"
    R"("mode":{"const":"bm25_trigram_rrf"},"not_indexed_yet":{"type":"integer",)"
    R"("description":"Documents that are not searched yet."}},)"
    R"("required":["results","count","mode"]})";

Task<void> hybrid_search(DocumentLibrary& library, McpCall& call) {
  const std::int64_t most =
      std::clamp<std::int64_t>(call.integer("top_k", kDefaultResults), 1, kMostResults);
  const DocumentLibrary::Answer answer = co_await library.search(
      call.endpoint().reactor(), std::string(call.string("query")), static_cast<std::size_t>(most));
  if (answer.state == DocumentLibrary::State::done) {
    call.structured(answer.json);
  } else {
    call.fail("Too many searches are waiting; try again later.");
  }
}

struct ListsMessage : Message {
  ListsMessage(DocumentSource& of, LibraryLists what)
      : Message(arrive), source(of), lists(std::move(what)) {}
  static void arrive(Message& message) {
    const std::unique_ptr<ListsMessage> self(static_cast<ListsMessage*>(&message));
    self->source.take(self->lists);
  }
  DocumentSource& source;
  LibraryLists lists;
};

void pass_on(ServerState& state, Reactor& reactor, const LibraryNews& news) {
  if (state.draining()) return;
  for (Service* const service : state.services) {
    auto message = std::make_unique<ListsMessage>(*service->documents(), news.lists);
    reactor.send_to(service->reactor(), *message.release());
  }
  // Messages to a core stay in order: it has the lists when it tells its clients.
  McpEndpoint& endpoint = state.services[reactor.core()]->mcp();
  if (news.lists.prompts) endpoint.announce(McpChange::prompts);
  if (news.documents_came_or_went) endpoint.announce(McpChange::resources);
  for (const std::string& uri : news.updated) endpoint.announce(McpChange::resource, uri);
}

// What exactly has changed is found by looking: that also serves when events were lost.
Task<void> read_signs(DocumentLibrary* library, Scope* scope) {
  std::array<char, kEventBytes> events;
  for (;;) {
    Operation operation{.code = OpCode::read, .fd = Descriptor::ordinary(library->inotify())};
    operation.data = events.data();
    operation.size = static_cast<std::uint32_t>(events.size());
    if (co_await SocketOperation(*scope, operation) <= 0) co_return;
    library->touched();
    if (!co_await scope->sleep(kBetweenSignsNs)) co_return;
  }
}

}  // namespace

void add_document_tools(McpServer& server, ServerState& state) {
  if (state.library == nullptr || !state.library->has_documents()) return;
  DocumentLibrary* const library = state.library.get();
  server.tool(
      {.name = "hybrid_search",
       .title = "Search documents",
       .description = "The passages of the documents that fit the words best, also by "
                      "parts of words and with misspelt ones. Read the whole document by "
                      "its uri.",
       .input_schema = std::string(kSearchInput),
       .output_schema = std::string(kSearchOutput),
       .annotations = R"({"readOnlyHint":true,"idempotentHint":true,"openWorldHint":false})"},
      [library](McpCall& call) { return hybrid_search(*library, call); });
}

DocumentSource::DocumentSource(DocumentLibrary& library)
    : library_(library),
      lists_(library.lists()),
      template_(fmt::format(
          R"({{"uriTemplate":"{}","name":"document","title":"A document",)"
          R"("description":"A document by its path. Subscribe to be told of changes."}})",
          kTemplate)) {}

std::span<const std::string> DocumentSource::templates() const {
  if (!library_.has_documents()) return {};
  return {&template_, 1};
}

Task<bool> DocumentSource::get_prompt(McpCall& call) {
  const DirectoryPrompt* const prompt = lists_.prompts->find(call.name());
  if (prompt == nullptr) co_return false;
  for (const McpPromptArgument& argument : prompt->about.arguments) {
    simdjson::dom::element value;
    const bool given = call.has(argument.name);
    const bool good =
        given ? call.arguments()[argument.name].get(value) == simdjson::SUCCESS && value.is_string()
              : !argument.required;
    if (good) continue;
    call.refuse(rpc::kInvalidParams,
                fmt::format("Argument `{}` is {}.", argument.name, given ? "a text" : "missing"));
    co_return true;
  }
  call.description(prompt->about.description);
  for (const DirectoryPrompt::Said& said : prompt->messages) {
    call.role(said.by_assistant ? "assistant" : "user");
    call.text(fill_prompt(said.text, prompt->about,
                          [&call](std::string_view name) { return call.string(name); }));
  }
  co_return true;
}

Task<bool> DocumentSource::read_resource(McpCall& call) {
  if (!call.name().starts_with(kDocumentScheme)) co_return false;
  const DocumentLibrary::Answer answer =
      co_await library_.read(call.endpoint().reactor(), std::string(call.name()));
  switch (answer.state) {
    case DocumentLibrary::State::done:
      call.content(answer.json);
      break;
    case DocumentLibrary::State::not_found:
      co_return false;
    case DocumentLibrary::State::too_large:
      call.refuse(rpc::kInternalError, "This document is no text and larger than 4 MiB.");
      break;
    case DocumentLibrary::State::busy:
      call.refuse(rpc::kInternalError, "Too many documents are being read; try again later.");
      break;
  }
  co_return true;
}

bool DocumentSource::has_prompt(std::string_view name) const {
  return lists_.prompts->find(name) != nullptr;
}

bool DocumentSource::has_resource(std::string_view uri) const {
  const auto path = document_path(uri);
  return path && std::ranges::binary_search(*lists_.documents, *path, {}, listed_path);
}

// Paths as they are, not percent-encoded: whoever expands the template does that.
Task<bool> DocumentSource::complete_template(const McpCompletionRequest& request,
                                             McpSuggestions& found) {
  if (request.name != kTemplate || !library_.has_documents()) co_return false;
  if (request.argument != "path") co_return true;
  const std::size_t typed = request.value.size();
  const auto front = [typed](const std::string& json) {
    return listed_path(json).substr(0, typed);
  };
  const auto fitting = std::ranges::equal_range(*lists_.documents, request.value, {}, front);
  for (const std::string& json : fitting | std::views::take(McpSuggestions::kMost)) {
    found.add(listed_path(json));
  }
  found.total = fitting.size();
  co_return true;
}

void DocumentSource::subscribed(std::string_view uri, bool on) { library_.subscribed(uri, on); }

void DocumentSource::take(const LibraryLists& lists) {
  if (lists.documents) library_.retire(std::exchange(lists_.documents, lists.documents));
  if (lists.prompts) lists_.prompts = lists.prompts;
}

void attach_library(ServerState& state, Reactor& reactor, Scope& scope) {
  ServerState* const shared = &state;
  Reactor* const here = &reactor;
  state.library->attach(reactor,
                        [shared, here](const LibraryNews& news) { pass_on(*shared, *here, news); });
  if (state.library->inotify() >= 0) scope.spawn(read_signs(state.library.get(), &scope));
}

}  // namespace ringcast
