// A search index over passages of documents, in memory (SQLite FTS5).
//
// Two rankings are made and fused: BM25 over words, and BM25 over trigrams, which also finds parts
// of words and words that are misspelt. Fused by reciprocal rank: a passage that is n-th in a
// ranking gets 1/(60+n) from it. What is asked never reaches the query language of FTS5 except as
// quoted strings. One thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/file_tree.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ringcast {

inline constexpr std::size_t kMostQueryBytes = 1'000;

struct SearchHit {
  std::string uri;
  std::string title;
  std::string passage;
  double score;
};

class DocumentIndex {
 public:
  // At most so much text; the index takes about six times its room. Errors: bad_search if this
  // SQLite lacks what is needed.
  static Result<DocumentIndex> open(std::uint64_t max_bytes = std::uint64_t{64} << 20);

  // Indexes a document, in the place of what there was under this URI. False: there is no room for
  // it, or `go_on` ended it, and nothing of it is found.
  bool put(std::string_view uri, std::string_view title, std::string_view text, const GoOn& go_on);
  void remove(std::string_view uri);

  // The best passages, the best first. Takes two seconds at most, roughly; what has not been
  // ranked by then is missing.
  std::vector<SearchHit> search(std::string_view query, std::size_t most);

  std::uint64_t bytes() const { return bytes_; }  // of text

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct EndStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

  DocumentIndex() = default;
  Result<void> prepare();
  Statement statement(std::string_view sql);
  bool execute(const char* sql);
  std::vector<std::int64_t> ranking(sqlite3_stmt* statement, const std::string& expression,
                                    int at_least);
  bool insert(std::string_view uri, std::string_view title, std::string_view text,
              const GoOn& go_on);

  std::unique_ptr<sqlite3, CloseDatabase> database_;
  Statement add_document_, find_document_, add_passage_, add_words_, add_trigrams_;
  Statement drop_words_, drop_trigrams_, drop_passages_, drop_document_;
  Statement rank_words_, rank_trigrams_, get_passage_;
  std::uint64_t bytes_ = 0;
  std::uint64_t max_bytes_ = 0;
};

}  // namespace ringcast
