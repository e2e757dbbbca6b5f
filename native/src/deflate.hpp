// Raw deflate streams, with caps on what comes out.
#pragma once

#include <functional>
#include <string>

#include "bulk.hpp"

namespace native {

using Sink = std::function<void(const uint8_t*, size_t)>;
// Gives the next piece of input, empty at its end.
using Source = std::function<std::string_view()>;

// Inflates until the stream ends. DataError 'InvalidFormat' if it is damaged, does not end, yields more or less than `size`
// bytes, or bytes follow it.
void inflate_stream(const Source& source, uint64_t size, const Bulk& bulk, const Sink& sink);

class Deflater {
 public:
  Deflater(int level, Sink sink);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  void update(const uint8_t* data, size_t size) { push(data, size, false); }
  void finish() { push(nullptr, 0, true); }

 private:
  void push(const uint8_t* data, size_t size, bool last);
  struct State;
  State* state_;
  Sink sink_;
};

}  // namespace native
