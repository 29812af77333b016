// What example_mcp_everything offers: the fixtures of the official conformance suite, and tools for
// tests of our own. Each function registers a part.
#pragma once

#include <string_view>

#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_server.h"

namespace ringcast::everything {

inline constexpr std::string_view kPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg==";
inline constexpr std::string_view kWav =
    "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
inline constexpr std::string_view kWatched = "test://watched-resource";

void add_content_tools(McpServer& server);  // each kind of content
void add_running_tools(McpServer& server);  // progress, log, changes, time
void add_asking_tools(McpServer& server);   // sampling, elicitation, over a session
void add_rounds(McpServer& server);         // the same in rounds of stateless requests
void add_task_tools(McpServer& server);     // calls that go on as tasks
void add_documents(McpServer& server);      // resources, templates, prompts, completion

}  // namespace ringcast::everything
