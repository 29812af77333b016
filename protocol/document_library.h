// The prompts and documents that the server offers to MCP clients: one for all cores, with a
// thread of its own that looks at the directories, reads, indexes and searches.
//
//   core 0 reads what inotify says ─→ touched() ─→ the thread looks again ─→ deliver, on core 0
//   any core: co_await library.read(…), co_await library.search(…) ─→ the thread ─→ that core
//
// Who owns what: built and started before the cores run, stopped before they end, when no call is
// waiting any more. Lists are immutable and shared. Everything below `--- the thread ---` belongs
// to the thread; what is asked of it comes first, then changes, then indexing, in small steps. All
// public functions may be called from any core.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/mailbox.h"
#include "core/reactor.h"
#include "core/result.h"
#include "protocol/document_catalog.h"
#include "protocol/document_index.h"
#include "protocol/prompt_directory.h"

namespace ringcast {

using DocumentList = std::vector<std::string>;  // as listed, JSON

struct LibraryLists {
  std::shared_ptr<const DocumentList> documents;
  std::shared_ptr<const PromptList> prompts;
};

// What has changed; lists that have not are null.
struct LibraryNews {
  LibraryLists lists;
  bool documents_came_or_went = false;
  std::vector<std::string> updated;  // URIs that somebody follows
};

class DocumentLibrary {
 public:
  enum class State : std::uint8_t { done, not_found, too_large, busy };
  struct Answer {
    State state = State::not_found;
    std::string json;  // contents of a resource; a search's result
  };
  class Question;

  // Everything is listed once, indexing begins with start(). Errors: bad_directory, bad_search.
  static Result<std::unique_ptr<DocumentLibrary>> open(const std::vector<std::string>& prompts,
                                                       const std::vector<std::string>& documents);
  ~DocumentLibrary();
  DocumentLibrary(const DocumentLibrary&) = delete;
  DocumentLibrary& operator=(const DocumentLibrary&) = delete;

  // Starts the thread. It waits for attach().
  void start();
  // Where news go: `deliver` runs on this core.
  void attach(Reactor& reactor, std::function<void(const LibraryNews&)> deliver);
  // Ends the thread; no news come any more.
  void stop();

  LibraryLists lists() const;
  bool has_documents() const { return has_documents_; }
  // Readable when something has changed; -1 if the kernel has none for us.
  int inotify() const { return inotify_; }
  void touched();
  // Somebody follows this resource, or does not any more.
  void subscribed(std::string_view uri, bool on);
  // A list that a core does not need any more: to free it takes time.
  void retire(std::shared_ptr<const void> list);

  // Awaitables for the core of that reactor.
  Question read(Reactor& reactor, std::string uri);
  Question search(Reactor& reactor, std::string query, std::size_t most);

 private:
  using Clock = std::chrono::steady_clock;
  struct NewsMessage;

  DocumentLibrary(PromptDirectory prompts, DocumentCatalog documents, DocumentIndex index,
                  bool has_documents);
  bool ask(Question& question);  // false: too many are waiting

  // --- the thread ---
  void run();
  // What is asked meanwhile is answered; false: the thread is to end.
  bool go_on();
  void answer_questions();
  void answer(Question& question);
  void answer_search(Question& question);
  void look_again();
  void note_left_out(std::size_t left_out);
  void index_next();
  void deliver(LibraryNews news);

  const bool has_documents_;
  const int inotify_;
  PromptDirectory prompts_;
  DocumentCatalog documents_;
  DocumentIndex index_;
  GoOn go_on_;
  std::set<std::string> to_index_;  // URIs
  std::size_t left_out_ = 0;
  std::size_t not_searched_ = 0;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  LibraryLists lists_;
  std::vector<Question*> questions_;
  std::vector<std::shared_ptr<const void>> retired_;
  std::unordered_map<std::string, unsigned> followed_;
  std::optional<Clock::time_point> look_at_;  // when to look at the directories again
  Clock::time_point not_before_{};            // when at the earliest
  Reactor* reactor_ = nullptr;
  std::function<void(const LibraryNews&)> deliver_;
  std::atomic<bool> asked_{false};
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

// Awaited once; lives in the coroutine's frame until the answer is there.
class DocumentLibrary::Question : Message {
 public:
  enum class Kind : std::uint8_t { read, search };
  Question(DocumentLibrary& library, Reactor& reactor, Kind kind, std::string text,
           std::size_t most)
      : Message(arrive),
        library_(library),
        reactor_(reactor),
        kind_(kind),
        text_(std::move(text)),
        most_(most) {}

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    return library_.ask(*this);
  }
  Answer await_resume() { return std::move(answer_); }

 private:
  friend class DocumentLibrary;
  static void arrive(Message& message) { static_cast<Question&>(message).handle_.resume(); }

  DocumentLibrary& library_;
  Reactor& reactor_;
  Kind kind_;
  std::string text_;
  std::size_t most_;
  Answer answer_;
  std::coroutine_handle<> handle_;
};

}  // namespace ringcast
