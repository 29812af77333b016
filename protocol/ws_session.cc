#include "protocol/ws_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/merge.h"
#include "protocol/access.h"
#include "protocol/log.h"
#include "protocol/ws_form.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostSpare = 64;
constexpr unsigned kCommandsPerTurn = 8;  // of a session, then others go first

}  // namespace

void WsWork::begin(const WsLimits& limits) {
  reader_.emplace(WsRole::server, limits, inflates_ ? &inflater_ : nullptr);
  pace_ = {};
}

void WsWork::end() {
  reader_.reset();
  at_ = 0;
  for (Buffer* buffer : {&commands_, &arrived_}) buffer->release();
}

void WsWork::add(std::string_view command) {
  const auto size = static_cast<std::uint32_t>(command.size());
  char length[sizeof size];
  std::memcpy(length, &size, sizeof size);
  arrived_.append({length, sizeof length});
  arrived_.append(command);
}

bool WsWork::next(std::string_view& command) {
  if (at_ == commands_.size()) {
    at_ = 0;
    commands_.clear();
    std::swap(commands_, arrived_);
    if (commands_.empty()) return false;
  }
  std::uint32_t size = 0;
  std::memcpy(&size, commands_.view().data() + at_, sizeof size);
  command = commands_.view().substr(at_ + sizeof size, size);
  at_ += sizeof size + size;
  return true;
}

std::unique_ptr<WsWork> WsPool::borrow(bool inflates) {
  for (auto& spare : spare_) {
    if (spare->inflates() != inflates) continue;
    std::unique_ptr<WsWork> work = std::move(spare);
    spare = std::move(spare_.back());
    spare_.pop_back();
    return work;
  }
  return std::make_unique<WsWork>(inflates);
}

void WsPool::give_back(std::unique_ptr<WsWork> work) {
  work->end();
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(work));
}

void WsPool::inflated(Reactor& reactor) {
  inflates_ = !line_.empty();
  if (line_.empty()) return;
  reactor.ready(line_.front());
  line_.pop_front();
}

std::string client_id_text(const WsClientId& id) {
  return fmt::format("w{}-{}-{}", id.core, id.slot, id.serial);
}

std::optional<WsClientId> parse_client_id(std::string_view text) {
  WsClientId id{};
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&at, end](char before, auto& to) {
    if (at == end || *at != before) return false;
    const auto [stop, error] = std::from_chars(at + 1, end, to);
    at = stop;
    return error == std::errc{};
  };
  if (!number('w', id.core) || !number('-', id.slot) || !number('-', id.serial)) return {};
  if (at != end) return {};
  return id;
}

WsSession* find_session(Service& service, const WsClientId& id) {
  Subscriber* const subscriber = service.shard().hub().find(id.slot, id.serial);
  if (subscriber == nullptr || !subscriber->duplex) return nullptr;
  return dynamic_cast<WsSession*>(subscriber->duplex->input.get());
}

WsSession::WsSession(Service& service, const Client& client)
    : service_(service),
      who_(client.who),
      address_(client.address.bytes),
      route_(client.route),
      deflates_(client.deflates),
      elsewhere_(client.address.elsewhere) {
  if (!client.name.empty()) name_ = std::make_unique<std::string>(client.name);
}

bool WsSession::may(Action action, std::string_view what, std::string_view ref) {
  if (who_->grants.allows(action, what)) return true;
  refuse("forbidden", denial(action, what), ref);
  return false;
}

// Who is in a room follows its topics by that.
bool WsSession::covered() const {
  if (!open()) return true;
  const Grants& grants = who_->grants;
  if (route_ == WsRoute::admin && !grants.admin()) return false;
  if (route_ == WsRoute::agent &&
      !grants.allows(Action::publish, fmt::format("control.{}", name())))
    return false;
  bool all = !membership || membership->covered(*who_);
  for_each_name(*subscriber(), [&](std::string_view name) {
    const bool of_room = name.starts_with("room.") || name.starts_with("presence.");
    const std::string_view room = name.substr(std::min(name.find('.') + 1, name.size()));
    all = all && (grants.allows(Action::subscribe, name) ||
                  (of_room && membership && grants.allows(Action::rooms, room)));
  });
  return all;
}

std::string WsSession::id() const {
  return client_id_text({service_.reactor().core(), slot_, serial_});
}

WsSession::~WsSession() = default;

void WsSession::joining(const Subscriber& subscriber, std::string& head) {
  slot_ = subscriber.slot;
  serial_ = subscriber.serial;
  append_text_frame(
      head, fmt::format("{{\"type\":\"welcome\",\"client\":\"{}\",\"version\":\"{}\"}}", id(),
                        service_.state().version));
}

void WsSession::say(std::string_view json) { send_frame(WsOpcode::text, json); }

void WsSession::send_frame(WsOpcode opcode, std::string_view payload) {
  if (!open() || ended_) return;
  std::string& frame = service_.scratch();
  frame.resize(kMostWsHeaderBytes);
  frame.resize(static_cast<std::size_t>(write_frame_header(frame.data(), opcode, payload.size()) -
                                        frame.data()));
  frame.append(payload);
  service_.shard().hub().say(*subscriber(), frame);
}

void WsSession::answer(std::string_view type, std::string_view members, std::string_view ref) {
  say(fmt::format("{{\"type\":\"{}\"{}{}{}{}}}", type, members.empty() ? "" : ",", members,
                  ref.empty() ? "" : ",\"ref\":", ref));
}

void WsSession::refuse(std::string_view code, std::string_view message, std::string_view ref) {
  service_.counters.ws_refusals.add();
  std::string text = fmt::format("\"error\":{{\"code\":\"{}\",\"message\":", code);
  append_json_string(text, message);
  text += '}';
  answer("error", text, ref);
}

void WsSession::refuse_rate(std::uint64_t wait_ms, std::string_view ref) {
  service_.counters.ws_refusals.add();
  answer("error",
         fmt::format("\"error\":{{\"code\":\"rate_limited\",\"message\":\"Too many commands; try "
                     "again in {} s.\",\"retry_after_ms\":{}}}",
                     (wait_ms + 999) / 1000, wait_ms),
         ref);
}

void WsSession::end(std::uint16_t code, std::string_view reason, CloseReason why) {
  if (!open() || ended_) return;
  ended_ = true;
  std::string frame;
  append_close_frame(frame, code, reason);
  service_.shard().hub().end(*subscriber(), frame, why);
}

void WsSession::take(std::span<char> bytes) {
  if (bytes.empty() || !open()) return;
  stopped_ |= !received(bytes);
}

void WsSession::command(std::string_view json) {
  if (!open()) return;
  work().add(json);
  if (!running_) obey_all();
  stopped_ |= running_;
}

WsWork& WsSession::work() {
  if (!work_) {
    work_ = service_.websockets().borrow(deflates_);
    const Config::Ws& limits = service_.config().ws;
    work_->begin({.max_message_bytes = limits.max_message_bytes,
                  .max_frame_bytes = limits.max_message_bytes});
  }
  return *work_;
}

bool WsSession::received(std::span<char> bytes) {
  if (ended_ || barred()) return true;  // until the client ends its side
  WebSocketReader& reader = work().reader();
  reader.feed(bytes);
  hear_all();
  if (!ended_ && reader.inflating()) {
    inflating_ = true;
    service_.background().spawn(inflate_on(shared_from_this()));
  }
  const Limits& limits = service_.config().limits;
  if (work_ && !ended_ &&
      work_->pace().too_slow(reader.in_message(), bytes.size(),
                             {limits.body_timeout_ms, limits.min_body_bytes_per_s},
                             service_.reactor().now_ns())) {
    service_.counters.ws_violations.add();
    end(ws_close::kPolicy, "the message came too slowly", CloseReason::error);
  }
  if (!running_) obey_all();
  keep_pace(bytes.size());
  stopped_ = running_ || pacing_ || inflating_ || backlogged();
  return !stopped_;
}

void WsSession::hear_all() {
  WebSocketReader& reader = work_->reader();
  for (WsMessage message; !ended_ && reader.next(message);) {
    if (!hear(message)) break;
  }
  if (!reader.failed()) return;
  service_.counters.ws_violations.add();
  end(reader.close_code(), reader.close_reason(), CloseReason::error);
}

// A small message may be a large one: it is inflated slice by slice, and others go first.
Task<void> WsSession::inflate_on(std::shared_ptr<WsSession> self) {
  WsPool& pool = self->service_.websockets();
  co_await pool.inflate_alone();
  while (self->open() && !self->ended_ && !self->barred() && self->work_->reader().inflating()) {
    self->service_.counters.ws_deferred.add();
    co_await NextTurn{self->service_.reactor()};
    if (self->open() && !self->ended_ && !self->barred()) self->hear_all();
  }
  pool.inflated(self->service_.reactor());
  self->inflating_ = false;
  if (!self->running_) self->obey_all();
}

// What was received is paid for with time, before more is.
void WsSession::keep_pace(std::size_t bytes) {
  const std::uint64_t bytes_per_s = service_.config().limits.receive_bytes_per_s;
  if (bytes_per_s == 0 || !open()) return;
  pacing_ = true;
  const auto wait = [](std::shared_ptr<WsSession> self, std::int64_t wait_ns) -> Task<void> {
    co_await self->service_.background().sleep(wait_ns);
    self->pacing_ = false;
    self->settle();
  };
  service_.background().spawn(wait(shared_from_this(), ReceivePace::time_ns(bytes, bytes_per_s)));
}

bool WsSession::hear(const WsMessage& message) {
  switch (message.opcode) {
    case WsOpcode::ping:
      send_frame(WsOpcode::pong, message.payload);
      return true;
    case WsOpcode::pong:
      return true;
    case WsOpcode::text:
      work_->add(message.payload);
      return true;
    case WsOpcode::close:
      // The answer repeats the code (RFC 6455 §5.5.1).
      end(message.close_code, {}, CloseReason::client);
      return false;
    default:
      refuse("bad_command", "Commands are text messages, not binary ones.", {});
      return true;
  }
}

// Starts obeying if there is something to obey; gives back what is not needed any more.
void WsSession::obey_all() {
  if (work_ && work_->has_commands() && !backlogged() && open()) {
    running_ = true;
    service_.background().spawn(run(shared_from_this()));
  } else {
    settle();
  }
}

Task<void> WsSession::run(std::shared_ptr<WsSession> self) {
  std::string_view text;
  for (unsigned obeyed = 0; self->open() && !self->barred() &&
                            (self->ended_ || !self->backlogged()) && self->work_->next(text);) {
    self->service_.counters.ws_commands.add();
    const PrincipalPtr had = self->who_;
    co_await self->obey(text);
    // What it was allowed when it asked may have been taken away before it was done.
    if (self->who_ != had && !self->covered()) {
      self->end(ws_close::kPolicy, standing_message(StandingEnd::revoked), CloseReason::revoked);
    }
    if (++obeyed % kCommandsPerTurn == 0 && self->work_->has_commands()) {
      self->service_.counters.ws_deferred.add();
      co_await NextTurn{self->service_.reactor()};
    }
  }
  self->running_ = false;
  self->settle();
}

// Its access has ended: nothing that it says counts any more.
bool WsSession::barred() const {
  const Subscriber* const one = subscriber();
  return one != nullptr && one->last_words &&
         (one->reason == CloseReason::expired || one->reason == CloseReason::revoked);
}

bool WsSession::backlogged() const {
  return open() && Hub::unsaid_bytes(*subscriber()) > service_.config().ws.max_backlog_bytes;
}

// Nobody obeys now: receives on, or waits until what was said is out.
void WsSession::settle() {
  if (running_ || pacing_ || inflating_) return;
  const bool over = !open() || ended_ || barred();
  if (work_ && (over || (!work_->has_commands() && !work_->reader().in_message()))) {
    service_.websockets().give_back(std::move(work_));
  }
  if (!open() || !stopped_ || (!over && backlogged())) return;
  if (work_ && work_->has_commands()) {
    obey_all();
    return;
  }
  stopped_ = false;
  service_.shard().hub().receive(*subscriber());
}

void WsSession::said() {
  if (stopped_ && !running_) settle();
}

Task<void> WsSession::obey(std::string_view text) {
  WsCommand command;
  const bool agent = route_ == WsRoute::agent;
  const std::uint64_t wait_ms = service_.wait_for_message_ms(address(), *who_);
  if (const auto parsed = work_->parser().parse(text, agent, command); !parsed) {
    refuse(parsed.error().code, parsed.error().message, command.ref);
    co_return;
  }
  if (wait_ms > 0) {
    refuse_rate(wait_ms, command.ref);
    co_return;
  }
  if (agent && !command.action.empty()) {
    co_await obey_agent_action(*this, command);
    co_return;
  }
  if (command.name.empty()) {
    refuse("bad_command", "Say what to do: {\"type\":\"subscribe\",…}.", command.ref);
    co_return;
  }
  bool known = false;
  if (route_ == WsRoute::rooms) co_await obey_room_command(*this, command, known);
  if (route_ == WsRoute::admin) co_await obey_admin_command(*this, command, known);
  if (!known) co_await obey_stream_command(*this, command, known);
  if (known) co_return;
  refuse("unknown_command", fmt::format("There is no command `{}` here.", command.name),
         command.ref);
}

void WsSession::closed(CloseReason reason) {
  service_.counters.ws_open.sub();
  if (membership) std::exchange(membership, nullptr)->closed(*this);
  if (!running_ && !inflating_ && work_) service_.websockets().give_back(std::move(work_));
  ClientAddress::TextBuffer client;
  log_debug("websocket closed", {{"client_ip", address().text(client)},
                                 {"client", id()},
                                 {"reason", close_reason_name(reason)}});
}

}  // namespace ringcast
