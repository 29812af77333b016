// A directory whose files are offered: what lies in it, and reading one of them.
//
// Nothing outside of it is ever reached: the kernel resolves every path beneath the directory
// (openat2, RESOLVE_BENEATH), so `..`, absolute paths and symbolic links that lead out find
// nothing. Links to files inside are followed, links to directories are not. Names that begin with
// a dot, or are not UTF-8, are left out, and so is what is no regular file.
//
// Blocks on the file system: not for a core's thread while it serves. Any one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ringcast {

// Asked between two steps of something long; false: it is to end.
using GoOn = std::function<bool()>;

// What tells whether a file is still the same.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;  // since 1970
  std::int64_t changed_ns = 0;   // the inode, since 1970
  bool operator==(const FileStamp&) const = default;
};

struct FoundFile {
  std::string path;  // relative to the directory
  FileStamp stamp;
};

struct FileTreeLimits {
  std::size_t max_files = 100'000;  // and as many directories
  std::uint64_t max_file_bytes = std::uint64_t{16} << 20;
  unsigned max_depth = 64;  // of directories; 0: only the files at the top
};

class FileTree {
 public:
  struct Scan {
    std::vector<FoundFile> files;  // by path
    bool watched = true;           // false: changes may go unnoticed, so look again later
    bool ended = false;            // `go_on` said so; the rest is missing
    std::size_t left_out = 0;      // for the limits
  };

  // Errors: bad_directory if there is none of that path.
  static Result<FileTree> open(std::string_view path, FileTreeLimits limits);

  // All files as they are now. Each directory is first watched by this inotify (-1: none), so that
  // what changes meanwhile is noticed. A directory that has vanished has no files.
  Scan scan(int inotify, const GoOn& go_on) const;

  // The bytes of a file, at most so many; nothing if it is not there (any more), cannot be read or
  // is larger.
  std::optional<std::string> read(const std::string& relative, std::uint64_t most_bytes) const;
  // Its beginning.
  std::optional<std::string> read_front(const std::string& relative, std::size_t bytes) const;

  const std::string& path() const { return path_; }
  std::string_view name() const;  // the last part of the path

 private:
  struct Walk;
  FileTree(std::string path, FileTreeLimits limits) : path_(std::move(path)), limits_(limits) {}

  std::string path_;  // absolute
  FileTreeLimits limits_;
};

}  // namespace ringcast
