// Documents and prompts of directories, below the server: texts, trees, catalogs, the index.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/document_catalog.h"
#include "protocol/document_index.h"
#include "protocol/document_text.h"
#include "protocol/file_tree.h"
#include "protocol/log.h"
#include "protocol/prompt_directory.h"

namespace ringcast {
namespace {

namespace fs = std::filesystem;

bool always() { return true; }
bool never() { return false; }

class Folder {
 public:
  Folder() {
    std::string name = fs::temp_directory_path() / "documents_test.XXXXXX";
    RINGCAST_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  void write(const std::string& name, std::string_view text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

std::vector<std::string> passages(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view passage = next_passage(text); !passage.empty();
       passage = next_passage(text)) {
    out.emplace_back(passage);
  }
  EXPECT_TRUE(text.empty());
  return out;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

// --- texts ---

TEST(DocumentText, PassagesEndWhereTheyCan) {
  EXPECT_TRUE(passages("").empty());
  EXPECT_TRUE(passages(" \n\t ").empty());
  EXPECT_EQ(passages(" one \n").front(), "one");
  EXPECT_EQ(passages(std::string(1'000, 'x')).size(), 1U);
  EXPECT_EQ(passages(std::string(1'001, 'x')).size(), 2U);
  const std::string paragraph(700, 'x');
  EXPECT_EQ(passages(paragraph + "\n\n" + paragraph),
            (std::vector<std::string>{paragraph, paragraph}));
  for (const std::string& passage : passages(repeated("word ", 1'000))) {
    EXPECT_TRUE(passage.starts_with("word") && passage.ends_with("word"));
    EXPECT_LE(passage.size(), 1'000U);
  }
}

TEST(DocumentText, PassagesCountCharacters) {
  const auto found = passages(repeated("日", 2'500));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].size(), 3'000U);
  EXPECT_EQ(found[2].size(), 1'500U);
  // No text is lost, whatever it is.
  EXPECT_EQ(passages(repeated("\x80", 1'500)).size(), 1U);
}

TEST(DocumentText, Titles) {
  const auto markdown = [](std::string_view text) { return document_title("text/markdown", text); };
  EXPECT_EQ(markdown("intro\n\n## A heading ##\n# Another"), "A heading");
  EXPECT_EQ(markdown("---\ntitle: x\n---\n# Real\n"), "Real");
  EXPECT_EQ(markdown("---\nno end\n# Real\n"), "Real");
  EXPECT_EQ(markdown("\n\n #hashtag\nmore"), "#hashtag");
  EXPECT_EQ(markdown("#\n# \n###### Deep\n"), "Deep");
  EXPECT_EQ(markdown(""), "");
  EXPECT_EQ(document_title("text/plain", "\r\n  first line  \r\nsecond"), "first line");
  EXPECT_EQ(document_title("text/plain", repeated("ä", 200)).size(), 160U);
  EXPECT_EQ(document_title("application/json", "{\"a\":1}"), "");
}

TEST(DocumentText, MimeTypes) {
  EXPECT_EQ(mime_type_of("a/b.MD"), "text/markdown");
  EXPECT_EQ(mime_type_of("a.md/b"), "");
  EXPECT_EQ(mime_type_of("md"), "");
  EXPECT_EQ(mime_type_of("x.unknown"), "");
  EXPECT_TRUE(looks_like_text("caf\xc3"));  // cut inside
  EXPECT_FALSE(looks_like_text(std::string_view("a\0b", 3)));
  EXPECT_FALSE(looks_like_text("\xff\xfe"));
  EXPECT_EQ(percent_encode_path("a b/ü?.txt"), "a%20b/%C3%BC%3F.txt");
  EXPECT_EQ(base64("a"), "YQ==");
  EXPECT_EQ(base64(""), "");
}

// --- trees ---

TEST(FileTree, NothingOutsideIsReached) {
  const Folder outside;
  outside.write("secret", "secret");
  const Folder folder;
  folder.write("inside", "inside");
  fs::create_symlink(outside.path() + "/secret", folder.path() + "/absolute");
  fs::create_symlink("../" + fs::path(outside.path()).filename().string() + "/secret",
                     folder.path() + "/relative");
  fs::create_symlink(outside.path(), folder.path() + "/folder");
  fs::create_symlink("inside", folder.path() + "/link");
  fs::create_symlink(".", folder.path() + "/loop");
  ASSERT_EQ(mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);
  const auto tree = FileTree::open(folder.path(), {});
  ASSERT_TRUE(tree);
  std::vector<std::string> found;
  for (const FoundFile& file : tree->scan(-1, always).files) found.push_back(file.path);
  EXPECT_EQ(found, (std::vector<std::string>{"inside", "link"}));
  EXPECT_EQ(tree->read("link", 100), "inside");
  for (const char* const path : {"absolute", "relative", "folder/secret", "../", "..",
                                 "/etc/passwd", "pipe", "", ".", "loop/../../x", "nothing"}) {
    EXPECT_FALSE(tree->read(path, 100)) << path;
    EXPECT_FALSE(tree->read_front(path, 100)) << path;
  }
}

TEST(FileTree, Limits) {
  const Folder folder;
  for (int i = 0; i < 5; ++i) folder.write(fmt::format("{}/file", i), std::string(10, 'x'));
  folder.write("0/large", std::string(11, 'x'));
  folder.write("a/b/c", "deep");
  const auto tree =
      FileTree::open(folder.path(), {.max_files = 8, .max_file_bytes = 10, .max_depth = 1});
  const FileTree::Scan scan = tree->scan(-1, always);
  EXPECT_EQ(scan.files.size(), 5U);
  EXPECT_EQ(scan.left_out, 2U);
  EXPECT_FALSE(scan.watched);
  EXPECT_EQ(FileTree::open(folder.path(), {.max_files = 3})->scan(-1, always).files.size() <= 3,
            true);
  EXPECT_TRUE(tree->scan(-1, never).ended);
  EXPECT_EQ(tree->read("0/large", 10), std::nullopt);
  EXPECT_EQ(tree->read_front("0/large", 4), "xxxx");
}

TEST(FileTree, PathsAreTidied) {
  const Folder folder;
  const std::string name = fs::path(folder.path()).filename();
  EXPECT_EQ(FileTree::open(folder.path() + "/./x/../", {})->name(), name);
  EXPECT_EQ(FileTree::open("", {}).error().code, "bad_directory");
  EXPECT_EQ(FileTree::open(folder.path() + "/x", {}).error().code, "bad_directory");
}

TEST(DocumentCatalog, ChangesOfTheSameMoment) {
  const Folder folder;
  folder.write("a", "1");
  auto catalog = DocumentCatalog::open({folder.path()});
  ASSERT_TRUE(catalog);
  EXPECT_TRUE(catalog->refresh(-1, always).list);
  folder.write("a", "2");  // perhaps with the same stamp
  EXPECT_EQ(catalog->refresh(-1, always).updated, std::vector<std::string>{"docs://a"});
  EXPECT_EQ(catalog->text(*catalog->find("docs://a")), "2");
}

// --- the index ---

TEST(DocumentIndex, FindsForgetsReplaces) {
  auto index = DocumentIndex::open();
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_TRUE(index->put("a", "A", "the quick brown fox", always));
  EXPECT_TRUE(index->put("b", "B", "a lazy dog", always));
  ASSERT_EQ(index->search("fox", 10).size(), 1U);
  EXPECT_EQ(index->search("fox", 10)[0].uri, "a");
  EXPECT_DOUBLE_EQ(index->search("fox", 10)[0].score, 2.0 / 61);
  EXPECT_TRUE(index->put("a", "A", "a sly cat", always));
  EXPECT_TRUE(index->search("fox", 10).empty());
  EXPECT_EQ(index->search("cat", 10).size(), 1U);
  index->remove("a");
  index->remove("nothing");
  EXPECT_TRUE(index->search("cat", 10).empty());
  index->remove("b");
  EXPECT_EQ(index->bytes(), 0U);
}

TEST(DocumentIndex, Bounded) {
  auto index = DocumentIndex::open(10);
  EXPECT_TRUE(index->put("a", "", "0123456789", always));
  EXPECT_FALSE(index->put("b", "", "x", always));
  EXPECT_TRUE(index->put("a", "", "short", always));
  EXPECT_FALSE(index->put("c", "", "half", never));
  EXPECT_TRUE(index->search("half", 10).empty());
  EXPECT_TRUE(index->put("b", "", "more", always));
}

TEST(DocumentIndex, AnyQuery) {
  auto index = DocumentIndex::open();
  index->put("a", "", "alpha beta \"gamma\"", always);
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  EXPECT_TRUE(index->search(every, 10).empty());
  EXPECT_TRUE(index->search("", 10).empty());
  EXPECT_EQ(index->search(every + " alpha", 10).size() <= 1, true);
  for (int c = 0; c < 128; ++c) {
    const std::string mark(1, static_cast<char>(c));
    const std::string before = mark + (std::isalnum(c) != 0 ? " " : "") + "alpha";
    EXPECT_EQ(index->search(before, 10).size(), 1U) << c;
  }
  EXPECT_EQ(index->search(repeated("alpha ", 10'000), 10).size(), 1U);
  EXPECT_EQ(index->search("AND OR NOT NEAR alpha", 10).size(), 1U);
}

// --- prompts ---

TEST(Prompts, Fill) {
  McpPrompt about{.name = "x", .arguments = {{.name = "a"}, {.name = "b"}}};
  const auto fill = [&](std::string_view text) {
    return fill_prompt(text, about, [](std::string_view name) -> std::string_view {
      return name == "a" ? "{{b}}" : "B";
    });
  };
  EXPECT_EQ(fill("{{a}}{{b}}{{ b }}"), "{{b}}BB");
  EXPECT_EQ(fill("{{c}} {{ {{b}} }} {{b {b}} {{"), "{{c}} {{ B }} {{b {b}} {{");
  EXPECT_EQ(fill(""), "");
}

TEST(Prompts, AFileThatGoesIsGone) {
  log_configure({.level = LogLevel::kOff});
  const Folder folder;
  folder.write("a.json", R"({"name":"a","messages":[{"role":"user","content":"x"}]})");
  folder.write("b.json", "{");
  auto prompts = PromptDirectory::open({folder.path()});
  EXPECT_TRUE(prompts->refresh(-1, always).any);
  EXPECT_EQ(prompts->list()->listed, std::vector<std::string>{R"({"name":"a"})"});
  EXPECT_FALSE(prompts->refresh(-1, always).any);
  fs::remove(folder.path() + "/a.json");
  EXPECT_TRUE(prompts->refresh(-1, always).any);
  EXPECT_TRUE(prompts->list()->listed.empty());
  log_configure({});
}

}  // namespace
}  // namespace ringcast
