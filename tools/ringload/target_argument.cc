#include "tools/ringload/target_argument.h"

namespace ringcast::load {

void TargetArgument::add_to(CLI::App& app, Options& options) {
  auto* url = app.add_option("--url", url_, "a ringcast server")->capture_default_str();
  app.add_option("--target", file_, "a file that describes another server")->excludes(url);
  app.add_option("--topic-prefix", options.topic_prefix, "topics are PREFIX.0, PREFIX.1, ...")
      ->capture_default_str();
  app.add_option("--event", options.event, "what {event} stands for in a target file")
      ->capture_default_str();
  app.add_flag(
      "--raise-backlog", options.raise_backlog,
      "raise net.core.netdev_max_backlog to two packets per subscriber for the run (root)");
}

Result<Target> TargetArgument::read() const {
  return file_.empty() ? target_from_url(url_) : target_from_file(file_);
}

void add_sources_option(CLI::App& app, Options& options, const std::string& more) {
  app.add_option("--sources", options.sources,
                 "addresses of 127.0.0.0/8 that connections come from in turn (default: another "
                 "one for each 10,000 connections" +
                     more + "); for servers on such an address")
      ->check(CLI::Range(1U, 65535U));
}

}  // namespace ringcast::load
