#include "protocol/document_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/event_stream.h"
#include "core/utf8.h"
#include "net/url.h"
#include "protocol/document_text.h"

namespace ringcast {
namespace {

constexpr std::size_t kFrontBytes = 4 << 10;
// The clock of a file system may stand still for so long.
constexpr std::int64_t kFreshNs = 20'000'000;

std::int64_t now_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

void member(std::string& out, std::string_view key, std::string_view text) {
  out.append(out.ends_with('{') ? "\"" : ",\"").append(key).append("\":");
  append_json_string(out, text);
}

constexpr std::string_view kListedBegin = R"({"uri":")";

std::string listed(const Document& document, std::string_view path) {
  std::string json(kListedBegin);
  json.append(document.uri).append("\"");  // percent-encoded, which leaves nothing to escape
  member(json, "name", path);
  if (!document.title.empty()) member(json, "title", document.title);
  member(json, "mimeType", document.mime_type);
  json += fmt::format(",\"size\":{}}}", document.stamp.bytes);
  return json;
}

}  // namespace

std::optional<std::string> document_path(std::string_view uri) {
  if (!uri.starts_with(kDocumentScheme)) return std::nullopt;
  const std::string_view raw = uri.substr(kDocumentScheme.size());
  std::string decoded(raw.size() + 1, '\0');
  const auto path = percent_decode(raw, decoded);
  if (!path) return std::nullopt;
  decoded.resize(path->size());
  return decoded;
}

std::string listed_path(std::string_view json) {
  const std::string_view from_uri = json.substr(kListedBegin.size());
  return document_path(from_uri.substr(0, from_uri.find('"'))).value_or("");
}

struct DocumentCatalog::Found {
  const FileTree* tree;
  FoundFile file;
};

Result<DocumentCatalog> DocumentCatalog::open(const std::vector<std::string>& directories,
                                              FileTreeLimits limits) {
  std::vector<FileTree> trees;
  for (const std::string& directory : directories) {
    auto tree = FileTree::open(directory, limits);
    if (!tree) return std::unexpected(std::move(tree.error()));
    for (const FileTree& other : trees) {
      if (other.name() != tree->name()) continue;
      return fail("bad_directory",
                  fmt::format("`{}` and `{}` have the same name, so their documents could not be "
                              "told apart.",
                              other.path(), tree->path()));
    }
    trees.push_back(std::move(*tree));
  }
  return DocumentCatalog(std::move(trees), limits);
}

std::map<std::string, DocumentCatalog::Found> DocumentCatalog::scan(int inotify, const GoOn& go_on,
                                                                    Changes& changes, bool& whole) {
  std::map<std::string, Found> found;
  for (const FileTree& tree : *trees_) {
    FileTree::Scan scan = tree.scan(inotify, go_on);
    changes.watched = changes.watched && scan.watched;
    changes.left_out += scan.left_out;
    whole = whole && !scan.ended;
    for (FoundFile& file : scan.files) {
      if (found.size() >= limits_.max_files) {
        ++changes.left_out;
        continue;
      }
      std::string path =
          trees_->size() > 1 ? fmt::format("{}/{}", tree.name(), file.path) : file.path;
      found.emplace(std::move(path), Found{&tree, std::move(file)});
    }
  }
  return found;
}

Document DocumentCatalog::describe(const std::string& path, const Found& found) const {
  Document out;
  out.tree = found.tree;
  out.relative = found.file.path;
  out.stamp = found.file.stamp;
  out.uri = std::string(kDocumentScheme) + percent_encode_path(path);
  const std::string front = out.tree->read_front(out.relative, kFrontBytes).value_or("");
  out.is_text = looks_like_text(front);
  out.mime_type = mime_type_of(path);
  if (out.mime_type.empty()) {
    out.mime_type = out.is_text ? "text/plain" : "application/octet-stream";
  }
  if (out.is_text) out.title = document_title(out.mime_type, front);
  out.json = listed(out, path);
  return out;
}

DocumentCatalog::Changes DocumentCatalog::refresh(int inotify, const GoOn& go_on) {
  Changes changes;
  const std::int64_t young_ns = now_ns() - kFreshNs;
  bool whole = true;
  const std::map<std::string, Found> found = scan(inotify, go_on, changes, whole);
  if (!whole) return changes;
  std::erase_if(documents_, [&](const auto& entry) {
    if (found.contains(entry.first)) return false;
    changes.list = true;
    changes.updated.push_back(entry.second.uri);
    changes.to_forget.push_back(entry.second.uri);
    return true;
  });
  for (const auto& [path, file] : found) {
    if (!go_on()) return changes;
    const auto known = documents_.find(path);
    if (known != documents_.end() && known->second.stamp == file.file.stamp &&
        !known->second.fresh) {
      continue;
    }
    Document document = describe(path, file);
    document.fresh = std::max(document.stamp.modified_ns, document.stamp.changed_ns) >= young_ns;
    changes.to_index.push_back(document.uri);
    if (known == documents_.end()) {
      changes.list = true;
      documents_.emplace(path, std::move(document));
    } else {
      changes.updated.push_back(document.uri);
      known->second = std::move(document);
    }
  }
  return changes;
}

const Document* DocumentCatalog::find(std::string_view uri) const {
  const auto path = document_path(uri);
  if (!path) return nullptr;
  const auto found = documents_.find(*path);
  return found == documents_.end() ? nullptr : &found->second;
}

std::optional<std::string> DocumentCatalog::text(const Document& document) const {
  if (!document.is_text) return std::nullopt;
  auto text = document.tree->read(document.relative, limits_.max_file_bytes);
  if (!text || text->contains('\0') || !is_valid_utf8(*text)) return std::nullopt;
  return text;
}

DocumentCatalog::Reading DocumentCatalog::append_contents(std::string& json,
                                                          const Document& document,
                                                          std::string_view uri) const {
  const auto bytes = document.tree->read(document.relative, limits_.max_file_bytes);
  if (!bytes) return Reading::missing;
  const bool is_text = !bytes->contains('\0') && is_valid_utf8(*bytes);
  if (!is_text && bytes->size() > kMostBlobBytes) return Reading::too_large;
  json += '{';
  member(json, "uri", uri);
  member(json, "mimeType", document.mime_type);
  if (is_text) {
    member(json, "text", *bytes);
  } else {
    json.append(",\"blob\":\"").append(base64(*bytes)).append("\"");
  }
  json += '}';
  return Reading::whole;
}

std::vector<std::string> DocumentCatalog::list() const {
  std::vector<std::string> out;
  out.reserve(documents_.size());
  for (const auto& [path, document] : documents_) out.push_back(document.json);
  return out;
}

}  // namespace ringcast
