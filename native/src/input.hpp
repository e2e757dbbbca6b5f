// Received bytes as the bulk calls read them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bulk.hpp"

namespace native {

// The bytes of one item, in memory or in an open file, readable from the start as often as needed.
class Input {
 public:
  explicit Input(Bytes bytes) : bytes_(bytes) {}
  explicit Input(int fd) : fd_(fd) {}
  // Up to `size` bytes from where the last read ended; 0 at the end.
  size_t read(void* to, size_t size) {
    if (fd_ < 0) {
      const size_t got = std::min(size, bytes_.size - at_);
      if (got > 0) memcpy(to, bytes_.data + at_, got);
      at_ += got;
      return got;
    }
    ssize_t got;
    do {
      got = ::pread(fd_, to, size, static_cast<off_t>(at_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail("pread", "received object");
    at_ += static_cast<size_t>(got);
    return static_cast<size_t>(got);
  }
  void seek(size_t at) { at_ = at; }

 private:
  Bytes bytes_ = {nullptr, 0};
  int fd_ = -1;
  size_t at_ = 0;
};

}  // namespace native
