#include "xz.hpp"

#include <lzma.h>

#include <memory>
#include <new>
#include <vector>

#include "input.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

constexpr size_t piece = 256 << 10;

struct Decoder {
  lzma_stream stream = LZMA_STREAM_INIT;
  explicit Decoder(uint64_t memory_limit) {
    if (lzma_stream_decoder(&stream, memory_limit, LZMA_CONCATENATED) != LZMA_OK) throw std::bad_alloc();
  }
  ~Decoder() { lzma_end(&stream); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

[[noreturn]] void refuse(lzma_ret status) {
  switch (status) {
    case LZMA_MEMLIMIT_ERROR: throw DataError("LimitExceeded", "xz data needs too much memory to decode");
    case LZMA_MEM_ERROR: throw std::bad_alloc();
    case LZMA_FORMAT_ERROR: throw DataError("InvalidFormat", "not xz data");
    case LZMA_OPTIONS_ERROR: throw DataError("InvalidFormat", "xz data of an unknown kind");
    case LZMA_BUF_ERROR: throw DataError("InvalidFormat", "xz data ends early");
    default: throw DataError("InvalidFormat", "damaged xz data");
  }
}

}  // namespace

std::string unxz(const Source& source, uint64_t limit, uint64_t memory_limit, const Bulk& bulk) {
  Decoder decoder(memory_limit);
  lzma_stream& stream = decoder.stream;
  std::vector<uint8_t> out(piece);
  std::string content;
  lzma_action action = LZMA_RUN;
  for (;;) {
    // One piece of input may be ten thousand pieces of output.
    bulk.check();
    if (stream.avail_in == 0 && action == LZMA_RUN) {
      const std::string_view in = source();
      if (in.empty()) action = LZMA_FINISH;
      stream.next_in = reinterpret_cast<const uint8_t*>(in.data());
      stream.avail_in = in.size();
    }
    stream.next_out = out.data();
    stream.avail_out = out.size();
    const lzma_ret status = lzma_code(&stream, action);
    const size_t got = out.size() - stream.avail_out;
    if (content.size() + got > limit) throw DataError("LimitExceeded", "xz data has more content than the limit of " + std::to_string(limit) + " bytes");
    content.append(reinterpret_cast<const char*>(out.data()), got);
    if (status == LZMA_STREAM_END) return content;
    if (status != LZMA_OK) refuse(status);
  }
}

namespace {

Napi::Value decode_xz(const Info& info) {
  Request request(info);
  auto inputs = std::make_shared<std::vector<Bytes>>(request.buffers("data"));
  const auto limit = static_cast<uint64_t>(request.number("maxBytes"));
  const auto memory_limit = request.has("memoryLimit") ? static_cast<uint64_t>(request.number("memoryLimit")) : xz_memory_limit;
  auto content = std::make_shared<std::string>();
  const auto work = [=](Bulk& bulk) {
    size_t next = 0;
    const Source source = [&]() -> std::string_view {
      while (next < inputs->size() && (*inputs)[next].size == 0) next++;
      if (next == inputs->size()) return {};
      const Bytes& bytes = (*inputs)[next++];
      return {reinterpret_cast<const char*>(bytes.data), bytes.size};
    };
    *content = unxz(source, limit, memory_limit, bulk);
  };
  return start_bulk(info.Env(), request, work, [content](Napi::Env env) -> Napi::Value {
    return Napi::Buffer<char>::Copy(env, content->data(), content->size());
  });
}

}  // namespace

void export_xz(Napi::Env env, Napi::Object exports) { exports.Set("decodeXz", Napi::Function::New(env, decode_xz, "decodeXz")); }

}  // namespace native
