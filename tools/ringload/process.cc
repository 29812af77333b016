#include "tools/ringload/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <thread>

namespace ringcast::load {
namespace {

constexpr auto kStep = std::chrono::milliseconds(10);

// What kept the child from running, sent to its parent.
struct Obstacle {
  int error;
  char what[16];
};

[[noreturn]] void give_up(int pipe, const char* what) {
  Obstacle obstacle{.error = errno, .what = {}};
  std::strncpy(obstacle.what, what, sizeof obstacle.what - 1);
  [[maybe_unused]] const auto told = write(pipe, &obstacle, sizeof obstacle);
  _exit(127);
}

void pin(const std::vector<int>& cores, int pipe) {
  if (cores.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) {
    if (core >= 0 && core < CPU_SETSIZE) CPU_SET(static_cast<unsigned>(core), &set);
  }
  if (sched_setaffinity(0, sizeof set, &set) != 0) give_up(pipe, "cores");
}

// Between fork and exec.
[[noreturn]] void become(const Process::Setup& setup, pid_t parent, int pipe) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it is gone already
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_DFL);
  pin(setup.cores, pipe);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int output = setup.output.empty() ? nothing
                                          : open(setup.output.c_str(),
                                                 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (nothing < 0 || output < 0) give_up(pipe, "output");
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  if (!setup.shows_errors) dup2(output, STDERR_FILENO);
  if (!setup.directory.empty() && chdir(setup.directory.c_str()) != 0) give_up(pipe, "directory");
  for (const auto& [name, value] : setup.environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> words;
  words.reserve(setup.command.size() + 1);
  for (const std::string& word : setup.command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  give_up(pipe, "program");
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Result<Process> Process::start(const Setup& setup) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return fail("cannot_start", std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(setup, parent, pipe[1]);
  close(pipe[1]);
  Obstacle obstacle{};
  const bool stopped = pid > 0 && read(pipe[0], &obstacle, sizeof obstacle) == sizeof obstacle;
  close(pipe[0]);
  if (pid < 0) return fail("cannot_start", std::strerror(errno));
  if (!stopped) return Process(pid);
  waitpid(pid, nullptr, 0);
  return fail("cannot_start", fmt::format("Cannot start {}: {}: {}.", setup.command[0],
                                          obstacle.what, std::strerror(obstacle.error)));
}

std::optional<int> Process::status() {
  if (pid_ > 0 && !status_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = exit_status(status);
  }
  return status_;
}

void Process::signal(int number) const {
  if (pid_ > 0 && !status_) kill(pid_, number);
}

void Process::stop(double patience_s) {
  if (pid_ <= 0) return;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience_s);
  signal(SIGTERM);
  while (!status() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(kStep);
  kill(-pid_, SIGKILL);  // the session that it began
  if (!status_) {
    int status = 0;
    if (waitpid(pid_, &status, 0) == pid_) status_ = exit_status(status);
  }
  pid_ = -1;
}

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code error;
  std::string path = (std::filesystem::temp_directory_path(error) / "ringload.XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr) {
    return fail("cannot_write",
                fmt::format("Cannot make a folder for temporary files: {}.", std::strerror(errno)));
  }
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string tail_of(const std::string& file, std::size_t lines) {
  std::ifstream stream(file);
  std::deque<std::string> kept;
  for (std::string line; std::getline(stream, line);) {
    kept.push_back(std::move(line));
    if (kept.size() > lines) kept.pop_front();
  }
  return fmt::format("{}", fmt::join(kept, "; "));
}

}  // namespace ringcast::load
