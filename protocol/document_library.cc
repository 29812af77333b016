#include "protocol/document_library.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/event_stream.h"
#include "protocol/log.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostQuestions = 10'000;
// So much rest after the first sign of a change: they come in groups.
constexpr auto kRest = std::chrono::milliseconds(50);
// Looking takes at most a fifth of the time.
constexpr int kRestFactor = 4;
// What inotify does not tell is looked for so often.
constexpr auto kUnwatched = std::chrono::seconds(2);

}  // namespace

struct DocumentLibrary::NewsMessage : Message {
  NewsMessage(DocumentLibrary& of, LibraryNews what)
      : Message(arrive), library(of), news(std::move(what)) {}
  static void arrive(Message& message) {
    const std::unique_ptr<NewsMessage> self(static_cast<NewsMessage*>(&message));
    self->library.deliver_(self->news);
  }
  DocumentLibrary& library;
  LibraryNews news;
};

DocumentLibrary::DocumentLibrary(PromptDirectory prompts, DocumentCatalog documents,
                                 DocumentIndex index, bool has_documents)
    : has_documents_(has_documents),
      inotify_(inotify_init1(IN_CLOEXEC)),
      prompts_(std::move(prompts)),
      documents_(std::move(documents)),
      index_(std::move(index)),
      go_on_([this] { return go_on(); }) {
  if (inotify_ < 0) log_warn("directories are not watched but looked at every two seconds");
}

Result<std::unique_ptr<DocumentLibrary>> DocumentLibrary::open(
    const std::vector<std::string>& prompts, const std::vector<std::string>& documents) {
  auto prompt_directory = PromptDirectory::open(prompts);
  if (!prompt_directory) {
    prompt_directory.error().message.insert(0, "mcp.prompts: ");
    return std::unexpected(std::move(prompt_directory.error()));
  }
  auto catalog = DocumentCatalog::open(documents);
  if (!catalog) {
    catalog.error().message.insert(0, "mcp.documents: ");
    return std::unexpected(std::move(catalog.error()));
  }
  auto index = DocumentIndex::open();
  if (!index) return std::unexpected(std::move(index.error()));
  std::unique_ptr<DocumentLibrary> library(new DocumentLibrary(
      std::move(*prompt_directory), std::move(*catalog), std::move(*index), !documents.empty()));
  library->look_again();
  return library;
}

DocumentLibrary::~DocumentLibrary() {
  stop();
  if (inotify_ >= 0) ::close(inotify_);
}

void DocumentLibrary::start() {
  thread_ = std::thread([this] { run(); });
}

void DocumentLibrary::attach(Reactor& reactor, std::function<void(const LibraryNews&)> deliver) {
  {
    const std::lock_guard lock(mutex_);
    reactor_ = &reactor;
    deliver_ = std::move(deliver);
  }
  wake_.notify_one();
}

void DocumentLibrary::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

LibraryLists DocumentLibrary::lists() const {
  const std::lock_guard lock(mutex_);
  return lists_;
}

void DocumentLibrary::touched() {
  {
    const std::lock_guard lock(mutex_);
    const Clock::time_point soon = std::max(Clock::now() + kRest, not_before_);
    look_at_ = look_at_ ? std::min(*look_at_, soon) : soon;
  }
  wake_.notify_one();
}

void DocumentLibrary::subscribed(std::string_view uri, bool on) {
  if (!uri.starts_with(kDocumentScheme)) return;
  const std::lock_guard lock(mutex_);
  if (on) {
    ++followed_[std::string(uri)];
    return;
  }
  const auto found = followed_.find(std::string(uri));
  if (found != followed_.end() && --found->second == 0) followed_.erase(found);
}

void DocumentLibrary::retire(std::shared_ptr<const void> list) {
  const std::lock_guard lock(mutex_);
  retired_.push_back(std::move(list));
  wake_.notify_one();
}

DocumentLibrary::Question DocumentLibrary::read(Reactor& reactor, std::string uri) {
  return {*this, reactor, Question::Kind::read, std::move(uri), 0};
}

DocumentLibrary::Question DocumentLibrary::search(Reactor& reactor, std::string query,
                                                  std::size_t most) {
  return {*this, reactor, Question::Kind::search, std::move(query), most};
}

bool DocumentLibrary::ask(Question& question) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || questions_.size() >= kMostQuestions) {
      question.answer_.state = State::busy;
      return false;
    }
    questions_.push_back(&question);
    asked_ = true;
  }
  wake_.notify_one();
  return true;
}

// --- the thread ---

void DocumentLibrary::run() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopped_ || reactor_ != nullptr; });
  while (!stopped_) {
    const bool due = look_at_ && Clock::now() >= *look_at_;
    if (asked_ || due || !to_index_.empty() || !retired_.empty()) {
      auto retired = std::exchange(retired_, {});
      if (due) look_at_.reset();
      lock.unlock();
      retired.clear();
      answer_questions();
      if (due) {
        look_again();
      } else if (!to_index_.empty()) {
        index_next();
      }
      lock.lock();
    } else if (look_at_) {
      const Clock::time_point until = *look_at_;
      wake_.wait_until(lock, until);
    } else {
      wake_.wait(lock);
    }
  }
  lock.unlock();
  answer_questions();  // nobody waits for ever
}

bool DocumentLibrary::go_on() {
  if (asked_.load(std::memory_order_relaxed)) answer_questions();
  return !stopped_.load(std::memory_order_relaxed);
}

void DocumentLibrary::answer_questions() {
  std::vector<Question*> questions;
  {
    const std::lock_guard lock(mutex_);
    questions.swap(questions_);
    asked_ = false;
  }
  for (Question* const question : questions) {
    answer(*question);
    question->reactor_.post(*question);  // it may be gone now
  }
}

void DocumentLibrary::answer(Question& question) {
  if (question.kind_ == Question::Kind::search) return answer_search(question);
  const Document* const document = documents_.find(question.text_);
  if (document == nullptr) return;
  switch (documents_.append_contents(question.answer_.json, *document, question.text_)) {
    case DocumentCatalog::Reading::whole:
      question.answer_.state = State::done;
      break;
    case DocumentCatalog::Reading::missing:
      break;
    case DocumentCatalog::Reading::too_large:
      question.answer_.state = State::too_large;
      break;
  }
}

void DocumentLibrary::answer_search(Question& question) {
  const std::vector<SearchHit> hits = index_.search(question.text_, question.most_);
  std::string& json = question.answer_.json;
  json = R"({"results":[)";
  for (const SearchHit& hit : hits) {
    json += json.ends_with('[') ? "{\"uri\":" : ",{\"uri\":";
    append_json_string(json, hit.uri);
    json += ",\"title\":";
    append_json_string(json, hit.title);
    json += ",\"passage\":";
    append_json_string(json, hit.passage);
    fmt::format_to(std::back_inserter(json), ",\"score\":{:.6f}}}", hit.score);
  }
  fmt::format_to(std::back_inserter(json), R"(],"count":{},"mode":"bm25_trigram_rrf")",
                 hits.size());
  if (!to_index_.empty()) {
    fmt::format_to(std::back_inserter(json), R"(,"not_indexed_yet":{})", to_index_.size());
  }
  json += '}';
  question.answer_.state = State::done;
}

void DocumentLibrary::look_again() {
  const Clock::time_point begin = Clock::now();
  LibraryNews news;
  const PromptDirectory::Changes prompts = prompts_.refresh(inotify_, go_on_);
  if (prompts.any || !lists_.prompts) news.lists.prompts = prompts_.list();
  DocumentCatalog::Changes documents = documents_.refresh(inotify_, go_on_);
  if (documents.list || !documents.updated.empty() || !lists_.documents) {
    news.lists.documents = std::make_shared<const DocumentList>(documents_.list());
  }
  news.documents_came_or_went = documents.list;
  news.updated = std::move(documents.updated);
  for (const std::string& uri : documents.to_forget) index_.remove(uri);
  for (std::string& uri : documents.to_index) to_index_.insert(std::move(uri));
  note_left_out(documents.left_out);
  deliver(std::move(news));
  const std::lock_guard lock(mutex_);
  const Clock::time_point end = Clock::now();
  not_before_ = end + (end - begin) * kRestFactor;
  if (!prompts.watched || !documents.watched) {
    const Clock::time_point next = std::max(end + kUnwatched, not_before_);
    look_at_ = look_at_ ? std::min(*look_at_, next) : next;
  }
}

void DocumentLibrary::note_left_out(std::size_t left_out) {
  if (left_out != left_out_ && left_out > 0) {
    log_warn("documents left out: more than 100,000, larger than 16 MiB or too deep",
             {{"count", static_cast<std::uint64_t>(left_out)}});
  }
  left_out_ = left_out;
}

void DocumentLibrary::index_next() {
  const std::string uri = std::move(to_index_.extract(to_index_.begin()).value());
  const Document* const document = documents_.find(uri);
  if (document == nullptr) return;
  const auto text = documents_.text(*document);
  if (!text) {
    index_.remove(uri);
    return;
  }
  const std::string title = document->title.empty() ? document->relative : document->title;
  if (!index_.put(uri, title, *text, go_on_) && go_on() && not_searched_++ == 0) {
    log_warn("documents are more than can be searched: the rest is only listed", {{"uri", uri}});
  }
}

// The lists go to the cores before anybody is told that they have changed.
void DocumentLibrary::deliver(LibraryNews news) {
  Reactor* reactor = nullptr;
  std::unordered_map<std::string, unsigned> followed;
  {
    const std::lock_guard lock(mutex_);
    if (news.lists.prompts) lists_.prompts = news.lists.prompts;
    if (news.lists.documents) lists_.documents = news.lists.documents;
    if (!news.updated.empty()) followed = followed_;
    reactor = stopped_ ? nullptr : reactor_;
  }
  std::erase_if(news.updated, [&](const auto& uri) { return !followed.contains(uri); });
  const bool nothing = !news.lists.prompts && !news.lists.documents;
  if (nothing || reactor == nullptr) return;
  reactor->post(*std::make_unique<NewsMessage>(*this, std::move(news)).release());
}

}  // namespace ringcast
