#include "deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <vector>

namespace native {
namespace {

constexpr size_t piece = 64 << 10;
constexpr int raw = -15;  // no zlib wrapper, largest window

[[noreturn]] void invalid(const char* what) { throw DataError("InvalidFormat", what); }

struct Inflater {
  z_stream stream = {};
  Inflater() {
    if (inflateInit2(&stream, raw) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
};

// Each thread keeps one inflater: its 40 KiB of state would otherwise be allocated per file.
z_stream& inflater() {
  thread_local Inflater kept;
  inflateReset(&kept.stream);
  return kept.stream;
}

}  // namespace

void inflate_stream(const Source& source, uint64_t size, const Bulk& bulk, const Sink& sink) {
  z_stream& stream = inflater();
  std::vector<uint8_t> out(std::min<uint64_t>(size, piece - 1) + 1);
  uint64_t total = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    const std::string_view in = source();
    if (in.empty()) invalid("compressed content ends early");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream.avail_in = static_cast<uInt>(in.size());
    do {
      // One piece of input may be a thousand pieces of output.
      bulk.check();
      stream.next_out = out.data();
      stream.avail_out = static_cast<uInt>(out.size());
      status = inflate(&stream, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) invalid("damaged compressed content");
      const size_t got = out.size() - stream.avail_out;
      total += got;
      if (total > size) invalid("content is larger than its header says");
      if (got > 0) sink(out.data(), got);
    } while (status == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
  }
  if (total != size) invalid("content is smaller than its header says");
  if (stream.avail_in > 0 || !source().empty()) invalid("bytes after the compressed content");
}

struct Deflater::State {
  z_stream stream = {};
  std::vector<uint8_t> out = std::vector<uint8_t>(piece);
};

Deflater::Deflater(int level, Sink sink) : state_(new State), sink_(std::move(sink)) {
  constexpr int memory = 8;  // zlib's default
  if (deflateInit2(&state_->stream, level, Z_DEFLATED, raw, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
    delete state_;
    throw std::bad_alloc();
  }
}

Deflater::~Deflater() {
  deflateEnd(&state_->stream);
  delete state_;
}

void Deflater::push(const uint8_t* data, size_t size, bool last) {
  z_stream& stream = state_->stream;
  stream.next_in = const_cast<Bytef*>(data);
  stream.avail_in = static_cast<uInt>(size);
  do {
    stream.next_out = state_->out.data();
    stream.avail_out = static_cast<uInt>(state_->out.size());
    if (deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR) throw DataError("Failed", "deflate failed");
    const size_t got = state_->out.size() - stream.avail_out;
    if (got > 0) sink_(state_->out.data(), got);
  } while (stream.avail_out == 0);
}

}  // namespace native
