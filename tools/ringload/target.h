// What is put under load: where it listens, and how one subscribes and publishes there.
//
// The texts of a target may contain {topic}, {payload} and {event}, which are substituted per
// request; a name in braces that is none of these stays as it is (JSON bodies have braces of their
// own).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

struct TemplateValues {
  std::string_view topic = {};
  std::string_view payload = {};
  std::string_view event = {};
};

// Appends `text` to `out` with its placeholders substituted.
void substitute(std::string_view text, const TemplateValues& values, std::string& out);

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Target {
  std::string name = "ringcast";
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string subscribe_path = "/events?topic={topic}";
  Headers subscribe_headers = {{"Accept", "text/event-stream"}};
  std::string publish_method = "POST";
  std::string publish_path = "/api/events/{topic}";
  Headers publish_headers = {{"Content-Type", "text/plain"}};
  std::string publish_body = "{payload}";

  std::string host_header() const;
};

// Errors: bad_url, bad_target (naming the file and what is wrong in it).
Result<Target> target_from_url(std::string_view url);
Result<Target> target_from_yaml(std::string_view text, std::string_view file_name);
Result<Target> target_from_file(const std::string& path);

// Append a whole request. Placeholders in paths are substituted as they are: topics that need
// percent-encoding are up to the caller.
void render_subscribe(const Target& target, const TemplateValues& values, std::string& out);
void render_publish(const Target& target, const TemplateValues& values, std::string& out);

}  // namespace ringcast::load
