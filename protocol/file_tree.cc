#include "protocol/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "core/utf8.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerS = 1'000'000'000;
// A rename somewhere above may disturb a lookup beneath (EAGAIN): it is tried again.
constexpr int kMostTries = 16;
constexpr std::uint32_t kWatched = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                   IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF |
                                   IN_MOVE_SELF | IN_ONLYDIR;

// An open file of this process.
class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

OpenFile open_root(const std::string& path) {
  return OpenFile(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

OpenFile open_beneath(const OpenFile& root, const std::string& relative, int flags,
                      std::uint64_t resolve = 0) {
  open_how how{.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC),
               .mode = 0,
               .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
  for (int tries = 0;; ++tries) {
    const auto fd = syscall(SYS_openat2, root.fd(), relative.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN || tries >= kMostTries) return OpenFile(static_cast<int>(fd));
  }
}

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kNsPerS + time.tv_nsec; }

FileStamp stamp_of(const struct stat& about) {
  return {.device = about.st_dev,
          .inode = about.st_ino,
          .bytes = static_cast<std::uint64_t>(about.st_size),
          .modified_ns = nanoseconds(about.st_mtim),
          .changed_ns = nanoseconds(about.st_ctim)};
}

bool is_offered(std::string_view name) {
  return !name.empty() && name.front() != '.' && is_valid_utf8(name) &&
         std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

// A regular file, open for reading.
std::optional<OpenFile> open_regular(const std::string& root, const std::string& relative,
                                     struct stat& about) {
  const OpenFile top = open_root(root);
  if (!top) return std::nullopt;
  // Opening a pipe must not wait for its other end.
  OpenFile file = open_beneath(top, relative, O_RDONLY | O_NONBLOCK);
  if (!file || ::fstat(file.fd(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  return file;
}

// Up to so many bytes from the file's beginning.
std::optional<std::string> read_bytes(const OpenFile& file, std::size_t most) {
  std::string out(most, '\0');
  std::size_t size = 0;
  while (size < most) {
    const auto got = ::read(file.fd(), out.data() + size, most - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  out.resize(size);
  return out;
}

}  // namespace

Result<FileTree> FileTree::open(std::string_view path, FileTreeLimits limits) {
  std::error_code failure;
  std::filesystem::path absolute = std::filesystem::absolute(path, failure).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // it ended with a slash
  const OpenFile root = open_root(absolute.string());
  if (path.empty() || failure || !root) {
    return fail("bad_directory", fmt::format("`{}` is no directory to be read: {}.", path,
                                             std::strerror(path.empty() ? ENOENT : errno)));
  }
  return FileTree(absolute.string(), limits);
}

std::string_view FileTree::name() const {
  return std::string_view(path_).substr(path_.rfind('/') + 1);
}

// The directories that are still to be looked into, and what has been found.
struct FileTree::Walk {
  struct Folder {
    std::string path;  // relative; empty: the top
    unsigned depth = 0;
  };
  const FileTreeLimits& limits;
  const OpenFile& root;
  int inotify;
  std::vector<Folder> folders{{}};
  std::size_t folders_seen = 0;
  Scan out{};

  void look_into(const Folder& folder, const GoOn& go_on);
  void look_at(const Folder& folder, int folder_fd, const std::string& name);
};

void FileTree::Walk::look_into(const Folder& folder, const GoOn& go_on) {
  OpenFile file = open_beneath(root, folder.path.empty() ? "." : folder.path,
                               O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
  if (!file) return;
  const std::string by_number = fmt::format("/proc/self/fd/{}", file.fd());
  if (inotify < 0 || inotify_add_watch(inotify, by_number.c_str(), kWatched) < 0) {
    out.watched = false;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(file.fd()), ::closedir);
  if (!listing) return;
  const int fd = file.release();  // it is the listing's
  while (const dirent* const entry = ::readdir(listing.get())) {
    if (!go_on()) {
      out.ended = true;
      return;
    }
    if (is_offered(entry->d_name)) look_at(folder, fd, entry->d_name);
  }
}

void FileTree::Walk::look_at(const Folder& folder, int folder_fd, const std::string& name) {
  std::string path = folder.path.empty() ? name : fmt::format("{}/{}", folder.path, name);
  struct stat about{};
  if (::fstatat(folder_fd, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISDIR(about.st_mode)) {
    if (limits.max_depth == 0) return;
    if (folder.depth < limits.max_depth && folders_seen < limits.max_files) {
      ++folders_seen;
      folders.push_back({std::move(path), folder.depth + 1});
    } else {
      ++out.left_out;
    }
    return;
  }
  if (S_ISLNK(about.st_mode)) {
    const OpenFile target = open_beneath(root, path, O_PATH);
    if (!target || ::fstat(target.fd(), &about) != 0) return;
  }
  if (!S_ISREG(about.st_mode)) return;
  const FileStamp stamp = stamp_of(about);
  if (stamp.bytes > limits.max_file_bytes || out.files.size() >= limits.max_files) {
    ++out.left_out;
  } else {
    out.files.push_back({std::move(path), stamp});
  }
}

FileTree::Scan FileTree::scan(int inotify, const GoOn& go_on) const {
  const OpenFile root = open_root(path_);
  if (!root) return {.files = {}, .watched = false};
  Walk walk{.limits = limits_, .root = root, .inotify = inotify};
  while (!walk.folders.empty() && !walk.out.ended) {
    const Walk::Folder folder = std::move(walk.folders.back());
    walk.folders.pop_back();
    walk.look_into(folder, go_on);
  }
  std::ranges::sort(walk.out.files, {}, &FoundFile::path);
  return std::move(walk.out);
}

std::optional<std::string> FileTree::read(const std::string& relative,
                                          std::uint64_t most_bytes) const {
  struct stat about{};
  const auto file = open_regular(path_, relative, about);
  if (!file || stamp_of(about).bytes > most_bytes) return std::nullopt;
  // It may grow meanwhile: one byte more than it may have tells.
  auto bytes = read_bytes(*file, std::min(stamp_of(about).bytes, most_bytes) + 1);
  if (!bytes || bytes->size() > most_bytes) return std::nullopt;
  return bytes;
}

std::optional<std::string> FileTree::read_front(const std::string& relative,
                                                std::size_t bytes) const {
  struct stat about{};
  const auto file = open_regular(path_, relative, about);
  if (!file) return std::nullopt;
  return read_bytes(*file, bytes);
}

}  // namespace ringcast
