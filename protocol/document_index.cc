#include "protocol/document_index.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <bitset>
#include <cctype>
#include <chrono>
#include <unordered_map>

#include "core/utf8.h"
#include "protocol/document_text.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostWords = 32;
constexpr std::size_t kMostTrigrams = 64;
constexpr int kRanked = 100;  // of each ranking
constexpr double kFusion = 60;
constexpr auto kMostTime = std::chrono::seconds(2);
constexpr int kStepsBetweenLooks = 1'000;

// The transaction never ends, since nobody else reads and nothing is to last: that spares FTS5 from
// writing and merging a segment for every document.
constexpr const char* kSchema = R"(
  PRAGMA journal_mode = OFF;
  PRAGMA temp_store = MEMORY;
  CREATE TABLE documents (id INTEGER PRIMARY KEY, uri TEXT UNIQUE, title TEXT, bytes INTEGER);
  CREATE TABLE passages (id INTEGER PRIMARY KEY, document INTEGER, text TEXT);
  CREATE INDEX passages_of ON passages (document);
  CREATE VIRTUAL TABLE words USING fts5 (text, content = 'passages', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2');
  CREATE VIRTUAL TABLE trigrams USING fts5 (text, content = 'passages', content_rowid = 'id',
    tokenize = 'trigram');
  INSERT INTO words (words, rank) VALUES ('hashsize', 4194304);
  INSERT INTO trigrams (trigrams, rank) VALUES ('hashsize', 8388608);
  BEGIN;
)";

std::string_view text_of(sqlite3_stmt* row, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

// A statement that is being used: bound from left to right, and as it was afterwards.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use& with(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  Use& with(std::string_view text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
    return *this;
  }
  bool row() { return sqlite3_step(statement_) == SQLITE_ROW; }
  bool run() { return sqlite3_step(statement_) == SQLITE_DONE; }

 private:
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

// --- what FTS5 is asked ---

// A string of FTS5's query language: nothing inside of it means anything.
void append_quoted(std::string& out, std::string_view text) {
  out += out.empty() ? "\"" : " OR \"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

// Bytes of other characters than ASCII's always belong to a word.
bool is_between_words(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x80 && std::isalnum(byte) == 0;
}

std::vector<std::string_view> words_of(std::string_view query) {
  std::vector<std::string_view> out;
  const char* at = query.data();
  const char* const end = at + query.size();
  while (out.size() < kMostWords) {
    at = std::find_if_not(at, end, is_between_words);
    if (at == end) break;
    const char* const word = at;
    at = std::find_if(at, end, is_between_words);
    out.emplace_back(word, at);
  }
  return out;
}

std::vector<std::string_view> trigrams_of(const std::vector<std::string_view>& words) {
  std::vector<std::string_view> out;
  for (std::string_view word : words) {
    while (out.size() < kMostTrigrams) {
      std::size_t bytes = 0;
      int chars = 0;
      for (; chars < 3 && bytes < word.size(); ++chars) {
        bytes += std::max<std::size_t>(utf8_length(word.substr(bytes)), 1);
      }
      if (chars < 3) break;
      const std::string_view trigram = word.substr(0, bytes);
      if (std::ranges::find(out, trigram) == out.end()) out.push_back(trigram);
      word.remove_prefix(std::max<std::size_t>(utf8_length(word), 1));
    }
  }
  return out;
}

// How many of the phrases asked for a row has: `hits(trigrams)`.
void count_hits(const Fts5ExtensionApi* api, Fts5Context* row, sqlite3_context* result, int,
                sqlite3_value**) {
  std::bitset<kMostTrigrams> seen;
  int instances = 0;
  if (const int failure = api->xInstCount(row, &instances); failure != SQLITE_OK) {
    sqlite3_result_error_code(result, failure);
    return;
  }
  for (int i = 0; i < instances; ++i) {
    int phrase = 0;
    int column = 0;
    int offset = 0;
    if (api->xInst(row, i, &phrase, &column, &offset) != SQLITE_OK) break;
    if (static_cast<std::size_t>(phrase) < seen.size()) seen.set(static_cast<std::size_t>(phrase));
  }
  sqlite3_result_int64(result, static_cast<std::int64_t>(seen.count()));
}

fts5_api* find_fts5(sqlite3* database) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  return api;
}

// Ends what the database does when there has been time enough.
class TimeLimit {
 public:
  explicit TimeLimit(sqlite3* database) : database_(database) {
    sqlite3_progress_handler(database_, kStepsBetweenLooks, look, this);
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  ~TimeLimit() { sqlite3_progress_handler(database_, 0, nullptr, nullptr); }

 private:
  static int look(void* self) {
    return std::chrono::steady_clock::now() >= static_cast<TimeLimit*>(self)->end_ ? 1 : 0;
  }
  sqlite3* database_;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + kMostTime;
};

}  // namespace

void DocumentIndex::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close(database); }
void DocumentIndex::EndStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<DocumentIndex> DocumentIndex::open(std::uint64_t max_bytes) {
  DocumentIndex index;
  index.max_bytes_ = max_bytes;
  sqlite3* database = nullptr;
  const int opened =
      sqlite3_open_v2(":memory:", &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  index.database_.reset(database);
  if (opened == SQLITE_OK) {
    if (auto prepared = index.prepare(); prepared) return index;
  }
  return fail("bad_search",
              fmt::format("SQLite cannot search documents: {}.",
                          database == nullptr ? "out of memory" : sqlite3_errmsg(database)));
}

Result<void> DocumentIndex::prepare() {
  const auto cannot = [] { return fail("bad_search", {}); };
  fts5_api* const fts5 = find_fts5(database_.get());
  if (fts5 == nullptr || !execute(kSchema) ||
      fts5->xCreateFunction(fts5, "hits", nullptr, count_hits, nullptr) != SQLITE_OK) {
    return cannot();
  }
  add_document_ = statement("INSERT INTO documents (uri, title, bytes) VALUES (?1, ?2, ?3)");
  find_document_ = statement("SELECT id, bytes FROM documents WHERE uri = ?1");
  add_passage_ = statement("INSERT INTO passages (document, text) VALUES (?1, ?2)");
  add_words_ = statement("INSERT INTO words (rowid, text) VALUES (?1, ?2)");
  add_trigrams_ = statement("INSERT INTO trigrams (rowid, text) VALUES (?1, ?2)");
  drop_words_ = statement(
      "INSERT INTO words (words, rowid, text) "
      "SELECT 'delete', id, text FROM passages WHERE document = ?1");
  drop_trigrams_ = statement(
      "INSERT INTO trigrams (trigrams, rowid, text) "
      "SELECT 'delete', id, text FROM passages WHERE document = ?1");
  drop_passages_ = statement("DELETE FROM passages WHERE document = ?1");
  drop_document_ = statement("DELETE FROM documents WHERE id = ?1");
  rank_words_ =
      statement("SELECT rowid FROM words WHERE words MATCH ?1 AND ?2 > 0 ORDER BY rank LIMIT ?3");
  rank_trigrams_ = statement(
      "SELECT rowid FROM trigrams WHERE trigrams MATCH ?1 AND hits(trigrams) >= ?2 "
      "ORDER BY rank LIMIT ?3");
  get_passage_ = statement(
      "SELECT uri, title, text FROM passages JOIN documents ON documents.id = document "
      "WHERE passages.id = ?1");
  for (const Statement* const each :
       {&add_document_, &find_document_, &add_passage_, &add_words_, &add_trigrams_, &drop_words_,
        &drop_trigrams_, &drop_passages_, &drop_document_, &rank_words_, &rank_trigrams_,
        &get_passage_}) {
    if (!*each) return cannot();
  }
  return {};
}

DocumentIndex::Statement DocumentIndex::statement(std::string_view sql) {
  sqlite3_stmt* out = nullptr;
  sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                     SQLITE_PREPARE_PERSISTENT, &out, nullptr);
  return Statement(out);
}

bool DocumentIndex::execute(const char* sql) {
  return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool DocumentIndex::put(std::string_view uri, std::string_view title, std::string_view text,
                        const GoOn& go_on) {
  remove(uri);
  if (bytes_ + text.size() > max_bytes_) return false;
  const bool whole = insert(uri, title, text, go_on);
  if (!whole) remove(uri);
  return whole;
}

bool DocumentIndex::insert(std::string_view uri, std::string_view title, std::string_view text,
                           const GoOn& go_on) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (!Use(add_document_.get()).with(uri).with(title).with(size).run()) return false;
  bytes_ += text.size();
  const std::int64_t document = sqlite3_last_insert_rowid(database_.get());
  for (;;) {
    const std::string_view passage = next_passage(text);
    if (passage.empty()) return true;
    if (!go_on() || !Use(add_passage_.get()).with(document).with(passage).run()) return false;
    const std::int64_t id = sqlite3_last_insert_rowid(database_.get());
    if (!Use(add_words_.get()).with(id).with(passage).run() ||
        !Use(add_trigrams_.get()).with(id).with(passage).run()) {
      return false;
    }
  }
}

void DocumentIndex::remove(std::string_view uri) {
  std::int64_t document = 0;
  {
    Use find(find_document_.get());
    if (!find.with(uri).row()) return;
    document = sqlite3_column_int64(find_document_.get(), 0);
    bytes_ -= static_cast<std::uint64_t>(sqlite3_column_int64(find_document_.get(), 1));
  }
  for (const Statement* const drop :
       {&drop_words_, &drop_trigrams_, &drop_passages_, &drop_document_}) {
    Use(drop->get()).with(document).run();
  }
}

// `at_least` so many of the phrases have to be in a passage.
std::vector<std::int64_t> DocumentIndex::ranking(sqlite3_stmt* statement,
                                                 const std::string& expression, int at_least) {
  std::vector<std::int64_t> out;
  if (expression.empty()) return out;
  Use use(statement);
  use.with(expression).with(std::int64_t{at_least}).with(std::int64_t{kRanked});
  while (use.row()) out.push_back(sqlite3_column_int64(statement, 0));
  return out;
}

std::vector<SearchHit> DocumentIndex::search(std::string_view query, std::size_t most) {
  const std::vector<std::string_view> words = words_of(cut_utf8(query, kMostQueryBytes));
  const std::vector<std::string_view> trigrams = trigrams_of(words);
  std::string any_word;
  std::string any_trigram;
  for (const std::string_view word : words) append_quoted(any_word, word);
  for (const std::string_view trigram : trigrams) append_quoted(any_trigram, trigram);
  const TimeLimit limit(database_.get());
  std::unordered_map<std::int64_t, double> scores;
  const auto fuse = [&scores](const std::vector<std::int64_t>& ranked) {
    double place = 0;
    for (const std::int64_t id : ranked) scores[id] += 1 / (kFusion + ++place);
  };
  fuse(ranking(rank_words_.get(), any_word, 1));
  // A passage that shares less than a third with what is asked has it by chance.
  fuse(ranking(rank_trigrams_.get(), any_trigram, static_cast<int>((trigrams.size() + 2) / 3)));
  std::vector<std::pair<double, std::int64_t>> best;
  best.reserve(scores.size());
  for (const auto& [id, score] : scores) best.emplace_back(-score, id);
  std::ranges::sort(best);
  if (best.size() > most) best.resize(most);
  std::vector<SearchHit> out;
  for (const auto& [score, id] : best) {
    Use get(get_passage_.get());
    if (!get.with(id).row()) continue;
    sqlite3_stmt* const row = get_passage_.get();
    out.push_back({.uri = std::string(text_of(row, 0)),
                   .title = std::string(text_of(row, 1)),
                   .passage = std::string(text_of(row, 2)),
                   .score = -score});
  }
  return out;
}

}  // namespace ringcast
