#include "net/websocket_reader.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/frame_pool.h"
#include "net/websocket_inflater.h"

namespace ringcast {
namespace {

// How much memory is taken for what was announced and has not come.
constexpr std::uint64_t kMostAhead = 1 << 20;

}  // namespace

struct WebSocketReader::Split {
  std::size_t size = 0;
  char bytes[kMostControlBytes];

  static_assert(kMostControlBytes >= kMostWsHeaderBytes);
  static Split* make() { return new (FramePool::allocate(sizeof(Split))) Split; }
};

WebSocketReader::WebSocketReader(WsRole role, const WsLimits& limits, Inflater* inflater)
    : limits_(limits), inflater_(inflater), role_(role) {}

WebSocketReader::~WebSocketReader() { drop_split(); }

void WebSocketReader::drop_split() {
  if (split_ != nullptr) FramePool::release(split_, sizeof(Split));
  split_ = nullptr;
}

void WebSocketReader::feed(std::span<char> bytes) {
  RINGCAST_CHECK(at_ == end_ && !inflating());
  slices_.reset();
  if (failed() || closed_) return;
  at_ = bytes.data();
  end_ = at_ + bytes.size();
}

bool WebSocketReader::in_message() const {
  return opcode_ != WsOpcode::continuation || in_frame_ || split_ != nullptr;
}

bool WebSocketReader::next(WsMessage& message) {
  if (given_) held_.release();
  if (split_given_) drop_split();
  given_ = split_given_ = false;
  if (inflating()) return inflate_slice() && finish_inflating() && give_held(message);
  while (!failed() && !closed_) {
    if (!in_frame_ && !take_header()) return false;
    if (is_control(control_)) {
      if (take_control(message)) return true;
    } else if (take_data(message)) {
      return true;
    }
    if (inflating()) return false;
    if (in_frame_ && at_ == end_) return false;
  }
  return false;
}

// --- frames ---

bool WebSocketReader::fail(Failure failure) {
  failure_ = failure;
  at_ = end_ = nullptr;
  in_frame_ = false;
  held_.release();
  slices_.reset();
  drop_split();
  return false;
}

std::span<char> WebSocketReader::take(std::uint64_t most) {
  const auto n =
      static_cast<std::size_t>(std::min<std::uint64_t>(most, static_cast<std::size_t>(end_ - at_)));
  const std::span<char> piece(at_, n);
  at_ += n;
  return piece;
}

void WebSocketReader::unmask(std::span<char> piece) {
  if (role_ == WsRole::client) return;
  apply_mask(piece, mask_);
  std::rotate(mask_.begin(), mask_.begin() + piece.size() % mask_.size(), mask_.end());
}

bool WebSocketReader::take_header() {
  WsFrameHeader header;
  if (split_ == nullptr) {
    if (at_ == end_) return false;
    switch (parse_frame_header({at_, end_}, header)) {
      case WsHeaderState::complete:
        at_ += header.bytes;
        return begin_frame(header);
      case WsHeaderState::failed:
        return fail(Failure::bad_header);
      case WsHeaderState::needs_more:
        split_ = Split::make();
    }
  }
  while (at_ != end_) {
    split_->bytes[split_->size++] = *at_++;
    const auto state = parse_frame_header({split_->bytes, split_->size}, header);
    if (state == WsHeaderState::failed) return fail(Failure::bad_header);
    if (state == WsHeaderState::complete) {
      drop_split();
      return begin_frame(header);
    }
  }
  return false;
}

bool WebSocketReader::begin_frame(const WsFrameHeader& header) {
  if (header.masked != (role_ == WsRole::server)) {
    return fail(role_ == WsRole::server ? Failure::not_masked : Failure::masked);
  }
  mask_ = header.mask;
  frame_left_ = header.length;
  control_ = is_control(header.opcode) ? header.opcode : WsOpcode::continuation;
  in_frame_ = true;
  if (!is_control(header.opcode)) return begin_data(header);
  return header.rsv1 ? fail(Failure::bad_rsv1) : true;
}

std::uint64_t WebSocketReader::wire_limit(std::uint64_t limit) const {
  return compressed_ ? limit + limit / 256 + 64 : limit;
}

bool WebSocketReader::begin_data(const WsFrameHeader& header) {
  const bool first = header.opcode != WsOpcode::continuation;
  if (first && opcode_ != WsOpcode::continuation) return fail(Failure::message_within_message);
  if (!first && opcode_ == WsOpcode::continuation) return fail(Failure::nothing_to_continue);
  if (header.rsv1 && (!first || inflater_ == nullptr)) return fail(Failure::bad_rsv1);
  if (first) {
    opcode_ = header.opcode;
    compressed_ = header.rsv1;
    text_.reset();
  }
  fin_ = header.fin;
  if (header.length > wire_limit(limits_.max_frame_bytes)) return fail(Failure::too_big);
  // What is inflated at once counts by what it becomes.
  const bool counts = !compressed_ || !inflater_->keeps_context();
  const std::uint64_t most = wire_limit(limits_.max_message_bytes);
  if (counts && (header.length > most || held_.size() > most - header.length)) {
    return fail(Failure::too_big);
  }
  return true;
}

// --- control frames (§5.5) ---

bool WebSocketReader::take_control(WsMessage& message) {
  const std::span<char> piece = take(frame_left_);
  frame_left_ -= piece.size();
  unmask(piece);
  if (frame_left_ == 0 && split_ == nullptr) return give_control(message, piece);
  if (split_ == nullptr) split_ = Split::make();
  std::ranges::copy(piece, split_->bytes + split_->size);
  split_->size += piece.size();
  if (frame_left_ > 0) return false;
  return give_control(message, {split_->bytes, split_->size});
}

bool WebSocketReader::give_control(WsMessage& message, std::span<char> payload) {
  in_frame_ = false;
  message = {.opcode = control_, .payload = {payload.data(), payload.size()}};
  if (control_ == WsOpcode::close) {
    message.close_code = ws_close::kNoCode;
    if (payload.size() == 1) return fail(Failure::bad_close);
    if (payload.size() >= 2) {
      message.close_code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                                      static_cast<unsigned char>(payload[1]));
      message.payload.remove_prefix(2);
      if (!is_close_code(message.close_code)) return fail(Failure::bad_close);
    }
    Utf8Validator reason;
    if (!reason.feed(message.payload) || !reason.at_boundary()) {
      return fail(Failure::bad_close_reason);
    }
    closed_ = true;
    at_ = end_ = nullptr;
  }
  split_given_ = split_ != nullptr;
  return true;
}

// --- data frames (§5.4, §5.6) ---

bool WebSocketReader::take_data(WsMessage& message) {
  const std::span<char> piece = take(frame_left_);
  frame_left_ -= piece.size();
  unmask(piece);
  const std::string_view bytes(piece.data(), piece.size());
  const bool whole = fin_ && frame_left_ == 0;
  if (whole && held_.empty() && !compressed_) {
    // All of it lies in what was fed.
    if (!check_text(bytes)) return false;
    return give(message, bytes);
  }
  if (!(compressed_ ? take_compressed(bytes) : collect(bytes))) return false;
  if (frame_left_ > 0) return false;
  in_frame_ = false;
  if (!fin_) return false;
  if (compressed_ && !(inflate_whole() && finish_inflating())) return false;
  return give_held(message);
}

bool WebSocketReader::give_held(WsMessage& message) {
  given_ = true;
  return give(message, held_.view());
}

bool WebSocketReader::check_text(std::string_view piece) {
  if (opcode_ != WsOpcode::text || text_.feed(piece)) return true;
  return fail(Failure::bad_text);
}

bool WebSocketReader::collect(std::string_view piece) {
  if (!check_text(piece)) return false;
  const std::uint64_t ahead = std::min(frame_left_, kMostAhead);
  const std::size_t wanted = piece.size() + static_cast<std::size_t>(ahead);
  if (!held_.may_append(wanted)) return fail(Failure::too_busy);
  if (!piece.empty()) held_.room(wanted);
  held_.append(piece);
  return true;
}

// An inflater that others use too gets a message as a whole: what it knows of one must not meet a
// piece of another.
bool WebSocketReader::take_compressed(std::string_view piece) {
  if (inflater_->keeps_context()) return inflate(piece, held_);
  if (!held_.may_append(piece.size())) return fail(Failure::too_busy);
  held_.append(piece);
  return true;
}

bool WebSocketReader::inflate(std::string_view piece, Buffer& out) {
  const std::size_t before = out.size();
  return settle(inflater_->inflate(piece, out, limits_.max_message_bytes), out, before);
}

bool WebSocketReader::settle(Inflater::Outcome outcome, const Buffer& out, std::size_t before) {
  // What came out before is judged first, as if it had come piece by piece.
  if (!check_text(out.view().substr(before))) return false;
  if (outcome == Inflater::Outcome::corrupt) return fail(Failure::bad_deflate);
  if (outcome == Inflater::Outcome::too_big) return fail(Failure::too_big);
  if (outcome == Inflater::Outcome::too_busy) return fail(Failure::too_busy);
  if (outcome == Inflater::Outcome::no_memory) return fail(Failure::no_memory);
  return true;
}

// What was collected becomes what it inflates to. False: failed, or inflating() from now on.
bool WebSocketReader::inflate_whole() {
  if (inflater_->keeps_context()) return true;  // it was inflated as it came
  Buffer compressed = std::move(held_);
  std::string_view left = compressed.view();
  inflater_->begin();
  const auto outcome = inflater_->inflate_some(left, held_, limits_.max_message_bytes);
  if (!settle(outcome, held_, 0)) return false;
  if (outcome != Inflater::Outcome::more) return true;
  auto slices = std::make_unique<Slices>(std::move(compressed), left);
  const auto behind = static_cast<std::size_t>(end_ - at_);
  if (!slices->later.may_append(behind)) return fail(Failure::too_busy);
  slices->later.append({at_, behind});
  slices_ = std::move(slices);  // what was read may have been in the one before
  at_ = end_ = nullptr;
  return false;
}

bool WebSocketReader::inflate_slice() {
  const std::size_t before = held_.size();
  const auto outcome = inflater_->inflate_some(slices_->left, held_, limits_.max_message_bytes);
  if (!settle(outcome, held_, before) || outcome == Inflater::Outcome::more) return false;
  slices_->compressed.release();
  at_ = slices_->later.bytes().data();
  end_ = at_ + slices_->later.size();
  return true;
}

bool WebSocketReader::finish_inflating() {
  const std::size_t before = held_.size();
  return settle(inflater_->finish(held_, limits_.max_message_bytes), held_, before);
}

bool WebSocketReader::give(WsMessage& message, std::string_view payload) {
  if (opcode_ == WsOpcode::text && !text_.at_boundary()) return fail(Failure::bad_text);
  message = {.opcode = opcode_, .payload = payload};
  opcode_ = WsOpcode::continuation;
  in_frame_ = compressed_ = false;
  return true;
}

std::span<char> WebSocketReader::room() {
  const bool data = in_frame_ && !is_control(control_) && !compressed_ && frame_left_ > 0;
  if (!data || given_ || at_ != end_) return {};
  const auto most = static_cast<std::size_t>(std::min(frame_left_, kMostAhead));
  if (!held_.may_append(most)) return {};
  return held_.room(most).first(most);
}

void WebSocketReader::filled(std::size_t bytes) {
  RINGCAST_CHECK(bytes <= frame_left_ && at_ == end_);
  const std::span<char> piece = held_.room(0).first(bytes);
  unmask(piece);
  frame_left_ -= bytes;
  if (!check_text({piece.data(), piece.size()})) return;
  held_.grown(bytes);
}

// --- failures (§7.4.1) ---

std::uint16_t WebSocketReader::close_code() const {
  switch (failure_) {
    case Failure::bad_close_reason:
    case Failure::bad_text:
    case Failure::bad_deflate:
      return ws_close::kInvalidData;
    case Failure::too_big:
      return ws_close::kTooBig;
    case Failure::too_busy:
      return ws_close::kTryAgainLater;
    case Failure::no_memory:
      return ws_close::kInternalError;
    default:
      return ws_close::kProtocolError;
  }
}

std::string_view WebSocketReader::close_reason() const {
  switch (failure_) {
    case Failure::none:
      return {};
    case Failure::bad_header:
      return "malformed frame header";
    case Failure::not_masked:
      return "a client masks its frames";
    case Failure::masked:
      return "a server does not mask its frames";
    case Failure::bad_rsv1:
      return "RSV1 does not belong there";
    case Failure::nothing_to_continue:
      return "there is no message to continue";
    case Failure::message_within_message:
      return "a message begins within another";
    case Failure::bad_close:
      return "malformed close frame";
    case Failure::bad_close_reason:
      return "the close reason is not UTF-8";
    case Failure::bad_text:
      return "text is not UTF-8";
    case Failure::bad_deflate:
      return "compressed data is corrupt";
    case Failure::too_big:
      return "message too big";
    case Failure::too_busy:
      return "too much is held for others";
    case Failure::no_memory:
      return "out of memory";
  }
  return {};
}

}  // namespace ringcast
