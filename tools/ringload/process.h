// A program that ringload starts: a server to be measured, or a load of its own.
//
// It has a session of its own, so that a Ctrl-C in the terminal is ours to pass on, and it ends
// with ringload, whatever becomes of that. For programs of one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

class Process {
 public:
  struct Setup {
    std::vector<std::string> command;  // found in PATH unless it has a slash
    std::vector<std::pair<std::string, std::string>> environment = {};  // in addition to ours
    std::string directory = {};                                         // empty: ours
    std::vector<int> cores = {};                                        // empty: as we may
    std::string output = {};    // a file for all that it prints; empty: nowhere
    bool shows_errors = false;  // on our standard error instead
  };

  // Error: cannot_start.
  static Result<Process> start(const Setup& setup);

  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}
  Process& operator=(Process&&) = delete;
  ~Process() { stop(0.5); }

  pid_t pid() const { return pid_; }
  // Its exit status, 128 and more for signals; nothing while it runs.
  std::optional<int> status();
  void signal(int number) const;
  // Asks it to end, waits, and kills it and all of its session that are left.
  void stop(double patience_s);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}

  pid_t pid_;
  std::optional<int> status_;
};

// A folder for the time of its life, with all that is in it.
class TemporaryFolder {
 public:
  // Error: cannot_write.
  static Result<TemporaryFolder> create();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The last lines of a text file, for messages: at most `lines`, as one.
std::string tail_of(const std::string& file, std::size_t lines);

}  // namespace ringcast::load
