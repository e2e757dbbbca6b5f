// SHA-256 through OpenSSL's EVP, as Node carries it: with the processor's own instructions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

struct evp_md_ctx_st;

namespace native {

using Digest = std::array<uint8_t, 32>;

// Reused for message after message: `finish` begins the next one.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const void* data, size_t size);
  void update(const std::string& data) { update(data.data(), data.size()); }
  Digest finish();
  void restart();

 private:
  evp_md_ctx_st* context_;
};

std::string to_hex(const Digest& digest);
// False unless `text` is 64 lower-case hex digits.
bool from_hex(const std::string& text, Digest& digest);

}  // namespace native
