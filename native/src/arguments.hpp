// Reading the arguments of a call from JavaScript, and throwing what went wrong back to it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "kernel.hpp"

namespace native {

// The named system error as a JavaScript Error with code, errno (positive), syscall and path.
Napi::Error system_error(Napi::Env env, const SystemError& error);

// Throws the current errno into JavaScript.
[[noreturn]] inline void throw_errno(const Napi::CallbackInfo& info, const char* syscall, const std::string& path = "") {
  throw system_error(info.Env(), SystemError(errno, syscall, path));
}

inline int int_at(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is not a number");
  return info[index].As<Napi::Number>().Int32Value();
}

inline int64_t int64_at(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsBigInt()) {
    bool lossless = false;
    return info[index].As<Napi::BigInt>().Int64Value(&lossless);
  }
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " is not a number");
  return info[index].As<Napi::Number>().Int64Value();
}

// A string without NUL: the kernel would silently stop at one.
inline std::string text_of(Napi::Env env, const Napi::Value& value, const char* what) {
  if (!value.IsString()) throw Napi::TypeError::New(env, std::string(what) + " is not a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) throw Napi::TypeError::New(env, std::string(what) + " contains a NUL");
  return text;
}

inline std::string text_at(const Napi::CallbackInfo& info, size_t index) { return text_of(info.Env(), info[index], "argument"); }

struct Bytes {
  uint8_t* data;
  size_t size;
};

inline Bytes bytes_of(Napi::Env env, const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(env, "argument is not a Uint8Array");
  }
  auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

inline Bytes bytes_at(const Napi::CallbackInfo& info, size_t index) { return bytes_of(info.Env(), info[index]); }

// True if the bytes are UTF-8 as RFC 3629 has it (no overlong forms, no surrogates).
bool is_utf8(const std::string& text);

// Bytes for a message: everything that is not printable ASCII or UTF-8 as \xNN.
std::string escaped(const std::string& text);

void export_thin(Napi::Env env, Napi::Object exports);
void export_attributes(Napi::Env env, Napi::Object exports);
void export_freeze(Napi::Env env, Napi::Object exports);

}  // namespace native
