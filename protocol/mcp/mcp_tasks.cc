#include "protocol/mcp/mcp_tasks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <chrono>

#include "core/event_stream.h"
#include "core/remote_task.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_methods.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kIdBytes = 16;
constexpr std::uint64_t kPollIntervalMs = 500;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::string_view kRelated = "io.modelcontextprotocol/related-task";

constexpr std::string_view name_of(McpTask::Status status) {
  constexpr std::string_view kNames[] = {"working", "input_required", "completed", "failed",
                                         "cancelled"};
  return kNames[static_cast<std::size_t>(status)];
}

// ISO 8601, in UTC.
std::string time_text(std::int64_t ms) {
  const std::chrono::sys_seconds time{std::chrono::seconds(ms / 1000)};
  return fmt::format("{:%FT%T}.{:03}Z", time, ms % 1000);
}

}  // namespace

// What a task waits for from the client. Over a session it is a request of its own (2025-11-25),
// otherwise an entry of `inputRequests`.
struct McpTask::Question : QuestionHook {
  Question(McpTask& of, std::string_view which, std::string_view what)
      : task(&of), key(which), request(what) {}

  McpTask* task;  // null: it is no more
  std::string key;
  std::string request;
  std::uint32_t number = 0;
};

class McpTask::Answer : Question, Cancellable {
 public:
  Answer(McpTask& of, std::string_view which, std::string_view what)
      : Question(of, which, what), Cancellable(stop) {}

  bool await_ready() const { return task->call_->cancelled(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    handle_ = waiting;
    reactor_ = &task->home_.reactor();
    task->call_->scope().add(*this);
    task->pose(*this);
  }
  McpAnswer await_resume() { return std::move(answer_); }

  static void settle(Question& question, McpAnswer given) {
    auto& self = static_cast<Answer&>(question);
    self.answer_ = std::move(given);
    static_cast<Cancellable&>(self).unlink();
    if (self.task != nullptr) self.task->settled(self);
    self.reactor_->ready(self.handle_);
  }

 private:
  static void stop(Cancellable& waiting) {
    settle(static_cast<Answer&>(waiting), McpAnswer(McpAnswer::State::ended));
  }

  McpAnswer answer_{McpAnswer::State::ended};
  std::coroutine_handle<> handle_;
  Reactor* reactor_ = nullptr;
};

// Whoever waits for the result: woken when the task has ended, or asks something.
class McpTask::Moved : ResultHook {
 public:
  Moved(McpTask& task, std::uint32_t seen) : task_(task), seen_(seen) {}
  bool await_ready() const { return task_.ended() || task_.questions_posed_ != seen_; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    task_.waiting_.push_back(*this);
  }
  // False: the task is no more.
  bool await_resume() const { return !gone_; }

 private:
  friend class McpTask;
  friend class List<Moved, ResultHook>;
  McpTask& task_;
  std::uint32_t seen_;
  std::coroutine_handle<> handle_;
  bool gone_ = false;
};

McpTask::McpTask(McpEndpoint& home, McpCall& call, std::string id, std::uint64_t ttl_ms)
    : Timer(expire),
      home_(home),
      call_(&call),
      id_(std::move(id)),
      principal_(call.principal_),
      session_(call.session_ == nullptr ? std::string() : call.session_->id()),
      ttl_ms_(ttl_ms),
      created_ms_(home.reactor().driver().wall_clock_ms()),
      updated_ms_(created_ms_),
      stateless_(is_stateless(call.revision_)) {
  home_.reactor().timers().arm(
      *this, home_.reactor().now_ns() + static_cast<std::int64_t>(ttl_ms) * kNsPerMs);
}

McpTask::~McpTask() {
  while (Moved* const waiting = waiting_.pop_front()) {
    waiting->gone_ = true;
    home_.reactor().ready(waiting->handle_);
  }
  while (Question* const question = questions_.pop_front()) question->task = nullptr;
  if (call_ != nullptr) call_->task_ = nullptr;
}

void McpTask::set(Status status) {
  if (ended()) return;
  status_ = status;
  updated_ms_ = home_.reactor().driver().wall_clock_ms();
  if (ended()) wake();
  tell();
}

void McpTask::wake() {
  while (Moved* const waiting = waiting_.pop_front()) home_.reactor().ready(waiting->handle_);
}

// Whoever follows it hears of its status.
void McpTask::tell() {
  if (stateless_) {
    if (home_.shared().task_followers.load(std::memory_order_relaxed) > 0) {
      home_.announce(McpChange::task, id_, detailed());
    }
    return;
  }
  if (McpSession* const session = home_.find_session(session_)) {
    session->main().push(
        fmt::format(R"({{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{{{}}}}})",
                    json(false)));
    home_.counters.notifications.add();
  }
}

void McpTask::pose(Question& question) {
  question.number = ++questions_posed_;
  questions_.push_back(question);
  set(Status::input_required);
  wake();
}

void McpTask::settled(Question& question) {
  static_cast<QuestionHook&>(question).unlink();
  question.task = nullptr;
  if (questions_.empty()) set(Status::working);
}

Task<McpAnswer> McpTask::ask(std::string_view key, std::string_view request) {
  if (stateless_) co_return co_await Answer(*this, key, request);
  co_return co_await ask_session(request);
}

// The request goes out with the answer to tasks/result, for which the client is told to ask.
Task<McpAnswer> McpTask::ask_session(std::string_view request) {
  McpSession* const session = home_.find_session(session_);
  if (session == nullptr || call_->cancelled()) co_return McpAnswer(McpAnswer::State::ended);
  const std::string id = session->next_ask_id();
  const std::string related = fmt::format(R"("_meta":{{"{}":{{"taskId":"{}"}}}})", kRelated, id_);
  constexpr std::string_view kParams = "\"params\":{";
  std::string text = fmt::format(R"({{"jsonrpc":"2.0","id":{},{})", id, request.substr(1));
  if (const std::size_t at = text.find(kParams); at != std::string::npos) {
    const std::size_t begin = at + kParams.size();
    text.insert(begin, related + (text[begin] == '}' ? "" : ","));
  } else {
    text.insert(text.size() - 1, fmt::format(R"(,"params":{{{}}})", related));
  }
  Question question(*this, {}, text);
  pose(question);
  const std::int64_t until_ns =
      home_.reactor().now_ns() + static_cast<std::int64_t>(ttl_ms_) * kNsPerMs;
  McpAnswer answer = co_await McpSession::Asking(*session, call_->scope(), id, until_ns);
  // The task may have gone meanwhile, and taken itself out of the question.
  if (question.task != nullptr) question.task->settled(question);
  co_return answer;
}

void McpTask::expire(Timer& timer) {
  auto& self = static_cast<McpTask&>(timer);
  if (self.call_ != nullptr) self.call_->scope().cancel();
  self.home_.tasks().forget(self);
}

// The handler has returned: its outcome is the task's.
void McpTask::finish(McpCall& call) {
  call_ = nullptr;
  if (ended()) return;
  call.explain_silence();
  if (call.refusal_) {
    error_ = call.refusal_;
    set(Status::failed);
    return;
  }
  call.output_ = "{";  // members after a brace have no comma before them
  if (stateless_) call.output_ += R"("resultType":"complete")";
  call.write_filled();
  result_ = call.output_.substr(1);
  set(Status::completed);
}

std::string McpTask::json(bool stateless) const {
  return fmt::format(
      R"("taskId":"{}","status":"{}","createdAt":"{}","lastUpdatedAt":"{}","{}":{},"{}":{})", id_,
      name_of(status_), time_text(created_ms_), time_text(updated_ms_), stateless ? "ttlMs" : "ttl",
      ttl_ms_, stateless ? "pollIntervalMs" : "pollInterval", kPollIntervalMs);
}

std::string McpTask::detailed() {
  std::string members = json(true);
  if (status_ == Status::completed) {
    members += R"(,"result":{)" + result_ + "}";
  } else if (status_ == Status::failed && error_) {
    members += fmt::format(R"(,"error":{{"code":{},"message":)", error_->code);
    append_json_string(members, error_->message);
    members += '}';
  } else if (status_ == Status::input_required) {
    members += R"(,"inputRequests":{)";
    bool first = true;
    questions_.for_each([&](const Question& question) {
      members += first ? "" : ",";
      first = false;
      append_json_string(members, question.key);
      members.append(":").append(question.request);
    });
    members += '}';
  }
  return members;
}

// --- making tasks ---

McpTasks::McpTasks(McpEndpoint& endpoint) : endpoint_(endpoint) {}

McpTasks::~McpTasks() = default;

Task<bool> McpTasks::take_over(McpCall& call, const McpServer::Tool& tool) {
  if (is_stateless(call.revision_) || call.revision_ < McpRevision::r2025_11_25) co_return false;
  dom::object wanted;
  const bool asked = call.message_.params["task"].get_object().get(wanted) == simdjson::SUCCESS;
  if (!asked) {
    if (tool.about.tasks != McpTaskSupport::required) co_return false;
    call.refuse(rpc::kMethodNotFound, "This tool runs as a task only.");
    co_return true;
  }
  if (tool.about.tasks == McpTaskSupport::forbidden) {
    if (call.endpoint_.server().has_tasks()) {
      call.refuse(rpc::kMethodNotFound, "This tool does not run as a task.");
      co_return true;
    }
    co_return false;
  }
  std::uint64_t ttl_ms = call.endpoint_.options().task_ttl_ms;
  std::uint64_t asked_ms = 0;
  if (wanted["ttl"].get_uint64().get(asked_ms) == simdjson::SUCCESS) {
    ttl_ms = std::min(ttl_ms, std::max<std::uint64_t>(asked_ms, 1'000));
  }
  co_return !call.endpoint_.tasks().make(call, ttl_ms);
}

bool McpTasks::make(McpCall& call, std::uint64_t ttl_ms) {
  if (tasks_.size() >= endpoint_.options().max_tasks) {
    const auto over = std::ranges::find_if(order_, [](McpTask* task) { return task->ended(); });
    if (over == order_.end()) {
      call.refuse(rpc::kInternalError, "There are as many tasks as this server takes.");
      return false;
    }
    forget(**over);
  }
  unsigned char random[kIdBytes];
  RINGCAST_CHECK(RAND_bytes(random, sizeof random) == 1);
  std::string id;
  for (const unsigned char byte : random) id += fmt::format("{:02x}", byte);
  id += fmt::format(".{}", endpoint_.reactor().core());
  auto task = std::make_unique<McpTask>(endpoint_, call, std::move(id), ttl_ms);
  McpTask& made = *task;
  tasks_.emplace(made.id(), std::move(task));
  order_.push_back(&made);
  endpoint_.answer_early(call, is_stateless(call.revision_)
                                   ? R"("resultType":"task",)" + made.json(true)
                                   : fmt::format(R"("task":{{{}}})", made.json(false)));
  call.task_ = &made;
  return true;
}

void McpTasks::call_ended(McpCall& call) {
  if (call.task_ != nullptr) call.task_->finish(call);
}

void McpTasks::cancel_all() {
  for (McpTask* const task : order_) {
    if (task->call_ != nullptr) task->call_->scope().cancel();
  }
}

void McpTasks::forget(McpTask& task) {
  std::erase(order_, &task);
  tasks_.erase(task.id());
}

// --- the methods ---

struct McpTasks::Request {
  std::string_view id;
  std::string_view principal;
  std::string_view session;
  bool stateless;
  McpCall& call;               // touched here only if it is this core's, as a session's are
  const dom::object* answers;  // null: none
};

struct McpTasks::Reply {
  std::string members;
  std::optional<RpcError> error;
};

namespace {

RpcError unknown_task() {
  return {.code = rpc::kInvalidParams, .message = "There is no such task."};
}

}  // namespace

// Whoever is not the owner is told that there is no such task.
McpTask* McpTasks::find(const Request& request) {
  const auto found = tasks_.find(request.id);
  if (found == tasks_.end()) return nullptr;
  McpTask& task = *found->second;
  const bool own = task.principal_ == request.principal && task.session_ == request.session &&
                   task.stateless_ == request.stateless;
  return own ? &task : nullptr;
}

McpTasks::Request McpTasks::request_of(McpCall& call, std::string_view id) {
  const bool stateless = is_stateless(call.revision_);
  return {.id = id,
          .principal = call.principal_,
          .session = stateless || call.session_ == nullptr ? std::string_view()
                                                           : std::string_view(call.session_->id()),
          .stateless = stateless,
          .call = call,
          .answers = nullptr};
}

Task<std::optional<std::string>> McpTasks::look(McpCall& call, std::string_view id) {
  McpEndpoint* const home = call.endpoint_.home_of(id);
  if (home == nullptr) co_return std::nullopt;
  const Request request = request_of(call, id);
  Reply reply =
      co_await on_core<Reply>(call.endpoint_.reactor(), home->reactor(),
                              [home, &request] { return get_here(&home->tasks(), &request); });
  if (reply.error) co_return std::nullopt;
  co_return std::move(reply.members);
}

Task<void> McpTasks::at_home(McpCall& call, Serve serve) {
  std::string_view id;
  if (!call.message_.has_params ||
      call.message_.params["taskId"].get_string().get(id) != simdjson::SUCCESS) {
    call.refuse(rpc::kInvalidParams, "`taskId` is missing.");
    co_return;
  }
  McpEndpoint* const home = call.endpoint_.home_of(id);
  if (home == nullptr) {
    call.refusal_ = unknown_task();
    co_return;
  }
  dom::object answers;
  const bool any =
      call.message_.params["inputResponses"].get_object().get(answers) == simdjson::SUCCESS;
  Request request = request_of(call, id);
  request.answers = any ? &answers : nullptr;
  Reply reply =
      co_await on_core<Reply>(call.endpoint_.reactor(), home->reactor(),
                              [home, serve, &request] { return serve(&home->tasks(), &request); });
  call.body_ = std::move(reply.members);
  call.refusal_ = std::move(reply.error);
}

Task<void> McpTasks::get(McpCall& call) { return at_home(call, get_here); }
Task<void> McpTasks::update(McpCall& call) { return at_home(call, update_here); }
Task<void> McpTasks::cancel(McpCall& call) { return at_home(call, cancel_here); }
Task<void> McpTasks::result(McpCall& call) { return at_home(call, result_here); }

Task<McpTasks::Reply> McpTasks::get_here(McpTasks* self, const Request* request) {
  McpTask* const task = self->find(*request);
  if (task == nullptr) co_return Reply{.members = {}, .error = unknown_task()};
  co_return Reply{.members = request->stateless ? task->detailed() : task->json(false),
                  .error = {}};
}

Task<McpTasks::Reply> McpTasks::update_here(McpTasks* self, const Request* request) {
  McpTask* const task = self->find(*request);
  if (task == nullptr) co_return Reply{.members = {}, .error = unknown_task()};
  if (request->answers == nullptr) {
    co_return Reply{
        .members = {},
        .error = RpcError{.code = rpc::kInvalidParams, .message = "`inputResponses` is missing."}};
  }
  for (const auto field : *request->answers) {
    if (!field.value.is_object()) continue;
    McpTask::Question* found = nullptr;
    task->questions_.for_each([&](McpTask::Question& question) {
      if (question.key == field.key) found = &question;
    });
    if (found != nullptr) {
      McpTask::Answer::settle(*found, McpAnswer(std::string(simdjson::minify(field.value))));
    }
  }
  co_return Reply{};
}

Task<McpTasks::Reply> McpTasks::cancel_here(McpTasks* self, const Request* request) {
  McpTask* const task = self->find(*request);
  if (task == nullptr) co_return Reply{.members = {}, .error = unknown_task()};
  if (task->ended() && !request->stateless) {
    co_return Reply{
        .members = {},
        .error = RpcError{.code = rpc::kInvalidParams, .message = "The task has ended already."}};
  }
  task->set(McpTask::Status::cancelled);
  if (task->call_ != nullptr) task->call_->scope().cancel();
  co_return Reply{.members = request->stateless ? std::string() : task->json(false), .error = {}};
}

Task<McpTasks::Reply> McpTasks::result_here(McpTasks* self, const Request* request) {
  McpTask* const task = self->find(*request);
  std::uint32_t seen = 0;
  while (task != nullptr && !task->ended()) {
    task->questions_.for_each([&](const McpTask::Question& question) {
      if (question.number > seen) request->call.notify(question.request);
    });
    seen = task->questions_posed_;
    if (!co_await McpTask::Moved(*task, seen)) {
      co_return Reply{.members = {}, .error = unknown_task()};
    }
  }
  if (task == nullptr) co_return Reply{.members = {}, .error = unknown_task()};
  if (task->error_) co_return Reply{.members = {}, .error = task->error_};
  if (task->status_ == McpTask::Status::cancelled) {
    co_return Reply{.members = {},
                    .error = RpcError{.code = rpc::kServerError, .message = "It was cancelled."}};
  }
  co_return Reply{.members = fmt::format(R"({},"_meta":{{"{}":{{"taskId":"{}"}}}})", task->result_,
                                         kRelated, task->id()),
                  .error = {}};
}

// Of this session, which all are at home here.
Task<void> McpTasks::list(McpCall& call) {
  const McpTasks& self = call.endpoint_.tasks();
  call.body_ = R"("tasks":[)";
  for (const McpTask* const task : self.order_) {
    if (task->stateless_ || task->session_ != call.session_->id()) continue;
    if (!call.body_.ends_with('[')) call.body_ += ',';
    call.body_ += "{" + task->json(false) + "}";
  }
  call.body_ += ']';
  co_return;
}

}  // namespace ringcast
