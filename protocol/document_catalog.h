// The documents below some directories: what there is now, how it is listed, and what has changed.
//
// A document is a resource `docs://PATH`. With several directories the path's first part is the
// directory's name. One thread only; blocks on the file system.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/file_tree.h"

namespace ringcast {

inline constexpr std::string_view kDocumentScheme = "docs://";
inline constexpr std::uint64_t kMostBlobBytes = std::uint64_t{4} << 20;

struct Document {
  const FileTree* tree = nullptr;
  std::string relative;  // to the tree
  FileStamp stamp;
  // It was so young when it was looked at that it may change without another stamp.
  bool fresh = false;
  std::string uri;
  std::string title;
  std::string_view mime_type;
  bool is_text = false;
  std::string json;  // as listed
};

// The path that a URI names, however it is percent-encoded; nothing if it is none of a document.
std::optional<std::string> document_path(std::string_view uri);
// The path of a document that is listed so.
std::string listed_path(std::string_view json);

class DocumentCatalog {
 public:
  struct Changes {
    bool list = false;                 // documents came or went
    std::vector<std::string> updated;  // URIs of those that changed or went
    std::vector<std::string> to_index;
    std::vector<std::string> to_forget;
    bool watched = true;
    std::size_t left_out = 0;
  };
  enum class Reading : std::uint8_t { whole, missing, too_large };

  // Errors: bad_directory, also for two directories of the same name.
  static Result<DocumentCatalog> open(const std::vector<std::string>& directories,
                                      FileTreeLimits limits = {});

  // Looks at everything. If `go_on` ends it, it may stop halfway; looking again finds the rest.
  Changes refresh(int inotify, const GoOn& go_on);

  // By its URI, however that is percent-encoded; null if there is none.
  const Document* find(std::string_view uri) const;
  std::optional<std::string> text(const Document& document) const;
  // Appends it as contents of a resource, JSON.
  Reading append_contents(std::string& json, const Document& document, std::string_view uri) const;

  // As they are listed, in the order of their paths.
  std::vector<std::string> list() const;

 private:
  struct Found;
  DocumentCatalog(std::vector<FileTree> trees, FileTreeLimits limits)
      : trees_(std::make_unique<std::vector<FileTree>>(std::move(trees))), limits_(limits) {}
  std::map<std::string, Found> scan(int inotify, const GoOn& go_on, Changes& changes, bool& whole);
  Document describe(const std::string& path, const Found& found) const;

  std::unique_ptr<std::vector<FileTree>> trees_;  // documents point there
  FileTreeLimits limits_;
  std::map<std::string, Document, std::less<>> documents_;  // by path
};

}  // namespace ringcast
