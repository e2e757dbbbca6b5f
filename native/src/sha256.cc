#include "sha256.hpp"

#include <openssl/evp.h>

#include <new>
#include <stdexcept>

namespace native {
namespace {

// Fetching looks the algorithm up under a lock: once is enough.
const EVP_MD* algorithm() {
  static EVP_MD* fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched != nullptr ? fetched : EVP_sha256();
}

void require(int ok) {
  if (ok != 1) throw std::runtime_error("SHA-256 failed");
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  restart();
}
Sha256::~Sha256() { EVP_MD_CTX_free(context_); }
void Sha256::restart() { require(EVP_DigestInit_ex(context_, algorithm(), nullptr)); }
void Sha256::update(const void* data, size_t size) { require(EVP_DigestUpdate(context_, data, size)); }
Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(context_, digest.data(), nullptr));
  restart();
  return digest;
}

std::string to_hex(const Digest& digest) {
  static const char digits[] = "0123456789abcdef";
  std::string text(64, '0');
  for (size_t i = 0; i < digest.size(); i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  return text;
}

bool from_hex(const std::string& text, Digest& digest) {
  if (text.size() != 64) return false;
  for (size_t i = 0; i < digest.size(); i++) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    digest[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

}  // namespace native
