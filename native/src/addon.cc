// The door of the addon: everything it exports, and the helpers its doors share.
#include <uv.h>

#include <cerrno>
#include <system_error>

#include "arguments.hpp"
#include "bulk.hpp"

namespace native {

namespace {

// Errors of file systems that libuv has no name for ("Unknown system error -122"); a full quota is one of them.
const char* missing_name(int error) {
  switch (error) {
    case EBADMSG: return "EBADMSG";
    case EDEADLK: return "EDEADLK";
    case EDQUOT: return "EDQUOT";
    case ENOLCK: return "ENOLCK";
    case ENOLINK: return "ENOLINK";
    case ESTALE: return "ESTALE";
    case EUCLEAN: return "EUCLEAN";
    default: return nullptr;
  }
}

}  // namespace

Napi::Error system_error(Napi::Env env, const SystemError& error) {
  const char* missing = missing_name(error.error);
  const std::string code = missing == nullptr ? uv_err_name(-error.error) : missing;
  const std::string text = missing == nullptr ? uv_strerror(-error.error) : std::generic_category().message(error.error);
  std::string message = code + ": " + text + ", " + error.syscall;
  if (!error.path.empty()) message += " '" + escaped(error.path) + "'";
  Napi::Error result = Napi::Error::New(env, message);
  result.Set("code", Napi::String::New(env, code));
  result.Set("errno", Napi::Number::New(env, error.error));
  result.Set("syscall", Napi::String::New(env, error.syscall));
  if (!error.path.empty()) result.Set("path", Napi::String::New(env, escaped(error.path)));
  return result;
}

namespace {

// Length of the UTF-8 sequence that starts at `at`, or 0 if none does.
size_t sequence_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t index) { return index < text.size() ? static_cast<uint8_t>(text[index]) : uint8_t{0}; };
  const auto tail = [&](size_t index) { return (byte(index) & 0xc0) == 0x80; };
  const uint8_t first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(at + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!tail(at + 1) || !tail(at + 2)) return 0;
    if (first == 0xe0 && byte(at + 1) < 0xa0) return 0;
    if (first == 0xed && byte(at + 1) > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!tail(at + 1) || !tail(at + 2) || !tail(at + 3)) return 0;
    if (first == 0xf0 && byte(at + 1) < 0x90) return 0;
    if (first == 0xf4 && byte(at + 1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

bool is_utf8(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string escaped(const std::string& text) {
  static const char digits[] = "0123456789abcdef";
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    const auto first = static_cast<uint8_t>(text[at]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      result += {'\\', 'x', digits[first >> 4], digits[first & 15]};
      at += 1;
    } else {
      result.append(text, at, length);
      at += length;
    }
  }
  return result;
}

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  export_thin(env, exports);
  export_attributes(env, exports);
  export_freeze(env, exports);
  export_hashing(env, exports);
  export_ingest_tree(env, exports);
  export_ingest_filez(env, exports);
  export_checkout(env, exports);
  export_import(env, exports);
  export_publish(env, exports);
  export_remove(env, exports);
  export_copy_tree(env, exports);
  export_durable(env, exports);
  export_xz(env, exports);
  export_apply_delta(env, exports);
  return exports;
}

}  // namespace
}  // namespace native

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return native::init(env, exports); }
NODE_API_MODULE(atomic, Init)
